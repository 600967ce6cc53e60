-- What a call takes along the short way is what it would take in a message.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local within = require "spec.support.within"

-- With busted's own globals a function needs a message in any case.
local describe, it = describe, it
local _ENV = _G -- luacheck: ignore 211

-- Starts f with arguments and returns what it sends.
local function result_of(f, ...)
  local out = chan()
  go(function(g, ...) out:send(table.pack(g(...))) end, f, ...)
  local got = out:recv()
  return table.unpack(got, 1, got.n)
end

describe("a call takes along", function()
  it("a function that calls itself", within(10, function()
    local out = chan()
    local function tree(parent, depth)
      if depth == 0 then parent:send(1) return end
      local below, sum = chan(), 0
      for _ = 1, 3 do go(tree, below, depth - 1) end
      for _ = 1, 3 do sum = sum + below:recv() end
      parent:send(sum)
    end
    go(tree, out, 5)
    assert.equal(3 ^ 5, out:recv())
  end))

  it("one that calls itself and captures more", within(5, function()
    local out, step = chan(), 2
    local function down(n)
      if n <= 0 then out:send(n) else down(n - step) end
    end
    for i = 1, 20 do
      go(down, i)
      assert.equal(-(i % 2), out:recv())
    end
    go(function() down(4) end)
    assert.equal(0, out:recv())
  end))

  it("itself as an argument", within(5, function()
    local out = chan()
    local function f(g) out:send(rawequal(f, g)) end
    go(f, f)
    assert.is_true(out:recv())
    local function pure(ch, g) ch:send(rawequal(pure, g)) end
    go(pure, out, pure)
    assert.is_true(out:recv())
  end))

  it("two functions that call each other", within(5, function()
    local odd
    local function even(n) if n == 0 then return true end return odd(n - 1) end
    function odd(n) if n == 0 then return false end return even(n - 1) end
    assert.is_true(result_of(function() return even(10) end))
    assert.is_false(result_of(function() return odd(10), even end))
  end))

  it("functions inside functions, as deep as they are", within(5, function()
    local f = function() return 0 end
    for i = 1, 12 do
      local inner = f
      f = function() return inner() + i end
      local g = f
      assert.equal(i * (i + 1) // 2, (result_of(function() return g() end)))
    end
  end))

  it("one function that two capture, once", within(5, function()
    local k = 1
    local function base() return k end
    local function a() return base end
    local function b() return base end
    assert.is_true(result_of(function() return a() == b(), a() ~= a end))
    assert.is_true(result_of(function() return base == a() end))
  end))

  it("functions of one prototype, each", within(5, function()
    local f = {}
    for i = 1, 2 do f[i] = function() return "same" end end
    local function count(...)
      local set, n = {}, 0
      for i = 1, select("#", ...) do set[(select(i, ...))] = true end
      for _ in pairs(set) do n = n + 1 end
      return n
    end
    assert.equal(2, (result_of(count, f[1], f[2], f[1])))
    assert.equal(2, (result_of(function(a) return count(f[1], a) end, f[2])))
    assert.is_false(result_of(rawequal, f[1], f[2]))
    local out = chan()
    local function outer(g, ch) ch:send(rawequal(g, outer)) end
    local function make() -- one prototype, and each closure captures itself
      local function me(g, ch) ch:send(rawequal(g, me)) end
      return me
    end
    local me = make()
    go(outer, outer, out)
    assert.is_true(out:recv())
    go(me, me, out)
    assert.is_true(out:recv())
    go(me, make(), out)
    assert.is_false(out:recv())
  end))

  it("so many functions that a vm forgets some, each as itself",
    within(10, function()
      local f, n = {}, 700
      for i = 1, n do
        f[i] = load("return function() return " .. i .. " end")()
      end
      f[n + 1] = f[1]
      assert.is_true(result_of(function(...)
        local last = select("#", ...)
        for i = 1, last - 1 do
          if (select(i, ...))() ~= i then return false end
        end
        return rawequal((...), (select(last, ...)))
      end, table.unpack(f)))
    end))

  it("globals of a script's own, whatever _ENV was before",
    within(5, function()
      for _, before in ipairs { false, 1, "text" } do
        local make = load("local function make(_ENV) " ..
          "return function(assigns) if assigns then x = 1 return x end end " ..
          "end return make")()
        go(make(before or nil))
        local why = select(2, pcall(go, make { x = 5 }))
        assert.matches("task assigns captured global 'x'", why, 1, true)
      end
    end))

  it("one table that is there twice, once", within(5, function()
    local t = { 1 }
    local function is_same(a, b) return rawequal(a, b) end
    assert.is_true(result_of(is_same, t, t))
    assert.is_false(result_of(is_same, { 1 }, { 1 }))
    assert.is_true(result_of(function(a) return rawequal(a, t) end, t))
    local function get() return t end
    assert.is_true(result_of(function() return rawequal(get(), t) end))
  end))

  it("more tables and functions than the short way takes", within(5, function()
    local args, n = {}, 30
    for i = 1, n do args[i] = { i } end
    local function sum(...)
      local all = 0
      for _, t in ipairs { ... } do all = all + t[1] end
      return all
    end
    assert.equal(n * (n + 1) // 2, (result_of(sum, table.unpack(args))))
  end))

  it("copies: what one task changes no other sees", within(5, function()
    local t, out = { n = 0 }, chan()
    local function get() return t end
    for _ = 1, 10 do
      go(function()
        local mine = get()
        mine.n = mine.n + 1
        out:send(mine.n)
      end)
      assert.equal(1, out:recv())
    end
    assert.equal(0, t.n)
  end))

  it("a function with a state of its own", within(5, function()
    local n = 5
    local function count() n = n + 1 return n end
    for _ = 1, 3 do
      local function twice() return count(), count() end
      local a, b = result_of(function() return twice() end)
      assert.same({ 6, 7 }, { a, b })
    end
    assert.equal(5, n)
  end))

  it("variables that functions share and the task assigns", within(5, function()
    local n = 0
    local shared = {
      add = function() n = n + 1 end,
      get = function() return n end,
    }
    local add, get = shared.add, shared.get
    assert.equal(2, (result_of(function() add() add() return get() end)))
  end))

  it("strings and handles that functions capture, and lets go of them",
    within(5, function()
      local name, ch = ("x"):rep(100), chan(1)
      local function tell() ch:send(name) end
      for _ = 1, 100 do
        go(function() tell() end)
        assert.equal(name, ch:recv())
      end
    end))

  it("a module's function by name, also when it was one of many",
    within(10, function()
      local name, out = "spec.support.modules.twins", chan(1)
      for _, key in ipairs { "a", "b", "c" } do
        package.loaded[name] = nil
        local m = require(name)
        for other in pairs(m) do if other ~= key then m[other] = nil end end
        for _ = 1, 3 do collectgarbage() end
        go(m[key], out)
        assert.equal(m[key], (out:recv()))
        for i = 1, 300 do go(load("return " .. i)) end
        go(m[key], out)
        assert.equal(m[key], (out:recv()))
      end
      package.loaded[name] = nil
    end))

  it("what it says while finalizers load code", within(10, function()
    local out = chan(31)
    local function litter(depth)
      for i = 1, 20 do
        setmetatable({}, { __gc = function() load("return 1") end })
        if depth > 0 and i % 7 == 0 then go(litter, depth - 1) end
      end
      out:send(depth)
    end
    for _ = 1, 5 do
      go(litter, 4)
      local sum = 0
      for _ = 1, 31 do sum = sum + out:recv() end
      assert.equal(4 + 2 * 3 + 4 * 2 + 8 * 1, sum)
    end
  end))

  it("functions of a script's own globals", within(5, function()
    local env = setmetatable({}, { __index = _G })
    local f = load("x = 7 function get() return x end " ..
      "local function helper() return get() end " ..
      "return function() return helper() end", "=f", "t", env)()
    assert.equal(7, (result_of(f)))
  end))
end)

describe("a timer's call", function()
  it("takes the same along each time", within(5, function()
    local out, limit = chan(3), 3
    local function double(n) return 2 * n end
    local function helper(n) return double(n) + limit end
    local timer = gort.time.after_func(0.001, function(t)
      out:send(helper(t[1]))
      t[1] = 100
    end, { 5 })
    for _ = 1, 3 do
      assert.equal(13, out:recv())
      timer:reset(0.001)
    end
    timer:stop()
  end))
end)
