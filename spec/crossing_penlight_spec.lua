-- Penlight's classes cross: those of its modules, and those made with it.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"
if not pcall(require, "pl.class") then return end
local List = require "pl.List"
local Map = require "pl.Map"
local OrderedMap = require "pl.OrderedMap"
local Set = require "pl.Set"
local class = require "pl.class"
local tablex = require "pl.tablex"

crossing("Penlight's classes:", function(rule)
  rule("List", function(across)
    local list = across(List { 3, 1, 2 })
    assert.equal(List, getmetatable(list))
    assert.equal("{1,2,3}", tostring(list:sorted()))
    assert.equal("3;1;2", across(List { 3, 1, 2 }, function(l)
      return l:join ";"
    end))
    assert.is_true(across(List { 1 }, function(l)
      return getmetatable(l) == List and List:class_of(l) and l == List { 1 }
    end))
  end)

  rule("a List made in a task", function(across)
    local list = across(3, function(n) return List.range(1, n) end)
    assert.is_true(List:class_of(list))
    assert.equal(List { 1, 2, 3 }, list)
  end)

  rule("Map", function(across)
    local m = across(Map { a = 1, b = 2 })
    assert.is_true(Map:class_of(m))
    assert.equal(2, m:len())
    assert.equal("a,b", across(Map { a = 1, b = 2 }, function(v)
      return v:keys():sort():join ","
    end))
    assert.is_true(across(m, function(v) return v == Map { b = 2, a = 1 } end))
  end)

  rule("OrderedMap", function(across)
    local m = OrderedMap()
    m:set("z", 1)
    m:set("a", 2)
    assert.equal("{z=1,a=2}", tostring(across(m)))
    assert.equal("za", across(m, function(v)
      return table.concat(v:keys())
    end))
    local made = across(m, function(v)
      v:set("b", 3)
      return v
    end)
    assert.equal("{z=1,a=2,b=3}", tostring(made))
    assert.is_true(OrderedMap:class_of(made) and Map:class_of(made))
  end)

  rule("Set", function(across)
    local s = across(Set { 1, 2, 3 })
    assert.equal(3, Set.len(s))
    assert.is_true(across(Set { 1, 2 }, function(v)
      return v == Set { 2, 1 } and v < Set { 1, 2, 3 } and
        v * Set { 2, 5 } == Set { 2 }
    end))
    assert.is_true(across(s + Set { 9 }) == Set { 1, 2, 3, 9 })
  end)

  rule("the classes themselves, and functions", function(across)
    assert.equal(List, across(List))
    assert.equal(class, across(class))
    assert.equal(List.append, across(List.append))
    assert.equal(tablex.map, across(tablex.map))
    assert.is_true(across({ List, tablex.map }, function(t)
      return t[1] == require "pl.List" and t[2] == tablex.map
    end))
  end)
end)

crossing("classes made with Penlight:", function(rule)
  local function animals()
    local Animal = class()
    function Animal:_init(name) self.name = name end
    function Animal:__tostring() return self.name .. ": " .. self:speak() end
    local Dog = class(Animal)
    function Dog.speak() return "bark" end
    local Cat = class(Animal)
    function Cat:_init(name, breed)
      self:super(name)
      self.breed = breed
    end
    function Cat.speak() return "meow" end
    return Animal, Dog, Cat
  end

  rule("objects keep theirs", function(across)
    local Animal, Dog = animals()
    local d = across(Dog "Fido")
    assert.equal("Fido: bark", tostring(d))
    assert.equal(Dog, getmetatable(d))
    assert.is_true(d:is_a(Dog) and d:is_a(Animal) and Animal:class_of(d))
  end)

  rule("objects are used in tasks", function(across)
    local Animal, Dog, Cat = animals()
    assert.equal("Leo: meow", across(Cat("Leo", "tabby"), tostring))
    assert.is_true(across(Cat("Leo", "tabby"), function(c)
      return c:is_a(Animal) and not c:is_a(Dog) and Cat:class_of(c) and
        c.breed == "tabby"
    end))
  end)

  rule("are made in tasks", function(across)
    local Animal, _, Cat = animals()
    local c = across(Cat, function(C) return C("Tom", "grey") end)
    assert.equal("Tom: meow", tostring(c))
    assert.is_true(c:is_a(Animal))
    assert.equal("grey", c.breed)
  end)

  rule("are extended in tasks", function(across)
    local _, Dog = animals()
    local p = across(Dog, function(D)
      local Puppy = class(D)
      function Puppy.speak() return "yap" end
      return Puppy "P"
    end)
    assert.equal("P: yap", tostring(p))
    assert.is_true(p:is_a(Dog))
  end)

  rule("inherit from Penlight's own", function(across)
    local Stack = class(List)
    function Stack:push(v) self:append(v) return self end
    local s = across(Stack(), function(v) return v:push(1):push(2) end)
    assert.equal(2, s:pop())
    assert.is_true(Stack:class_of(s) and s:is_a(List))
  end)

  rule("handle missing names", function(across)
    local C = class()
    C:catch(function(_, name) return name .. "?" end)
    assert.equal("x?", across(C()).x)
    assert.equal("y?", across(C(), function(o) return o.y end))
  end)

  rule("have properties", function(across)
    local props = require "pl.class".properties
    local P = class(props)
    function P:_init() self._n = 1 end
    function P:get_n() return self._n end
    function P:set_n(v) self._n = v * 2 end
    local p = across(P())
    p.n = 5
    assert.equal(10, p.n)
    assert.equal(6, across(P(), function(o)
      o.n = 3
      return o.n
    end))
  end)
end)
