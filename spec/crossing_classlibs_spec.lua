-- Classes of libraries cross as well as those made by hand.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local classlib = require "spec.support.classlib"
local crossing = require "spec.support.crossing"

-- luacheck: globals Square_global

crossing("classes of closures and class tables:", function(rule)
  local class = load(classlib.closures)()

  local function animals()
    local Animal = class "Animal"
    function Animal:init(name) self.animal_name = name end
    function Animal:speak() return self.animal_name .. " " .. self:sound() end
    Animal.__eq = function(a, b) return a.animal_name == b.animal_name end
    Animal.__tostring = function(a) return "animal " .. a.animal_name end
    local Dog = class("Dog", Animal)
    function Dog.sound() return "woof" end
    return Animal, Dog
  end

  rule("objects keep their class", function(across)
    local Animal, Dog = animals()
    local d = across(Dog "Rex")
    assert.equal("Rex woof", d:speak())
    assert.equal("animal Rex", tostring(d))
    assert.equal(Dog, d.class)
    assert.is_true(d:is(Animal) and d:is(Dog))
    assert.is_true(d == Dog "Rex")
  end)

  rule("objects are used in tasks", function(across)
    local Animal, Dog = animals()
    assert.equal("Rex woof", across(Dog "Rex", function(d)
      return d:speak()
    end))
    assert.is_true(across(Dog "Rex", function(d)
      return d.class == Dog and d:is(Animal) and d == Dog "Rex" and
        getmetatable(d) == Dog.__instance
    end))
  end)

  rule("classes make objects in tasks", function(across)
    local Animal, Dog = animals()
    local d = across(Dog, function(C) return C "Bo" end)
    assert.equal("Bo woof", d:speak())
    assert.equal(Dog, d.class)
    assert.is_true(d:is(Animal))
  end)

  rule("classes are extended in tasks", function(across)
    local _, Dog = animals()
    assert.equal("P yap", across(Dog, function(C)
      local Puppy = C:extend "Puppy"
      function Puppy.sound() return "yap" end
      return Puppy "P":speak()
    end))
    assert.equal("class Animal", across(Dog, function(C)
      return tostring(C.parent)
    end))
  end)

  rule("a class made in a task is used here", function(across)
    local _, Dog = animals()
    local Puppy = across(Dog, function(C)
      local P = C:extend "Puppy"
      function P.sound() return "yap" end
      return P
    end)
    assert.equal(Dog, Puppy.parent)
    assert.equal("Q yap", Puppy "Q":speak())
    assert.is_true(Puppy "Q":is(Dog))
  end)

  rule("the library itself crosses", function(across)
    assert.equal("made", across(class, function(c)
      local C = c "C"
      function C.m() return "made" end
      return C().m()
    end))
  end)
end)

crossing("classes that copy their parents:", function(rule, once)
  local Object = load(classlib.copies)()

  local function shapes()
    local Shape = Object:extend()
    function Shape:new(name) self.name = name end
    function Shape.area() return 0 end
    function Shape:__tostring() return self.name .. " " .. self:area() end
    local Square = Shape:extend()
    function Square:new(side)
      Square.super.new(self, "square")
      self.side = side
    end
    function Square:area() return self.side ^ 2 end
    return Shape, Square
  end

  rule("objects keep their class", function(across)
    local Shape, Square = shapes()
    local s = across(Square(3))
    assert.equal("square 9.0", tostring(s))
    assert.equal(Square, getmetatable(s))
    assert.is_true(s:is(Shape) and s:is(Object))
  end)

  rule("objects are used in tasks", function(across)
    local Shape, Square = shapes()
    assert.equal("square 9.0", across(Square(3), tostring))
    assert.is_true(across(Square(3), function(s)
      return s:is(Square) and s:is(Shape) and s:is(Object) and
        getmetatable(Square) == Shape and Square.super == Shape
    end))
  end)

  rule("classes make objects in tasks", function(across)
    local _, Square = shapes()
    local s = across(Square, function(C) return C(4) end)
    assert.equal(16, s:area())
    assert.equal(Square, getmetatable(s))
  end)

  rule("mixins", function(across)
    local _, Square = shapes()
    Square:implement { double = function(self) return self:area() * 2 end }
    assert.equal(18, across(Square(3)):double())
    assert.equal(18, across(Square(3), function(s) return s:double() end))
  end)

  rule("a class made in a task is used here", function(across)
    local Shape = shapes()
    local Circle = across(Shape, function(C)
      local D = C:extend()
      function D.area() return 3 end
      return D
    end)
    assert.equal("c 3", tostring(Circle "c"))
    assert.is_true(Circle "c":is(Shape))
  end)

  once("all of it captured and global", function()
    local Shape, Square = shapes()
    Square_global = Square
    local back = chan()
    go(function()
      local s = Square_global(2)
      back:send { s:is(Shape), Square == Square_global, tostring(s) }
    end)
    Square_global = nil
    assert.same({ true, true, "square 4.0" }, back:recv())
  end)
end)
