-- Tables cross as deep copies, cycles and shared references included.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

-- luacheck: globals shared_global

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

crossing("tables cross:", function(rule)
  rule("as copies", function(across)
    local t = { x = { 1 } }
    local copy = across(t)
    assert.same(t, copy)
    assert.is_false(copy == t or copy.x == t.x)
  end)

  rule("empty", function(across)
    assert.same({}, across {})
    assert.same({ {}, { {} } }, across { {}, { {} } })
  end)

  rule("and what is done to the copy does not come back", function(across)
    local t = { 1, list = { 2 } }
    across(t, function(v)
      v[1], v.list[1], v.new = 5, 6, 7
    end)
    assert.same({ 1, list = { 2 } }, t)
  end)

  rule("lists", function(across)
    local t = across { "a", "b", "c" }
    assert.equal("abc", table.concat(t))
    assert.equal(3, #t)
    assert.equal(3, across({ 1, 2, 3 }, function(v) return #v end))
  end)

  rule("lists with holes", function(across)
    local t = across { 1, nil, 3, nil, nil, 6 }
    assert.same({ [1] = 1, [3] = 3, [6] = 6 }, t)
    assert.equal(3, count(t))
  end)

  rule("what table.pack made, nils at the end", function(across)
    local t = across(table.pack(nil, 1, nil, nil))
    assert.equal(4, t.n)
    assert.equal(4, select("#", table.unpack(t, 1, t.n)))
  end)

  rule("keys of every kind", function(across)
    local t = { "list", [0] = "zero", [-1] = "negative", [2.5] = "float",
      [true] = "yes", [false] = "no", [""] = "empty", ["a\0b"] = "bytes",
      [math.huge] = "huge", [math.maxinteger] = "max",
      [math.mininteger] = "min", [2 ^ 53] = "2^53" }
    local copy = across(t)
    assert.same(t, copy)
    assert.equal(count(t), count(copy))
    assert.equal("integer", across({ [2 ^ 53] = 1 }, function(v)
      return math.type((next(v)))
    end))
  end)

  rule("false among the values", function(across)
    local t = across { false, x = false }
    assert.is_false(t[1])
    assert.is_false(t.x)
  end)

  rule("tables and functions as keys", function(across)
    local k, f = { "key" }, function() return "called" end
    local t = across { k = k, f = f, [k] = 1, [f] = 2, [print] = 3 }
    assert.equal(1, t[t.k])
    assert.equal(2, t[t.f])
    assert.equal("called", t.f())
    assert.equal(3, across({ [print] = 3 }, function(v) return v[print] end))
  end)

  rule("a table that is a key of itself", function(across)
    local t = {}
    t[t] = t
    local copy = across(t)
    assert.equal(copy, copy[copy])
    assert.is_true(across(t, function(v) return v[v] == v end))
  end)

  rule("cycles", function(across)
    local a, b = { name = "a" }, { name = "b" }
    a.other, b.other, a.list = b, a, { a, b }
    local copy = across(a)
    assert.equal(copy, copy.other.other)
    assert.equal(copy, copy.list[1])
    assert.equal(copy.other, copy.list[2])
  end)

  rule("shared references", function(across)
    local x = { 1 }
    local copy = across { x, x, { x }, k = { [x] = x } }
    assert.equal(copy[1], copy[2])
    assert.equal(copy[1], copy[3][1])
    assert.equal(copy[1], copy.k[copy[1]])
    assert.equal(1, across({ x, x }, function(v)
      v[1][1] = 2
      return v[2][1] - 1
    end))
  end)

  rule("doubly linked lists", function(across)
    local first = { n = 1 }
    local last = first
    for i = 2, 1000 do
      last.next = { n = i, prev = last }
      last = last.next
    end
    local at, n = across(first), 0
    while at do
      n = n + 1
      if at.n ~= n or at.next and at.next.prev ~= at then error "broken" end
      at = at.next
    end
    assert.equal(1000, n)
  end)

  rule("keys that were removed are gone", function(across)
    local t = {}
    for i = 1, 100 do t[i], t["k" .. i] = i, i end
    for i = 1, 100 do t["k" .. i] = nil end
    for i = 1, 50 do t[i * 2] = nil end
    local copy = across(t)
    assert.equal(50, count(copy))
    assert.equal(99, copy[99])
  end)

  rule("200,000 entries", function(across)
    local t = {}
    for i = 1, 100000 do
      t[i] = i * 2
      t["k" .. i] = i
    end
    local copy = across(t)
    for k, v in pairs(t) do
      if copy[k] ~= v then error("differs at " .. tostring(k)) end
    end
    assert.equal(200000, count(copy))
    assert.equal(100000, #copy)
  end)

  rule("a list filled from its end", function(across)
    local t = {}
    for i = 1000, 1, -1 do t[i] = i end
    assert.same(t, across(t))
    assert.equal(1000, across(t, function(v) return #v end))
  end)

  rule("100,000 deep", function(across)
    local t, depth = {}, 100000
    for i = 1, depth do t = { i, t } end
    local levels = across(t, function(v)
      local n = 0
      while v[2] do v, n = v[2], n + 1 end
      return n
    end)
    assert.equal(depth, levels)
  end)

  rule("10,000 deep through keys", function(across)
    local t, depth = {}, 10000
    for _ = 1, depth do t = { [t] = true } end
    local copy, levels = across(t), 0
    while next(copy) do copy, levels = next(copy), levels + 1 end
    assert.equal(depth, levels)
  end)

  rule("deep ones with metatables", function(across)
    local C = { __index = { class = "C" } }
    local t, depth = setmetatable({}, C), 10000
    for _ = 1, depth do t = setmetatable({ inner = t }, C) end
    assert.equal(depth, across(t, function(v)
      local n = 0
      while v.inner do
        if v.class ~= "C" then error "lost" end
        v, n = v.inner, n + 1
      end
      return n
    end))
  end)

  rule("channels and other handles in them", function(across)
    local ch = chan(1)
    local t = across { ch = ch, list = { ch, ch:sender(), ch:receiver() } }
    assert.equal(ch, t.ch)
    assert.equal(ch, t.list[1])
    t.list[2]:send "x"
    assert.equal("x", (t.list[3]:recv()))
    assert.is_true(across({ [ch] = 1 })[ch] == 1)
  end)

  rule("many values as arguments", function(across)
    local list = {}
    for i = 1, 250 do list[i] = { i } end
    local back = chan()
    go(function(...) back:send { n = select("#", ...), ... } end,
      table.unpack(list))
    local got = back:recv()
    assert.equal(250, got.n)
    assert.equal(250, got[250][1])
    assert.is_nil(across(nil))
  end)
end)

crossing("one message:", function(_, once)
  once("arguments share what they share", function()
    local back, t = chan(), {}
    go(function(a, b, c)
      back:send { a == b, a == c.t, rawequal(a, b) }
    end, t, t, { t = t })
    assert.same({ true, true, true }, back:recv())
  end)

  once("arguments and captures share", function()
    local back, t = chan(), {}
    go(function(a) back:send(a == t) end, t)
    assert.is_true(back:recv())
  end)

  once("a capture and a global share", function()
    local back, t = chan(), {}
    shared_global = t
    go(function() back:send(t == shared_global) end)
    shared_global = nil
    assert.is_true(back:recv())
  end)

  once("two messages do not", function()
    local there, back, t = chan(2), chan(), {}
    there:send(t)
    there:send(t)
    go(function()
      local a, b = there:recv(), there:recv()
      back:send(a == b)
    end)
    assert.is_false(back:recv())
  end)

  once("sending back does not give the original", function()
    local there, back, t = chan(1), chan(), {}
    there:send(t)
    go(function() back:send((there:recv())) end)
    assert.is_false(back:recv() == t)
  end)

  once("what changes after sending does not arrive", function()
    local there, t = chan(1), { 1 }
    there:send(t)
    t[1], t[2] = 2, 3
    assert.same({ 1 }, there:recv())
  end)

  once("nor what changes after go", function()
    local back, t = chan(), { 1 }
    go(function(a) back:send { a, t } end, t)
    t[1] = 2
    local got = back:recv()
    assert.same({ 1 }, got[1])
    assert.same({ 1 }, got[2])
  end)
end)
