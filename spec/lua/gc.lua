-- The collector. Prints what it sees; run by gort and by lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end

show(collectgarbage("incremental"))
show(collectgarbage("generational"))
show(collectgarbage("incremental", 100, 200, 10))
show(collectgarbage("incremental"))
show(collectgarbage("setpause", 150), collectgarbage("setpause", 200))
show(collectgarbage("setstepmul", 300), collectgarbage("setstepmul", 100))
show(collectgarbage("isrunning"))
show(collectgarbage("stop"), collectgarbage("isrunning"))
show(collectgarbage("restart"), collectgarbage("isrunning"))
show(math.type(collectgarbage("count")), collectgarbage(), collectgarbage(nil))
show(collectgarbage("step", 0) ~= nil)
repeat until collectgarbage("step", 100)
show(pcall(collectgarbage, "nothing"))
show(pcall(collectgarbage, "setpause", "x"))

-- memory comes back
local function junk() for i = 1, 1e5 do local _ = { i } end end
collectgarbage()
local before = collectgarbage("count")
junk()
collectgarbage()
show(collectgarbage("count") < before + 500)

-- weak tables
for _, mode in ipairs { "k", "v", "kv" } do
  local t = setmetatable({}, { __mode = mode })
  t[1] = {}
  t[{}] = 1
  t[{}] = {}
  t.s = "string"
  t["a" .. 1] = "b" .. 2
  collectgarbage()
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  show(mode, n)
end
local e = setmetatable({}, { __mode = "k" })
do
  local k = {}
  e[k] = { k }
end
collectgarbage()
collectgarbage()
show("ephemeron", next(e))

-- finalizers
local order = {}
for i = 1, 3 do
  setmetatable({}, { __gc = function() order[#order + 1] = i end })
end
collectgarbage()
show(table.concat(order, " "))
local revived
do
  local x = setmetatable({ name = "x" }, { __gc = function(o) revived = o end })
  x = nil
end
collectgarbage()
show(revived and revived.name)
warn("@on")
setmetatable({}, { __gc = function() error("in finalizer") end })
collectgarbage()
setmetatable({}, { __gc = function() error({}) end })
collectgarbage()
warn("@off")
setmetatable({}, { __gc = function() error("not shown") end })
collectgarbage()
do
  local co = coroutine.wrap(function()
    local x <close> = setmetatable({}, { __close = function() end })
    setmetatable({}, { __gc = function() show("in a coroutine") end })
    collectgarbage()
    coroutine.yield()
  end)
  co()
end
for _, mode in ipairs { "generational", "incremental" } do
  collectgarbage(mode)
  local list = {}
  for i = 1, 2e4 do list[i % 100] = { list[(i - 1) % 100] and {} or i } end
  local co = {}
  for i = 1, 500 do
    co[i] = coroutine.wrap(function(x)
      while true do x = coroutine.yield({ x }) end
    end)
    co[i](i)
  end
  local s = 0
  for _ = 1, 5 do
    for i = 1, 500 do s = s + co[i](i)[1] end
  end
  show(mode, s, #list)
end
-- at the end, in reverse
for i = 1, 3 do
  _G["last" .. i] = setmetatable({}, { __gc = function() show("last", i) end })
end
setmetatable(_G, { __gc = function() show("globals") end })
