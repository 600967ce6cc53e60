-- Scalars cross by value, strings included.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

local function bits(n)
  return string.pack("n", n)
end

crossing("scalars cross:", function(rule)
  rule("nil", function(across)
    assert.is_nil(across(nil))
    assert.equal("nil", across(nil, type))
  end)

  rule("booleans", function(across)
    assert.is_true(across(true))
    assert.is_false(across(false))
    assert.equal("boolean", across(false, type))
  end)

  for _, i in ipairs { 0, 1, -1, 63, 64, -64, -65, 127, 128, 255, 1 << 31,
    1 << 32, -(1 << 31), 1 << 53, (1 << 53) + 1, 1 << 62, math.maxinteger,
    math.mininteger, math.mininteger + 1 } do
    rule("the integer " .. i, function(across)
      local v = across(i)
      assert.equal("integer", math.type(v))
      assert.equal(i, v)
      assert.equal("integer", across(i, math.type))
    end)
  end

  for _, n in ipairs { 0.0, -0.0, 1.0, 0.1, -1e308, 5e-324, 2.0 ^ 53,
    2.0 ^ 63, -2.0 ^ 63, math.huge, -math.huge, math.pi } do
    rule(string.format("the float %g (%a)", n, n), function(across)
      local v = across(n)
      assert.equal("float", math.type(v))
      assert.equal(bits(n), bits(v))
      assert.equal("float", across(n, math.type))
    end)
  end

  rule("NaN", function(across)
    local nan = across(0 / 0)
    assert.is_true(nan ~= nan)
    assert.is_true(across(0 / 0, function(n) return n ~= n end))
  end)

  rule("-0.0 with its sign", function(across)
    assert.equal(-math.huge, 1 / across(-0.0))
    assert.equal(-math.huge, across(-0.0, function(n) return 1 / n end))
  end)

  rule("light userdata", function(across)
    local p = debug.upvalueid(function() return crossing end, 1)
    assert.equal("userdata", type(p))
    assert.is_true(across(p) == p)
    assert.is_true(across({ p })[1] == p)
    assert.is_true(across({ [p] = 1 })[p] == 1)
  end)
end)

local strings = {
  ["the empty one"] = "",
  ["one of a letter"] = "x",
  ["an embedded zero"] = "a\0b",
  ["only zeros"] = ("\0"):rep(100),
  ["no UTF-8"] = "\xff\xfe\x80",
  ["the longest short one"] = ("x"):rep(40),
  ["the shortest long one"] = ("x"):rep(41),
  ["127 bytes"] = ("7"):rep(127),
  ["128 bytes"] = ("8"):rep(128),
  ["16384 bytes"] = ("8"):rep(16384),
  ["1 MiB"] = ("0123456789abcdef"):rep(65536),
  ["1 MiB with zeros"] = ("\0y"):rep(1 << 19),
  ["all bytes"] = string.char(table.unpack((function()
    local t = {}
    for i = 0, 255 do t[i + 1] = i end
    return t
  end)())),
}

crossing("strings cross:", function(rule)
  for name, s in pairs(strings) do
    rule(name, function(across)
      assert.is_true(across(s) == s)
      assert.equal(#s, across(s, function(v) return #v end))
    end)

    rule(name .. ", in a table and as a key", function(across)
      local t = across { s, [s] = s }
      assert.is_true(t[1] == s and t[s] == s)
    end)
  end

  rule("a hundred at once", function(across)
    local list = {}
    for i = 1, 100 do list[i] = ("x"):rep(i * 7) end
    assert.same(list, across(list))
  end)
end)
