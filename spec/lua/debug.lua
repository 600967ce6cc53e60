-- debug.*. Prints what it sees; run by gort and by lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end

-- getinfo
local function f(a, b, ...)
  local c = 3
  local info = debug.getinfo(1, "nSlutf")
  show(info.name, info.namewhat, info.short_src, info.source, info.what,
    info.currentline, info.linedefined, info.lastlinedefined, info.nups,
    info.nparams, info.isvararg, info.istailcall, info.func == f)
  for i = 1, 5 do show(debug.getlocal(1, i)) end
  show(debug.getlocal(1, -1))
  show(debug.getlocal(1, -3))
  return c
end
f(1, 2, "x", "y")
local t = { method = function(self) return debug.getinfo(1, "n").name end }
show((t:method()))
show((function() return debug.getinfo(1, "t").istailcall end)())
local main = debug.getinfo(1, "S")
show(main.what, main.short_src == main.source:sub(2))
for level = 0, 3 do
  local info = debug.getinfo(level, "Sn")
  show(level, info and info.what, info and info.namewhat)
end
show(debug.getinfo(1000), pcall(debug.getinfo, 1, "X"))
show(pcall(debug.getinfo, "x"))
show(pcall(debug.getinfo))
show(pcall(debug.getlocal, 1000, 1))
for _, name in ipairs { "print", "pcall", "select", "error", "next", "load",
  "setmetatable", "getmetatable", "tostring", "type", "dofile",
  "collectgarbage" } do
  local info = debug.getinfo(_G[name], "Su")
  show(name, info.what, info.short_src, info.nups, info.isvararg)
end
for _, name in ipairs { "resume", "yield", "status", "close", "running" } do
  local info = debug.getinfo(coroutine[name], "Su")
  show(name, info.what, info.nups)
end
local lines = {}
for line in pairs(debug.getinfo(f, "L").activelines) do
  lines[#lines + 1] = line
end
table.sort(lines)
show(table.concat(lines, " "))

-- upvalues and locals
local x, y = 1, 2
local function g() return x + y end
local function h() return y end
show(debug.getupvalue(g, 1))
show(debug.setupvalue(g, 1, 10), g())
debug.upvaluejoin(g, 1, h, 1)
show(g(), debug.upvalueid(g, 1) == debug.upvalueid(h, 1))
show(debug.getupvalue(print, 1))
show(pcall(debug.upvaluejoin, g, 5, h, 1))
show(debug.getlocal(f, 1), debug.getlocal(f, 2), debug.getlocal(f, 3))
do
  local z = 1
  local i = 1
  while debug.getlocal(1, i) ~= "z" do i = i + 1 end
  show(debug.setlocal(1, i, 5), z)
end

-- tracebacks
show(debug.traceback("message"))
show(debug.traceback("message", 2))
show(debug.traceback(12), debug.traceback(nil) ~= nil)
show(type(debug.traceback({})))
local function three() print(debug.traceback("three")) end
local function two() three() end
local function one() two() return 1 end
one()
pcall(one)
show(xpcall(one, debug.traceback))
local function fail() local nothing; return nothing.field end
print(select(2, xpcall(fail, debug.traceback)))
print(select(2, xpcall(string.rep, debug.traceback)))
print(select(2, xpcall(setmetatable, debug.traceback, 1, 2)))
print(select(2, xpcall(load, debug.traceback, 5)))
print(select(2, xpcall(coroutine.wrap(fail), debug.traceback)))
local function recurse(n)
  if n == 0 then return print(debug.traceback()) end
  recurse(n - 1)
end
recurse(40)
local co = coroutine.create(function(a)
  local b = a
  local function inner() coroutine.yield(b) end
  inner()
  error("after")
end)
coroutine.resume(co, 5)
print(debug.traceback(co))
print(debug.traceback(co, "with message"))
print(debug.traceback(co, nil, 1))
print(debug.traceback(co, "msg", 100))
show(debug.getlocal(co, 1, 1))
show(debug.getlocal(co, 2, 1))
show(debug.getinfo(co, 1, "l").currentline, debug.getinfo(co, 2, "n").namewhat)
coroutine.resume(co)
print(debug.traceback(co))
show(debug.getlocal(co, 1, 2))
print(debug.traceback(coroutine.create(print)))

-- hooks
local events = {}
local function note(event, line)
  events[#events + 1] = event .. (line and ":" .. line or "")
end
local function report()
  debug.sethook()
  show(table.concat(events, " "))
  events = {}
end
show(debug.gethook())
debug.sethook(note, "l")
local a = 1
a = a + 1
report()
debug.sethook(note, "cr")
math.abs(1)
report()
debug.sethook(note, "crl")
show((function() return 1 end)())
report()
for _, count in ipairs { 1, 7, 100, 999, 1000, 1001, 2500 } do
  local n = 0
  debug.sethook(function(e, l) assert(e == "count" and not l) n = n + 1 end,
    "", count)
  for i = 1, 20000 do local _ = i end
  debug.sethook()
  show(count, n)
end
local hook = function() end
debug.sethook(hook, "lr", 5000)
local got, mask, count = debug.gethook()
debug.sethook()
show(got == hook, mask, count)
debug.sethook(hook, "")
show(debug.gethook())
debug.sethook(nil)
show(debug.gethook())
show(pcall(debug.sethook, hook))
show(pcall(debug.sethook, 1, "l"))
show(pcall(debug.sethook, hook, "l", "x"))

-- hooks are per coroutine, inherited as far as the mask goes
co = coroutine.create(function()
  local b = 1
  b = b + 1
  coroutine.yield(debug.gethook())
  b = b + 2
end)
debug.sethook(co, note, "l")
show(debug.gethook(), select(2, debug.gethook(co)))
coroutine.resume(co)
coroutine.resume(co)
report()
debug.sethook(co)
show(debug.gethook(co))

-- errors and locals in a hook
show(pcall(function()
  debug.sethook(function() debug.sethook() error("from hook") end, "l")
  local b = 1
  return b
end))
debug.sethook()
local seen
local function watched(p)
  local q = p * 2
  return q
end
debug.sethook(function(event)
  local info = debug.getinfo(2, "nf")
  if info.func == watched and event == "return" then
    seen = { debug.getlocal(2, 2) }
  end
end, "r")
watched(21)
debug.sethook()
show(seen[1], seen[2])

-- metatables, user values, registry
show(debug.getmetatable("").__index == string)
local u = io.stdout
show(debug.setuservalue(u, 1), debug.getuservalue(u, 1), debug.getuservalue(1))
debug.setmetatable(1, { __index = { double = function(n) return 2 * n end } })
show((5):double())
debug.setmetatable(1, nil)
show(type(debug.getregistry()), debug.getregistry()[2] == _G)
show(getmetatable(string), getmetatable(math), getmetatable(_G))
