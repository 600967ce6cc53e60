-- Coroutines. Prints what it sees; run by gort and by lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end

-- the main coroutine
local main, is_main = coroutine.running()
show(type(main), is_main, coroutine.isyieldable(), coroutine.isyieldable(main))
show(coroutine.status(main))
show(coroutine.resume(main))
show(pcall(coroutine.yield, 1))
show(pcall(coroutine.close, main))
for _, f in ipairs { "resume", "status", "close", "wrap", "create",
  "isyieldable" } do
  show(f, pcall(coroutine[f], 0))
  show(f, pcall(coroutine[f]))
end

-- values in and out
local co = coroutine.create(function(...)
  show("start", ...)
  show("first", coroutine.yield(1, nil, nil))
  show("second", coroutine.yield())
  return "end", nil
end)
show(coroutine.status(co), coroutine.resume(co, "a", nil))
show(coroutine.status(co), coroutine.resume(co, nil, nil, 3))
show(coroutine.resume(co))
show(coroutine.status(co), coroutine.resume(co))
show(coroutine.close(co), coroutine.status(co))

-- inside
co = coroutine.create(function()
  local self, mine = coroutine.running()
  show(self == co, mine, coroutine.status(self), coroutine.isyieldable())
  show(coroutine.status(main), coroutine.resume(main))
  show(coroutine.resume(self))
  show(pcall(coroutine.close, main))
  show(pcall(coroutine.close, self))
  local inner = coroutine.wrap(function()
    show(coroutine.status(co), coroutine.resume(co))
    show(pcall(coroutine.close, co))
    coroutine.yield(7)
  end)
  show(inner())
end)
show(coroutine.resume(co))

-- wrap
local gen = coroutine.wrap(function()
  for i = 1, 3 do coroutine.yield(i) end
end)
show(gen(), gen(), gen(), gen())
show(pcall(gen))
local bad = coroutine.wrap(function() error("oops") end)
show(pcall(bad))
show(pcall(bad))
bad = coroutine.wrap(function() error({ 1 }) end)
show(type(select(2, pcall(bad))))
bad = coroutine.wrap(function() error("at level 2", 2) end)
show(pcall(bad))
local function deep(n) if n == 0 then error("deep") end deep(n - 1) end
show(pcall(coroutine.wrap(deep), 3))

-- yields across pcall, metamethods, iterators, sort and gsub
local mt = {}
for _, event in ipairs { "add", "concat", "index", "newindex", "call", "lt",
  "le", "eq", "unm", "len", "close" } do
  mt["__" .. event] = function(...) return coroutine.yield(event) end
end
local function object() return setmetatable({}, mt) end
co = coroutine.wrap(function()
  local x, y = object(), object()
  show("values", x + 1, x .. "s", x.k, x(1), x < y, x <= y, x == y, -x, #x)
  x.k = 1
  do local z <close> = object() end
  show(pcall(function() error(coroutine.yield("in pcall")) end))
  show(xpcall(function() coroutine.yield("in xpcall") error("E") end,
    function(m) return "handled " .. m end))
  for i in function(_, i) return coroutine.yield(i) end, nil, "iterate" do
    show("iterated", i)
  end
  return "done"
end)
local v
repeat
  v = co(v ~= "iterate" and v or nil)
  show("yielded", v)
until v == "done"
show(coroutine.resume(coroutine.create(function()
  table.sort({ 3, 2, 1 }, function() coroutine.yield() end)
end)))
show(coroutine.resume(coroutine.create(function()
  return (("abc"):gsub(".", function() coroutine.yield() end))
end)))
show(coroutine.resume(coroutine.create(function()
  return load(function() coroutine.yield() end)
end)))

-- a coroutine with more values than a table.unpack's usual
co = coroutine.wrap(function(...) return coroutine.yield(...) end)
show(select("#", co(table.unpack({}, 1, 200))))
show(select("#", co(table.unpack({}, 1, 100))))

-- closing
local function closer(name, err)
  return setmetatable({}, { __close = function(_, e)
    show("close", name, e)
    if err then error(err, 0) end
  end })
end
co = coroutine.create(function()
  local a <close> = closer("a")
  local b <close> = closer("b")
  coroutine.yield()
end)
coroutine.resume(co)
show(coroutine.close(co))
show(coroutine.status(co), coroutine.close(co))
co = coroutine.create(function()
  local a <close> = closer("a")
  local b <close> = closer("b", "from b")
  coroutine.yield()
end)
coroutine.resume(co)
show(coroutine.close(co))
show(coroutine.status(co), coroutine.close(co))
co = coroutine.create(function()
  local a <close> = closer("a")
  error("in body", 0)
end)
show(coroutine.resume(co))
show(coroutine.close(co))
co = coroutine.wrap(function()
  local a <close> = closer("a", "closing")
  local b <close> = closer("b")
  error("in body", 0)
end)
show(pcall(co))
show(coroutine.close(coroutine.create(print)))

-- deep
local function recurse(n)
  if n == 0 then return "bottom" end
  return coroutine.wrap(recurse)(n - 1)
end
show(recurse(100))
local ok, message = pcall(function()
  local function forever() return coroutine.wrap(forever)() end
  forever()
end)
show(ok, (message:match "C stack overflow"))
local function fibs(n)
  return coroutine.wrap(function()
    local a, b = 0, 1
    for _ = 1, n do
      coroutine.yield(a)
      a, b = b, a + b
    end
  end)
end
local sum = 0
for x in fibs(40) do sum = sum + x end
show(sum)

-- many, and collected
local count = 0
for i = 1, 20000 do
  local c = coroutine.wrap(function(x) count = count + x coroutine.yield() end)
  c(1)
end
collectgarbage()
show(count)
local weak = setmetatable({}, { __mode = "k" })
do
  local c = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(c)
  weak[c] = true
end
collectgarbage()
collectgarbage()
show(next(weak))
