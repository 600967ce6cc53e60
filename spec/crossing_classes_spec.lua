-- Classes cross by identity: once for each vm, and found again.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

-- luacheck: globals Base_of_spec Global_class

local function point_class()
  local Point = { kind = "point" }
  Point.__index = Point
  function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
  function Point:sum() return self.x + self.y end
  Point.__add = function(a, b) return Point.new(a.x + b.x, a.y + b.y) end
  Point.__eq = function(a, b) return a.x == b.x and a.y == b.y end
  Point.__tostring = function(p) return p.x .. "," .. p.y end
  return Point
end

crossing("a class made by hand:", function(rule, once)
  rule("its objects keep it", function(across)
    local Point = point_class()
    local p = Point.new(1, 2)
    assert.equal(Point, getmetatable(across(p)))
    assert.equal(3, across(p):sum())
    assert.is_true(across(p) == p)
  end)

  rule("the task's Point is the metatable", function(across)
    local Point = point_class()
    assert.is_true(across(Point.new(1, 2), function(p)
      return getmetatable(p) == Point
    end))
  end)

  rule("objects made in a task come back as ours", function(across)
    local Point = point_class()
    local p = across(Point.new(1, 2), function(q)
      return q + Point.new(3, 4)
    end)
    assert.equal(Point, getmetatable(p))
    assert.equal("4,6", tostring(p))
  end)

  rule("the class itself comes back as it was", function(across)
    local Point = point_class()
    assert.equal(Point, across(Point))
    assert.equal(Point, across({ Point, x = Point }).x)
    assert.equal(Point, across({ [Point] = 1 }, next))
  end)

  rule("its functions keep it as an upvalue", function(across)
    local Point = point_class()
    assert.is_true(across(Point.new, function(new)
      return getmetatable(new(1, 2)) == Point
    end))
    assert.equal(Point, getmetatable(across(Point.new)(1, 2)))
  end)

  rule("objects in one message share it", function(across)
    local Point = point_class()
    local list = {}
    for i = 1, 100 do list[i] = Point.new(i, i) end
    for i, p in ipairs(across(list)) do
      if getmetatable(p) ~= Point or p:sum() ~= 2 * i then error "other" end
    end
  end)

  rule("objects of two messages share it", function(across)
    local Point = point_class()
    local first = Point.new(1, 1)
    assert.is_true(across(Point.new(1, 2), function(p)
      return getmetatable(first) == getmetatable(p)
    end))
    assert.equal(getmetatable(across(first)), getmetatable(across(first)))
  end)

  rule("methods in a table of their own", function(across)
    local methods, Set = {}, {}
    Set.__index = methods
    function methods:has(k) return self[k] == true end
    local s = setmetatable({ a = true }, Set)
    assert.is_true(across(s):has "a")
    assert.equal(Set, getmetatable(across(s)))
    assert.equal(methods, getmetatable(across(s)).__index)
    assert.is_true(across(s, function(o)
      return getmetatable(o) == Set and o:has "a"
    end))
  end)

  rule("objects with private state in closures", function(across)
    local function counter(n)
      local self = {}
      function self.add(d) n = n + d return n end
      function self.get() return n end
      return self
    end
    local c = across(counter(5))
    c.add(2)
    assert.equal(7, c.get())
    assert.equal(8, across(counter(5), function(o)
      o.add(3)
      return o.get()
    end))
  end)

  rule("a class that names a global class", function(across)
    Base_of_spec = { greet = function() return "base" end }
    Base_of_spec.__index = Base_of_spec
    local Sub = setmetatable({}, Base_of_spec)
    Sub.__index = Sub
    function Sub.up() return Base_of_spec.greet() end
    assert.equal("base", across(setmetatable({}, Sub), function(o)
      return o.up()
    end))
    Base_of_spec = nil
  end)

  rule("classes that name each other", function(across)
    local A, B = { name = "A" }, { name = "B" }
    A.__index, B.__index = A, B
    function A.other() return setmetatable({}, B) end
    function B.other() return setmetatable({}, A) end
    local a = setmetatable({}, A)
    assert.equal("A", across(a).other().other().name)
    assert.is_true(across(a, function(o)
      return getmetatable(o.other()) == B and
        getmetatable(o.other().other()) == A
    end))
    assert.equal(B, getmetatable(across(a, function(o) return o.other() end)))
  end)

  rule("a singleton in its class", function(across)
    local Config = {}
    Config.__index = Config
    function Config.get()
      Config.instance = Config.instance or setmetatable({ n = 1 }, Config)
      return Config.instance
    end
    local one = Config.get()
    assert.equal(1, across(one).n)
    assert.is_true(across(Config, function(C)
      return C.get() == C.get() and getmetatable(C.get()) == C
    end))
    assert.equal(1, across(Config.get, function(get) return get().n end))
  end)

  for depth = 1, 5 do
    rule("a chain of " .. depth .. " parents", function(across)
      local classes = {}
      for i = 1, depth + 1 do
        local C = { name = "c" .. i }
        C["m" .. i] = function(self) return self.name .. i end
        C.__index = C
        classes[i] = setmetatable(C, classes[i - 1])
      end
      local o = setmetatable({}, classes[depth + 1])
      assert.equal("c" .. depth + 1 .. 1, across(o):m1())
      assert.equal("c" .. depth + 1 .. 1, across(o, function(v)
        return v:m1()
      end))
      assert.is_true(across(o, function(v)
        local meta = getmetatable(v)
        for i = depth + 1, 1, -1 do
          if meta ~= classes[i] then return false end
          meta = getmetatable(meta)
        end
        return meta == nil
      end))
      assert.equal(classes[1], across(classes)[1])
    end)
  end

  once("as a global", function()
    Global_class = point_class()
    local back = chan()
    go(function()
      local p = Global_class.new(1, 2)
      back:send { p, getmetatable(p) == Global_class }
    end)
    local got = back:recv()
    assert.is_true(got[2])
    assert.equal(Global_class, getmetatable(got[1]))
    Global_class = nil
  end)

  once("a task's task has the same one", function()
    local Point, back = point_class(), chan()
    go(function()
      local p = Point.new(1, 2)
      go(function(q)
        back:send { q, getmetatable(q) == Point, p == q }
      end, p)
    end)
    local got = back:recv()
    assert.equal(Point, getmetatable(got[1]))
    assert.is_true(got[2] and got[3])
  end)

  once("a class made in a task comes back whole", function()
    local back = chan()
    go(function()
      local New = { name = "made there" }
      New.__index = New
      function New:who() return self.name end
      back:send(setmetatable({}, New))
      back:send(setmetatable({}, New))
    end)
    local a, b = back:recv(), back:recv()
    assert.equal("made there", a:who())
    assert.equal(getmetatable(a), getmetatable(b))
  end)

  once("and goes on to other tasks", function()
    local back, there = chan(), chan()
    go(function()
      local New = {}
      New.__index = New
      function New.who() return "new" end
      there:send(setmetatable({}, New))
      local o = there:recv()
      back:send { o.who(), getmetatable(o) == New }
    end)
    local o = there:recv()
    local answer = chan()
    go(function() answer:send(o) end)
    there:send((answer:recv()))
    assert.same({ "new", true }, back:recv())
  end)
end)
