-- gort.sync.map and gort.sync.atomic.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

describe("a map", function()
  it("stores and loads", function()
    local m = gort.sync.map()
    assert.same({ nil, false, n = 2 }, table.pack(m:load "a"))
    assert.equal(0, select("#", m:store("a", 1)))
    assert.same({ 1, true }, { m:load "a" })
    m:store("a", 2)
    assert.same({ 2, true }, { m:load "a" })
    assert.equal(1, #m)
    assert.equal(0, select("#", m:delete "a"))
    m:delete "a"
    assert.same({ nil, false, n = 2 }, table.pack(m:load "a"))
    assert.equal(0, #m)
  end)

  it("holds copies of whatever can be sent", function()
    local m, t = gort.sync.map(), { list = { 1, 2 } }
    t.self = t
    m:store("t", t)
    t.list[1] = "changed"
    local a, b = m:load "t", m:load "t"
    assert.equal(1, a.list[1])
    assert.equal(a, a.self)
    assert.are_not.equal(a, b)
    m:store("f", function(x) return x + #t.list end)
    assert.equal(3, m:load "f" (1))
    m:store("nil", nil)
    assert.same({ nil, true, n = 2 }, table.pack(m:load "nil"))
    local ch = chan()
    m:store("ch", ch)
    assert.equal(ch, (m:load "ch"))
    assert.matches("cannot store: value%.x is a coroutine", error_of(function()
      m:store("bad", { x = coroutine.create(print) })
    end))
    assert.is_false(select(2, m:load "bad"))
    assert.has_error(function() m:store "no value" end)
  end)

  it("has the keys of a table, and handles", function()
    local m, ch, mu = gort.sync.map(), chan(), gort.sync.mutex()
    local keys = { "", "a", "1", 1, -1, 0.5, math.huge, -math.huge, true,
      false, ch, ch:sender(), mu, math.maxinteger, math.mininteger, 1e300,
      ("long"):rep(100), "a\0b", "a\0c" }
    for i, k in ipairs(keys) do m:store(k, i) end
    assert.equal(#keys, #m)
    for i, k in ipairs(keys) do assert.equal(i, (m:load(k))) end
    m:store(2.0, "two")
    assert.equal("two", (m:load(2)))
    m:store(-0.0, "zero")
    assert.equal("zero", (m:load(0)))
    assert.equal("integer", math.type((function()
      for k, v in m:range() do if v == "two" then return k end end
    end)()))
  end)

  it("refuses other keys", function()
    local m = gort.sync.map()
    for _, op in ipairs { "load", "store", "load_or_store", "delete",
      "load_and_delete", "cas" } do
      assert.matches("not nil", error_of(function() m[op](m, nil, 1, 2) end))
      assert.matches("NaN", error_of(function() m[op](m, 0 / 0, 1, 2) end))
      for _, bad in ipairs { {}, print, coroutine.create(print) } do
        assert.matches("a key is a string, number, boolean or gort object",
          error_of(function() m[op](m, bad, 1, 2) end))
      end
    end
    assert.equal(0, #m)
  end)

  it("loads or stores", function()
    local m = gort.sync.map()
    assert.same({ 1, false }, { m:load_or_store("a", 1) })
    assert.same({ 1, true }, { m:load_or_store("a", 2) })
    assert.same({ 1, true }, { m:load_and_delete "a" })
    assert.same({ nil, false, n = 2 }, table.pack(m:load_and_delete "a"))
    local t = {}
    assert.are_not.equal(t, (m:load_or_store("t", t)))
  end)

  it("compares and swaps", function()
    local m = gort.sync.map()
    assert.is_false(m:cas("a", nil, 1))
    m:store("a", nil)
    assert.is_true(m:cas("a", nil, 1))
    assert.is_true(m:cas("a", 1.0, "x"))
    assert.is_false(m:cas("a", "y", {}))
    assert.is_true(m:cas("a", "x", {}))
    assert.is_false(m:cas("a", "x", 1))
    assert.matches("cannot compare with a table",
      error_of(function() m:cas("a", {}, 1) end))
    local ch = chan()
    m:store("a", ch)
    assert.is_false(m:cas("a", ch:sender(), 1))
    assert.is_true(m:cas("a", ch, 1))
    assert.has_error(function() m:cas("a", 1) end)
  end)

  it("is one in every task", within(20, function()
    local m, wg = gort.sync.map(), gort.sync.waitgroup()
    assert.equal(m, (tasks.by_channel(m)))
    assert.matches("^map: ", tostring(m))
    for i = 1, 20 do
      wg:go(function()
        for j = 1, 200 do
          m:store(i * 1000 + j, { i, j })
          m:load_or_store(j, i)
          repeat
            local n = m:load_or_store("count", 0)
          until m:cas("count", n, n + 1)
        end
      end)
    end
    wg:wait()
    assert.equal(20 * 200 + 200 + 1, #m)
    assert.equal(4000, (m:load "count"))
    assert.same({ 20, 200 }, (m:load(20200)))
  end))

  it("is gone through, each key once", within(20, function()
    local m, seen, n = gort.sync.map(), {}, 0
    for _ in m:range() do error "it is empty" end
    for i = 1, 1000 do m:store(i, "v" .. i) end
    for k, v in m:range() do
      assert.is_nil(seen[k])
      assert.equal("v" .. k, v)
      seen[k] = true
      n = n + 1
    end
    assert.equal(1000, n)
  end))

  it("may change while it is gone through", within(20, function()
    local m, seen, n = gort.sync.map(), {}, 0
    for i = 1, 1000 do m:store(i, i) end
    for k in m:range() do
      assert.is_nil(seen[k])
      seen[k] = true
      if k <= 1000 then n = n + 1 end
      if k == 1 then
        for _ in m:range() do n = n + 0 end
      end
      m:store(k, "again")
      m:store(k + 1000, "new")
      if k % 2 == 1 then m:delete(k) end
    end
    assert.equal(1000, n) -- none of those was deleted before its turn
    local m2 = gort.sync.map()
    for i = 1, 100 do m2:store(i, i) end
    for k in m2:range() do m2:delete(k) end
    assert.equal(0, #m2)
  end))

  it("shows what others do not touch while they work", within(30, function()
    local m, stop, wg = gort.sync.map(), chan(), gort.sync.waitgroup()
    for i = 1, 300 do m:store("fixed" .. i, i) end
    for i = 1, 4 do
      wg:go(function()
        local n = 0
        while not stop:try_recv() do
          n = n % 500 + 1
          m:store(i * 1000 + n, n)
          m:delete(i * 1000 + (n * 7) % 500)
        end
      end)
    end
    for _ = 1, 20 do
      local sum, seen = 0, {}
      for k, v in m:range() do
        if seen[k] then error("twice: " .. tostring(k)) end
        seen[k] = true
        if type(k) == "string" then sum = sum + v end
      end
      assert.equal(300 * 301 // 2, sum)
    end
    stop:close()
    wg:wait()
  end))

  it("holds maps and itself", function()
    local m = gort.sync.map()
    m:store("self", m)
    assert.equal(m, (m:load "self"))
    m:delete "self"
    m:store(m, "a key")
    assert.equal("a key", (m:load(m)))
    m:delete(m)
  end)

  it("is no case of a select", function()
    assert.matches("cannot receive from a map", error_of(function()
      select { { recv = gort.sync.map() }, default = true }
    end))
  end)
end)

describe("an atomic", function()
  it("is an integer", function()
    local a = gort.sync.atomic()
    assert.equal(0, a:load())
    assert.equal(5, a:add(5))
    assert.equal(3, a:add(-2))
    assert.equal(3, a:swap(10))
    assert.is_false(a:cas(9, 1))
    assert.is_true(a:cas(10, 1))
    assert.equal(0, select("#", a:store(-1)))
    assert.equal(-1, a:load())
    assert.equal("integer", math.type(gort.sync.atomic(7):load()))
    assert.equal(7, gort.sync.atomic(7.0):load())
    a:store(math.maxinteger)
    assert.equal(math.mininteger, a:add(1))
  end)

  it("takes nothing else", function()
    local a = gort.sync.atomic()
    for _, bad in ipairs { 1.5, "x", {}, 0 / 0, math.huge, false } do
      for _, op in ipairs { "store", "add", "swap" } do
        assert.has_error(function() a[op](a, bad) end)
      end
      assert.has_error(function() a:cas(0, bad) end)
      assert.has_error(function() a:cas(bad, 0) end)
      assert.has_error(function() gort.sync.atomic(bad) end)
    end
    assert.equal(0, a:load())
  end)

  it("loses no count", within(20, function()
    local a, wg = gort.sync.atomic(), gort.sync.waitgroup()
    assert.equal(a, (tasks.by_channel(a)))
    assert.matches("^atomic: ", tostring(a))
    for _ = 1, 20 do
      wg:go(function()
        for _ = 1, 1000 do a:add(1) end
        for _ = 1, 100 do
          repeat
            local n = a:load()
          until a:cas(n, n + 1)
        end
      end)
    end
    wg:wait()
    assert.equal(22000, a:load())
  end))
end)
