-- Metatables are kept: every metamethod works on the other side.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

-- Gives a table with this metatable.
local function with(meta, t)
  return setmetatable(t or {}, meta)
end

crossing("metamethods cross:", function(rule)
  rule("__index, a table", function(across)
    local v = with({ __index = { x = 1 } })
    assert.equal(1, across(v).x)
    assert.equal(1, across(v, function(o) return o.x end))
    assert.is_nil(rawget(across(v), "x"))
  end)

  rule("__index, a function", function(across)
    local v = with({ __index = function(t, k) return k .. #t end }, { 1, 2 })
    assert.equal("key2", across(v).key)
    assert.equal("k2", across(v, function(o) return o.k end))
  end)

  rule("__newindex, a function", function(across)
    local v = with({ __newindex = function(t, k, x) rawset(t, k, x * 2) end })
    local copy = across(v)
    copy.a = 2
    assert.equal(4, copy.a)
    assert.equal(6, across(v, function(o)
      o.b = 3
      return o.b
    end))
  end)

  rule("__newindex does not see the fields that cross", function(across)
    local v = with({ __newindex = function() error "called" end })
    rawset(v, 1, "one")
    rawset(v, "x", "ex")
    assert.equal("one", across(v)[1])
    assert.equal("ex", across(v, function(o) return o.x end))
  end)

  rule("__newindex, a table", function(across)
    local v = with({ __newindex = {} })
    assert.equal(1, across(v, function(o)
      o.x = 1
      return getmetatable(o).__newindex.x
    end))
    assert.is_nil(across(v, function(o)
      o.y = 1
      return rawget(o, "y")
    end))
  end)

  rule("__call", function(across)
    local v = with({ __call = function(self, a, b) return self[1] + a * b end },
      { 1 })
    assert.equal(7, across(v)(2, 3))
    assert.equal(7, across(v, function(o) return o(2, 3) end))
  end)

  rule("__eq, __lt and __le", function(across)
    local M = {
      __eq = function(a, b) return a[1] == b[1] end,
      __lt = function(a, b) return a[1] < b[1] end,
      __le = function(a, b) return a[1] <= b[1] end,
    }
    local one, two = with(M, { 1 }), with(M, { 2 })
    local copy = across(one)
    assert.is_true(copy == one and copy < two and copy <= one)
    assert.is_true(across(one, function(o)
      return o == one and o < two and two > o and o <= two and o ~= two
    end))
  end)

  rule("arithmetic", function(across)
    local M = {}
    for _, op in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv",
      "band", "bor", "bxor", "shl", "shr", "unm", "bnot" } do
      M["__" .. op] = function() return op end
    end
    assert.equal("add sub mul div mod pow idiv band bor bxor shl shr unm bnot",
      across(with(M), function(o)
        return table.concat({ o + 1, 1 - o, o * o, o / 2, o % 2, o ^ 2, o // 2,
          o & 1, o | 1, o ~ 1, o << 1, o >> 1, -o, ~o }, " ")
      end))
    assert.equal("add", across(with(M)) + with(M))
  end)

  rule("__concat and __len", function(across)
    local M = { __concat = function(a, b)
      return (type(a) == "table" and "T" or a) ..
        (type(b) == "table" and "T" or b)
    end, __len = function() return 42 end }
    assert.equal("aT42", across(with(M), function(o) return "a" .. o .. #o end))
    assert.equal("Tb", across(with(M)) .. "b")
  end)

  rule("__tostring and __name", function(across)
    local v = with({ __tostring = function(o) return "<" .. o[1] .. ">" end },
      { "x" })
    assert.equal("<x>", across(v, tostring))
    assert.equal("<x>", tostring(across(v)))
    local named = with { __name = "Thing" }
    assert.matches("^Thing: ", across(named, tostring))
  end)

  rule("__pairs", function(across)
    local v = with({ __pairs = function()
      return function(_, k) if not k then return 1, "only" end end
    end }, { a = 1, b = 2 })
    assert.equal("1only", across(v, function(o)
      local s = ""
      for k, x in pairs(o) do s = s .. k .. x end
      return s
    end))
    assert.equal(1, rawget(across(v), "a"))
  end)

  rule("__metatable, which hides it", function(across)
    local v = with { __metatable = "locked", __index = { x = 1 } }
    local copy = across(v)
    assert.equal("locked", getmetatable(copy))
    assert.equal(1, copy.x)
    assert.equal("locked", across(v, getmetatable))
    assert.is_false(across(v, function(o)
      return pcall(setmetatable, o, {})
    end))
  end)

  rule("__metatable = false", function(across)
    assert.is_false(across(with { __metatable = false }, getmetatable))
  end)

  rule("__mode: tables stay weak", function(across)
    local v = with({ __mode = "k" })
    local key = {}
    v[key] = "here"
    local copy = across { v, key }
    assert.equal("here", copy[1][copy[2]])
    copy[2] = nil
    collectgarbage()
    assert.is_nil(next(copy[1]))
    assert.equal("k", across(v, function(o) return getmetatable(o).__mode end))
  end)

  rule("__close", function(across)
    local back = chan(1)
    local v = with { __close = function() back:send "closed" end }
    assert.equal("used", across(v, function(o)
      local _ <close> = o
      return "used"
    end))
    assert.equal("closed", (back:recv()))
  end)

  rule("fields of a metatable that mean nothing to Lua", function(across)
    local v = with { name = "M", [1] = "one", __custom = 3 }
    local meta = getmetatable(across(v))
    assert.equal("M one 3",
      table.concat({ meta.name, meta[1], meta.__custom }, " "))
  end)

  rule("an empty metatable", function(across)
    local M = {}
    assert.equal(M, getmetatable(across(with(M))))
    assert.is_true(across(with(M), function(o) return getmetatable(o) == M end))
  end)

  rule("a table that is its own metatable", function(across)
    local v = {}
    setmetatable(v, v)
    v.__index = function(_, k) return k .. "!" end
    assert.equal("x!", across(v).x)
    assert.is_true(across(v, function(o) return getmetatable(o) == o end))
  end)

  rule("a metatable with a metatable", function(across)
    local M = with({ __index = { __index = function() return "deep" end } })
    M.__index = function() return "own" end
    local MM = with({ __call = function() return "made" end }, M)
    assert.equal("own", across(with(MM)).x)
    assert.equal("made", across(with(MM), function(o)
      return getmetatable(o)()
    end))
  end)

  rule("metatables in cycles", function(across)
    local A, B = {}, {}
    setmetatable(A, B)
    setmetatable(B, A)
    A.name, B.name = "A", "B"
    local v = with(A)
    assert.equal("BA", across(v, function(o)
      local a = getmetatable(o)
      return getmetatable(a).name .. getmetatable(getmetatable(a)).name
    end))
  end)

  rule("string's metatable, changed", function(across)
    local meta = getmetatable ""
    meta.__index = meta.__index -- unchanged
    assert.equal("ABC", across("abc", function(s) return s:upper() end))
  end)
end)

crossing("__gc crosses:", function(_, once)
  -- How often it ran is counted by a channel, which all copies share.
  local function garbage(counter)
    return setmetatable({}, { __gc = function() counter:send(1) end })
  end

  once("and runs once for each copy", function()
    local counter, done = chan(100), chan()
    for _ = 1, 10 do
      go(function(v)
        v = v and nil
        collectgarbage()
        collectgarbage()
        done:send(v == nil)
      end, garbage(counter))
    end
    for _ = 1, 10 do done:recv() end
    collectgarbage()
    collectgarbage()
    -- The originals here, and the copies wherever they are.
    for _ = 1, 20 do
      while not counter:try_recv() do
        go(function() collectgarbage() done:send(1) end)
        done:recv()
        collectgarbage()
      end
    end
    for _ = 1, 5 do
      go(function() collectgarbage() done:send(1) end)
      done:recv()
    end
    collectgarbage()
    assert.equal(0, #counter)
  end)

  once("not for a copy that nobody took", function()
    local counter, held = chan(10), { chan(1) }
    held[1]:send(garbage(counter))
    collectgarbage()
    collectgarbage()
    assert.equal(1, #counter) -- the original
    held[1] = nil
    collectgarbage()
    collectgarbage()
    assert.equal(1, #counter)
  end)
end)
