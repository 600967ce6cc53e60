-- Files and the system. Prints what it sees; run by gort and by lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end
local name = os.tmpname()
local function clean(...)
  local t = table.pack(...)
  for k = 1, t.n do
    if type(t[k]) == "string" then
      t[k] = t[k]:gsub(name:gsub("%p", "%%%0"), "NAME")
    elseif type(t[k]) == "userdata" then
      t[k] = io.type(t[k])
    end
  end
  show(table.unpack(t, 1, t.n))
end

local f = assert(io.open(name, "w"))
clean(f:write("one\n", 2, "\n", 3.5, " ", 1e100, " ", 2^53, " ", -0.0, "\n"))
clean(f:write())
clean(pcall(f.write, f, "before", {}, "after"))
clean(pcall(f.write))
clean(pcall(f.write, 5))
clean(f:seek("cur"), f:seek("set", 2), f:seek("end"))
clean(f:setvbuf("full", 100), f:setvbuf("no"), f:flush())
clean(f:close(), pcall(f.close, f), pcall(f.write, f, "x"))
clean(tostring(f), io.type(f), io.type(5))
f = assert(io.open(name))
clean(f:read("l", "n", "n", "l", "a", "a", "l"))
clean(f:seek("set"), f:read(3, 0, "L", 1), f:read(0))
clean(f:write("not writable"))
clean(pcall(f.lines, f, "x"))
clean(f:seek("set"))
for line in f:lines("L") do clean(line) end
f:close()
for a, b in io.lines(name, 1, 2) do clean(a, b) break end
clean(pcall(io.lines, "/nonexistent/file"))
clean(io.open("/nonexistent/file"))
clean(pcall(io.open, name, "rx"))

-- standard files
clean(io.output():write("to stdout\n") == io.stdout)
clean(io.write("a", 1, 2.5, "\n") == io.stdout)
clean(pcall(io.write, "shown ", nil, "not shown"))
io.output(name)
clean(io.write("redirected"), io.output() ~= io.stdout)
io.close()
clean(pcall(io.write, "x"))
io.output(io.stdout)
io.input(name)
clean(io.read("a"), io.read("l"))
io.close(io.input())
clean(pcall(io.read))
io.stderr:write("to stderr ", 5, "\n")
local full = io.open("/dev/full", "w")
full:setvbuf("no")
clean(full:write("x"))
full:close()

-- other processes
clean(os.execute("exit 3"))
clean(os.execute("kill -9 $$"))
clean(os.execute("true"))
clean(os.execute())
local p = io.popen("echo out; exit 5")
clean(p:read("a"), p:close())
clean(os.getenv("NO_SUCH_VARIABLE"), type(os.getenv("PATH")))
clean(os.rename(name, name .. ".2"), os.rename(name, name .. ".3"))
clean(os.remove(name .. ".2"), os.remove(name))
clean(os.date("!%Y-%m-%d %H:%M:%S", 0))
clean(os.time { year = 2000, month = 1, day = 1, hour = 12 }
  - os.time { year = 1999, month = 12, day = 31, hour = 12 })
clean(os.setlocale(), os.setlocale("C"), os.difftime(5, 3), type(os.clock()))
clean(pcall(os.date, "%"))

-- print and warn
print()
print(nil, true, 1, 1.0, -0.0, 1e15, 1e16, 2^63, math.mininteger, 0/0 ~= 0/0)
print(setmetatable({}, { __tostring = function() return "T" end }),
  tostring(setmetatable({}, { __name = "N" })):match "^N: " ~= nil)
warn("@on")
warn("one")
warn("two ", "pieces")
warn("@off", " no control")
warn("@unknown")
warn("@off")
warn("silent")
warn("silent ", "@on")
warn("shown ", "again")
