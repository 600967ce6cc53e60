-- Variables that are closed. Prints what it sees; run by gort and by lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end
local function closer(name, err)
  return setmetatable({}, { __close = function(_, e)
    show("close", name, e)
    if err then error(err, 0) end
  end })
end

do
  local a <close> = closer("a")
  local b <close> = closer("b")
  local c <close> = nil
  local d <close> = false
  show("body")
end
show(pcall(function() local x <close> = {} end))
show(pcall(function() local x <close> = 42 end))

local function values()
  local a <close> = closer("after values")
  return 1, 2, 3
end
show(values())
local function tail()
  local a <close> = closer("no tail call")
  return values()
end
show(tail())

for i = 1, 2 do
  local a <close> = closer("loop " .. i)
  if i == 2 then break end
end
do
  local n = 0
  ::again::
  do
    local a <close> = closer("goto " .. n)
    n = n + 1
    if n < 3 then goto again end
  end
end
for k in next, { x = 1 }, nil, closer("generic for") do show(k) end
show(pcall(function()
  for _ in next, { x = 1 }, nil, closer("for with error") do error("E", 0) end
end))

-- errors on the way
show(pcall(function()
  local a <close> = closer("a", "A")
  local b <close> = closer("b", "B")
  local c <close> = closer("c")
  error("body", 0)
end))
show(pcall(function()
  local a <close> = closer("a", "A")
  return "value"
end))
show(xpcall(function()
  local a <close> = closer("a", "A")
  error("body", 0)
end, function(m) return "handled " .. tostring(m) end))
show(pcall(function()
  local a <close> = setmetatable({}, { __close = "not callable" })
end))

-- a file
local name = os.tmpname()
do
  local f <close> = io.open(name, "w")
  f:write("x")
end
local kept
do
  local f <close> = io.open(name)
  kept = f
end
show(io.type(kept), pcall(kept.read, kept))
os.remove(name)

-- constants
show(load("local x <const> = 1; x = 2"))
show(load("local x <close> = nil; x = 2"))
show(load("local x <foo> = 1"))
show(load("local x <close>, y <close> = nil, nil"))
show(load("local x <const> = 1; return function() x = 2 end"))
local c <const>, d = 10, 20
show((function() d = d + c return d end)())

-- goto
show(load("goto nowhere"))
show(load("do ::a:: end goto a"))
show(load("::a:: ::a::"))
show(load("goto f; local x; ::f:: print(x)"))
show(load("break"))
do
  local t = {}
  for i = 1, 3 do
    for j = 1, 3 do
      if j == 2 then goto continue end
      t[#t + 1] = i .. j
      ::continue::
    end
  end
  show(table.concat(t, " "))
end

-- the end of the program
local last <close> = closer("main chunk")
setmetatable({}, { __gc = function() show("finalizer") end })
local in_coroutine = coroutine.wrap(function()
  local never <close> = closer("in a coroutine: not closed")
  os.exit(3, true)
end)
local other <close> = closer("main chunk, too", "with an error")
in_coroutine()
