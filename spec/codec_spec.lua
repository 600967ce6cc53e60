-- What crosses between tasks, and how it comes out: values and tables.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

-- One spec for each way a value can take.
local function both(name, fn)
  it(name .. ", by channel", within(20, function() fn(tasks.by_channel) end))
  it(name .. ", by go", within(20, function() fn(tasks.by_go) end))
  it(name .. ", as a capture", within(20, function()
    fn(tasks.by_capture)
  end))
end

local function bits(n)
  return string.pack("n", n)
end

describe("scalars cross:", function()
  both("nil and booleans", function(across)
    assert.is_nil(across(nil))
    assert.is_true(across(true))
    assert.is_false(across(false))
  end)

  both("integers", function(across)
    for _, i in ipairs { 0, 1, -1, 63, 64, -64, -65, 127, 128, 255, 1 << 31,
      1 << 32, -(1 << 31), 1 << 53, (1 << 53) + 1, 1 << 62, math.maxinteger,
      math.mininteger, math.mininteger + 1 } do
      local v = across(i)
      assert.equal("integer", math.type(v))
      assert.equal(i, v)
    end
  end)

  both("floats, to the bit", function(across)
    for _, n in ipairs { 0.0, -0.0, 1.0, 0.1, -1e308, 5e-324, 2.0 ^ 53,
      math.huge, -math.huge, math.pi } do
      local v = across(n)
      assert.equal("float", math.type(v))
      assert.equal(bits(n), bits(v))
    end
    local nan = across(0 / 0)
    assert.is_true(nan ~= nan)
    assert.equal(-math.huge, 1 / across(-0.0))
  end)

  both("strings", function(across)
    for _, s in ipairs { "", "x", "a\0b", "\0", "\xff\xfe", ("x"):rep(40),
      ("x"):rep(41), ("\0y"):rep(500000) } do
      assert.is_true(across(s) == s)
    end
  end)

  both("all of these in tables", function(across)
    local t = across { true, false, 1, 1.0, -0.0, "a\0b", math.mininteger,
      n = { math.huge }, [2.5] = "f", [-1] = "i", [""] = "e", [true] = "t",
      [math.maxinteger] = "max" }
    assert.is_true(t[1])
    assert.is_false(t[2])
    assert.equal("integer", math.type(t[3]))
    assert.equal("float", math.type(t[4]))
    assert.equal("-0.0", tostring(t[5]))
    assert.equal("a\0b", t[6])
    assert.equal(math.mininteger, t[7])
    assert.equal(math.huge, t.n[1])
    assert.equal("f i e t max", table.concat({ t[2.5], t[-1], t[""], t[true],
      t[math.maxinteger] }, " "))
  end)
end)

describe("tables cross:", function()
  both("as copies", function(across)
    local t = { x = { 1 } }
    local copy = across(t)
    assert.same(t, copy)
    assert.not_equal(t, copy)
    assert.not_equal(t.x, copy.x)
    assert.same({}, across {})
  end)

  both("with holes", function(across)
    local t = across { 1, nil, 3, nil, nil, 6 }
    assert.same({ [1] = 1, [3] = 3, [6] = 6 }, t)
    assert.same({ [0] = 0, [5] = 5 }, across { [0] = 0, [5] = 5 })
  end)

  both("wide ones", function(across)
    local t = {}
    for i = 1, 100000 do
      t[i] = i * 2
      t["k" .. i] = i
    end
    local copy, n = across(t), 0
    for k, v in pairs(copy) do
      n = n + 1
      if t[k] ~= v then error("differs at " .. tostring(k)) end
    end
    assert.equal(200000, n)
    assert.equal(100000, #copy)
  end)

  both("deep ones", function(across)
    local t, depth = {}, 100000
    for i = 1, depth do t = { i, t } end
    local copy, levels = across(t), 0
    while copy[2] do
      if copy[1] ~= depth - levels then error "wrong level" end
      copy, levels = copy[2], levels + 1
    end
    assert.equal(depth, levels)
  end)

  both("deep ones through keys", function(across)
    local t, depth = {}, 10000
    for _ = 1, depth do t = { [t] = true } end
    local copy, levels = across(t), 0
    while next(copy) do
      copy, levels = next(copy), levels + 1
    end
    assert.equal(depth, levels)
  end)

  both("cyclic ones", function(across)
    local t = { name = "t" }
    t.self, t.list = t, { t, { t } }
    t[t] = t
    local copy = across(t)
    assert.equal(copy, copy.self)
    assert.equal(copy, copy.list[1])
    assert.equal(copy, copy.list[2][1])
    assert.equal(copy, copy[copy])
    assert.not_equal(t, copy)
  end)

  both("with shared references", function(across)
    local x, f = {}, function() end
    local copy = across { x, x, { x }, key = { [x] = x }, f, f }
    assert.equal(copy[1], copy[2])
    assert.equal(copy[1], copy[3][1])
    assert.equal(copy[1], copy.key[copy[1]])
    assert.equal(copy[4], copy[5])
    assert.not_equal(copy[1], copy.key)
  end)

  both("with tables and functions as keys", function(across)
    local k, f = { "key" }, function() return "called" end
    local copy = across { [k] = "by table", [f] = "by function",
      [print] = "by print" }
    local found = {}
    for key, v in pairs(copy) do
      found[v] = type(key) == "table" and key[1]
        or key == print and "print" or key()
    end
    assert.same({ ["by table"] = "key", ["by function"] = "called",
      ["by print"] = "print" }, found)
  end)

  it("shared ones among the arguments of one go", within(5, function()
    local ch, x = chan(), {}
    local y = x
    go(function(a, b) ch:send { a == b, a == x, x == y } end, x, x)
    assert.same({ true, true, true }, (ch:recv()))
  end))

  it("independently in each message", within(5, function()
    local ch, x = chan(2), {}
    ch:send(x)
    ch:send(x)
    assert.not_equal((ch:recv()), (ch:recv()))
  end))

  it("by raw access", within(5, function()
    local r = tasks.by_channel { pairs = 1, __index = 2 }
    assert.same({ pairs = 1, __index = 2 }, r)
  end))
end)

describe("handles cross:", function()
  both("channels, wait groups and timers as themselves", function(across)
    local ch, wg, t = chan(1), gort.sync.waitgroup(), gort.time.timer(1000)
    local copy = across { ch = ch, wg = wg, t = t, [ch] = "key" }
    assert.is_true(copy.ch == ch)
    assert.is_true(copy.wg == wg)
    assert.is_true(copy.t == t)
    assert.equal("key", copy[ch])
    copy.ch:send "x"
    assert.equal("x", ch:recv())
    copy.wg:add(1)
    assert.is_false((wg:wait(0)))
    assert.is_true(copy.t:stop())
    assert.is_false(t:stop())
  end)

  both("channels inside channels", function(across)
    local outer, inner = chan(1), chan(1)
    inner:send "deep"
    outer:send { inner }
    assert.equal("deep", across(outer):recv()[1]:recv())
  end)

  both("views as views", function(across)
    local ch = chan(1)
    local copy = across { ch:sender(), ch:receiver() }
    copy[1]:send(1)
    assert.equal(1, (copy[2]:recv()))
    assert.has_error(function() copy[1]:recv(0) end)
    assert.has_error(function() copy[2]:send(1, 0) end)
  end)

  it("and a channel may carry itself", within(5, function()
    local ch = chan(1)
    ch:send(ch)
    assert.equal(ch, (ch:recv()))
  end))
end)

describe("gort.sendable", function()
  it("is true for what crosses", function()
    for _, v in ipairs { 1, "x", true, {}, print, string, chan(),
      function() end } do
      assert.same({ true }, { gort.sendable(v) })
    end
    assert.same({ true }, { gort.sendable(nil) })
  end)

  it("is nil and why for what does not", function()
    local ok, why = gort.sendable { items = { 1, 2, { log = io.stdout } } }
    assert.is_nil(ok)
    assert.equal("cannot send: value.items[3].log is a file", why)
  end)
end)
