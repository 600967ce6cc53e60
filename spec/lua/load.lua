-- load, loadfile, dofile, require. Prints what it sees; run by both.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end

show(load("return 1, 2, ...")(3))
show(load("return x", "n", "t", { x = 5 })())
show(load("x = 1; return x", "n", "t", setmetatable({}, { __newindex =
  function(t, k, v) rawset(t, k, v * 10) end }))())
show(pcall(load("return x", "n", "t", nil)))
local pieces = { "return ", "1", " + ", "", "41" }
local i = 0
show(load(function() i = i + 1 return pieces[i] end))
i = 0
show(load(function() i = i + 1 return pieces[i] ~= "" and pieces[i] or nil end))
pieces[4] = " "
i = 0
show(load(function() i = i + 1 return pieces[i] end)())
show(load(function() return nil end))
show(load(function() error("in reader") end))
show(load(function() return {} end))
show(load(function() return true end))
i = 0
show(load(function() i = i + 1 if i < 3 then return i end end))
show(load("return 1", "=n", "b"))
local dumped = string.dump(load("local a = ... return a, ..."))
show(load(dumped, "=n", "t"))
show(load(dumped)(7))
show(load(dumped:sub(1, 20)))
show(load(dumped, "n", "b")(8))
show(load("return 1", "=n", "x"))
local function up() return show, dumped end
show(pcall(load(string.dump(up))))
show(load("return _ENV == _G")())
show(load("local _ENV = { y = 3 } return y")())
show(#assert(load("return '" .. ("x"):rep(1e6) .. "'"))())
show(load("\xEF\xBB\xBFreturn 1"))
show(load("#!shebang\nreturn 1"))
show(debug.getinfo(load("return 1"), "S").short_src)
show(debug.getinfo(load("return 1", "=(name)"), "S").short_src)
show(debug.getinfo(load(function() end), "S").short_src)

local dir = os.tmpname()
os.remove(dir)
os.execute("mkdir " .. dir)
local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name, "w"))
  f:write(text)
  f:close()
  return dir .. "/" .. name
end
local function clean(...)
  local t = table.pack(...)
  for k = 1, t.n do
    if type(t[k]) == "string" then
      t[k] = t[k]:gsub(dir:gsub("%p", "%%%0"), "DIR")
    end
  end
  show(table.unpack(t, 1, t.n))
end
local file = write("a.lua", "#!/bin/lua\nreturn ..., x")
clean(loadfile(file)(5))
clean(loadfile(file, "t", { x = 6 })())
clean(loadfile(file, "b"))
clean(loadfile(dir .. "/none.lua"))
clean(dofile(file))
clean(pcall(dofile, write("b.lua", "\n\nerror 'here'")))
clean(pcall(dofile, write("c.lua", "x = = 1")))
clean(pcall(dofile, dir .. "/none.lua"))
show(coroutine.wrap(function()
  return dofile(write("d.lua", "return coroutine.yield(1)"))
end)())

-- require
package.path = dir .. "/?.lua;" .. dir .. "/?/init.lua"
package.cpath = dir .. "/?.so"
write("m.lua", "return { name = ..., file = select(2, ...) }")
clean(require("m").name, require("m").file, select(2, require "m"))
show(require "m" == package.loaded.m)
write("n.lua", "loads = (loads or 0) + 1")
clean(require "n")
clean(require "n")
show(loads)
package.loaded.n = nil
clean(require "n")
show(loads)
write("f.lua", "return false")
clean(require "f")
clean(require "f")
write("e.lua", "error('at load')")
clean(pcall(require, "e"))
write("s.lua", "x y")
clean(pcall(require, "s"))
clean(pcall(require, "not.there"))
write("self.lua", "package.loaded[...] = 'itself'")
clean(require "self")
package.preload.pre = function(...) return table.concat({ ... }, " ") end
clean(require "pre")
os.execute("mkdir " .. dir .. "/pkg")
write("pkg/init.lua", "return 'package'")
write("pkg/sub.lua", "return 'sub'")
clean(require "pkg", require "pkg.sub")
clean(package.searchpath("pkg.sub", package.path))
clean(package.searchpath("pkg.no", package.path))
table.insert(package.searchers, 2, function(name)
  if name == "found" then return function(...) return { ... } end, "extra" end
  return "\n\tmy searcher has no " .. name
end)
clean(require("found")[2], select(2, require "found"))
clean(pcall(require, "nope"))
local searchers = package.searchers
package.searchers = nil
clean(pcall(require, "nope"))
package.searchers = searchers
package.path = nil
clean(pcall(require, "nope2"))
package.path = ""
clean(coroutine.wrap(function() return require "m" end)().name)
clean(package.config)
clean(package.loadlib(dir .. "/x.so", "f"))
os.execute("rm -r " .. dir)
