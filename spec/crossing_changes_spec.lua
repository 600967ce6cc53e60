-- A class that changes after it has crossed is seen as it is now.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

local function class(parent)
  local C = {}
  C.__index = C
  return setmetatable(C, parent)
end

crossing("a class that changed:", function(rule, once)
  rule("a method added", function(across)
    local C = class()
    local o = setmetatable({}, C)
    across(o)
    function C.added() return "added" end
    assert.equal("added", across(o, function(v) return v.added() end))
    assert.equal("added", across(C, function(c) return c.added() end))
  end)

  rule("a method replaced", function(across)
    local C = class()
    function C.m() return "old" end
    local o = setmetatable({}, C)
    assert.equal("old", across(o, function(v) return v.m() end))
    function C.m() return "new" end
    assert.equal("new", across(o, function(v) return v.m() end))
    assert.equal("new", o.m())
  end)

  rule("a method removed", function(across)
    local C = class()
    function C.m() end
    local o = setmetatable({}, C)
    assert.equal("function", across(o, function(v) return type(v.m) end))
    C.m = nil
    assert.equal("nil", across(o, function(v) return type(v.m) end))
  end)

  rule("a field set again and again", function(across)
    local C = class()
    local o = setmetatable({}, C)
    for i = 1, 20 do
      C.n = i
      assert.equal(i, across(o, function(v) return v.n end))
    end
  end)

  rule("a metamethod added", function(across)
    local C = class()
    local o = setmetatable({}, C)
    across(o)
    C.__tostring = function() return "C!" end
    C.__call = function() return "called" end
    assert.equal("C!", across(o, tostring))
    assert.equal("called", across(o, function(v) return v() end))
  end)

  rule("its parent changed", function(across)
    local P = class()
    local C = class(P)
    local o = setmetatable({}, C)
    across(o)
    function P.m() return "parent's" end
    assert.equal("parent's", across(o, function(v) return v.m() end))
  end)

  rule("another parent", function(across)
    local P, Q = class(), class()
    P.name, Q.name = "P", "Q"
    local C = class(P)
    local o = setmetatable({}, C)
    assert.equal("P", across(o, function(v) return v.name end))
    setmetatable(C, Q)
    assert.equal("Q", across(o, function(v) return v.name end))
    setmetatable(C, nil)
    assert.is_nil(across(o, function(v) return v.name end))
  end)

  rule("a parent far up changed", function(across)
    local top = class()
    local C = top
    for _ = 1, 4 do C = class(C) end
    local o = setmetatable({}, C)
    across(o)
    top.deep = "down"
    assert.equal("down", across(o, function(v) return v.deep end))
  end)

  rule("its table of methods changed", function(across)
    local methods = {}
    local C = { __index = methods }
    local o = setmetatable({}, C)
    across(o)
    function methods.m() return "late" end
    assert.equal("late", across(o, function(v) return v.m() end))
  end)

  rule("a method added that names another class", function(across)
    local C = class()
    local o = setmetatable({}, C)
    across(o)
    local D = class()
    function D.who() return "D" end
    function C.make() return setmetatable({}, D) end
    assert.equal("D", across(o, function(v) return v.make().who() end))
    assert.equal(D, getmetatable(across(o, function(v) return v.make() end)))
  end)

  rule("an object becomes one of another class", function(across)
    local C, D = class(), class()
    C.name, D.name = "C", "D"
    local o = setmetatable({}, C)
    assert.equal("C", across(o, function(v) return v.name end))
    setmetatable(o, D)
    assert.equal("D", across(o, function(v) return v.name end))
  end)

  rule("a table becomes a class after it crossed", function(across)
    local C = { name = "C" }
    across(C)
    C.__index = C
    local o = setmetatable({}, C)
    assert.equal("C", across(o, function(v) return v.name end))
    assert.equal(C, getmetatable(across(o)))
  end)

  once("objects that are there already see it after the next crossing",
    function()
      local C, there, back = class(), chan(), chan()
      function C.m() return "old" end
      go(function()
        local first = there:recv()
        back:send(first.m())
        there:recv()
        back:send(first.m())
      end)
      there:send(setmetatable({}, C))
      assert.equal("old", (back:recv()))
      function C.m() return "new" end
      there:send(setmetatable({}, C))
      assert.equal("new", (back:recv()))
    end)
end)
