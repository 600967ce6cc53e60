-- Functions cross with all that they capture.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

local function call(f, ...)
  return f(...)
end

-- A function that captures n variables with the values 1 to n, and gives
-- their sum.
local function with_captures(n)
  local names = {}
  for i = 1, n do names[i] = "v" .. i end
  -- Locals of a function are at most 200: two functions have them.
  local half = n // 2
  local one, two = table.concat(names, ", ", 1, half),
    table.concat(names, ", ", half + 1, n)
  return load(string.format([[
    local function values(from, to)
      local t = {}
      for i = from, to do t[#t + 1] = i end
      return table.unpack(t)
    end
    local %s = values(1, %d)
    return (function()
      local %s = values(%d, %d)
      return function() return %s end
    end)()]], one, half, two, half + 1, n, table.concat(names, " + ")))()
end

crossing("functions cross:", function(rule)
  rule("without captures", function(across)
    assert.equal(3, across(function(a, b) return a + b end)(1, 2))
    assert.equal("x", across(function() return "x" end, call))
  end)

  rule("with independent copies of what they capture", function(across)
    local n = 10
    local function counter() n = n + 1 return n end
    local a, b = across(counter, function(f)
      return f
    end), across { counter, counter }
    assert.equal(11, a())
    assert.equal(11, b[1]())
    assert.equal(12, b[2]())
    assert.equal(10, n)
    assert.equal(b[1], b[2])
  end)

  rule("with the variables that they share", function(across)
    local n, m = 0, 0
    local t = {
      inc = function() n = n + 1 end,
      get = function() return n end,
      inner = { get = function() return n, m end },
      other = function() m = m + 10 end,
    }
    local function check(v)
      v.inc() v.inc() v.other()
      local a, b = v.inner.get()
      return v.get(), a, b
    end
    assert.same({ 2, 2, 10 }, { across(t, check) })
    assert.same({ 2, 2, 10 }, { check(across(t)) })
    assert.same({ 0, 0 }, { n, m })
  end)

  rule("with the variables of each loop turn", function(across)
    local list = {}
    for i = 1, 5 do
      local j = i * 10
      list[#list + 1] = function() j = j + 1 return i + j end
      list[#list + 1] = function() return j end
    end
    local v = across(list)
    assert.equal(12, v[1]())
    assert.equal(11, v[2]())
    assert.equal(20, v[4]())
    assert.equal(56, v[9]())
  end)

  rule("recursive", function(across)
    local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
    assert.equal(55, across(fib)(10))
    assert.equal(55, across(10, fib))
    assert.equal(55, across(fib, function(f) return f(10) end))
  end)

  rule("mutually recursive", function(across)
    local odd, third
    local function even(n) return n == 0 or odd(n - 1) end
    function odd(n) return n ~= 0 and third(n - 1) end
    function third(n) return even(n) end
    assert.is_true(across(even)(100))
    assert.is_false(across(odd, function(f) return f(100) end))
    local v = across { even, odd }
    assert.is_true(v[1](4) and v[2](5))
  end)

  rule("in themselves", function(across)
    local function self() return self end
    local copy = across(self)
    assert.equal(copy, copy()())
    assert.is_true(across(self, function(f) return f == f() end))
  end)

  rule("with varargs", function(across)
    local f = function(a, ...) return select("#", ...), a, ... end
    assert.same({ n = 4, 2, 1, nil, 3 }, table.pack(across(f)(1, nil, 3)))
    assert.same({ n = 3, 1, nil, nil }, table.pack(across(f, function(g)
      return g(nil, nil)
    end)))
    assert.equal(250, (across(f)(0, table.unpack({}, 1, 250))))
  end)

  for _, n in ipairs { 100, 199, 200, 250 } do
    rule("with " .. n .. " captures", function(across)
      local f = with_captures(n)
      assert.equal(n * (n + 1) // 2, f())
      assert.equal(f(), across(f)())
      assert.equal(f(), across(f, call))
    end)
  end

  rule("with not too many captures", function(across)
    local ok, why = pcall(across, with_captures(251))
    assert.is_false(ok)
    assert.matches("a function with more than 250 captured variables", why)
  end)

  rule("with captures of every type", function(across)
    local s, i, x, b, n, t, ch, f = "s", 1, 1.5, true, nil, { 1 }, chan(1),
      math.floor
    local got = across(function()
      ch:send "sent"
      return s, i, x, b, n, t[1], f(x)
    end, function(g) return table.pack(g()) end)
    assert.same({ n = 7, "s", 1, 1.5, true, nil, 1, 1 }, got)
    assert.equal("sent", (ch:recv()))
  end)

  rule("with captures far out", function(across)
    local a = 1
    local function outer()
      local b = 2
      return function()
        local c = 3
        return function() return function() return a + b + c end end
      end
    end
    assert.equal(6, across(outer)()()()())
    assert.equal(6, across(outer()())()())
  end)

  rule("stripped", function(across)
    local up, n = 5, 0
    local function f(x) n = n + 1 return x + up + n end
    local g = load(string.dump(f, true))
    debug.upvaluejoin(g, 1, f, 1)
    debug.upvaluejoin(g, 2, f, 2)
    assert.equal(8, across(g)(2))
    assert.equal(9, across(g, function(h) h(0) return h(2) end))
    local env = load(string.dump(function() return math.pi end, true))
    assert.equal(math.pi, across(env)())
  end)

  rule("that use goto, const and close variables", function(across)
    local function f(n)
      local log <const> = {}
      local LIMIT <const> = 5
      do
        local c <close> = setmetatable({}, { __close = function(_, e)
          log[#log + 1] = "closed " .. tostring(e)
        end })
        local i = 0
        ::again::
        i = i + 1
        if i == 2 then goto again end
        log[#log + 1] = c and i
        if i < n and i < LIMIT then goto again end
      end
      return table.concat(log, " ")
    end
    assert.equal("1 3 4 5 closed nil", across(f)(10))
    assert.equal("1 3 closed nil", across(3, f))
  end)

  rule("with const captures", function(across)
    local limit <const>, name <const> = 10, "c"
    local t <const> = { 1 }
    assert.equal("c 10 1", across(0, function()
      return name .. " " .. limit .. " " .. t[1]
    end))
  end)

  rule("that make functions and coroutines", function(across)
    local function gen(n)
      return coroutine.wrap(function()
        for i = 1, n do coroutine.yield(i) end
      end)
    end
    assert.equal(6, across(gen, function(g)
      local sum = 0
      for i in g(3) do sum = sum + i end
      return sum
    end))
    local iterate = across(gen)(2)
    assert.equal(1, iterate())
  end)

  rule("with places in their errors", function(across)
    local function f() error "here" end
    local line = debug.getinfo(f, "S").linedefined
    local ok, err = pcall(across(f))
    assert.is_false(ok)
    assert.matches("crossing_functions_spec.lua:" .. line .. ": here$", err)
    local info = across(f, function(g) return debug.getinfo(g, "S") end)
    assert.equal(line, info.linedefined)
    assert.equal("Lua", info.what)
  end)

  rule("that are big", function(across)
    local lines = { "local t = {} " }
    for i = 1, 3000 do
      lines[#lines + 1] = string.format("t[%d] = 'k%d' .. %d.5", i, i, i)
    end
    lines[#lines + 1] = "return #t, t[3000]"
    local f = load(table.concat(lines, "\n"))
    assert.same({ 3000, "k30003000.5" }, { across(f)() })
  end)
end)

crossing("functions from load:", function(rule)
  rule("see the globals", function(across)
    local f = load "return type(print), #table.pack(...), ..."
    assert.same({ "function", 1, 5 }, { across(f)(5) })
    assert.same({ "function", 1, 6 }, { across(f, function(g)
      return g(6)
    end) })
  end)

  rule("keep an environment of their own", function(across)
    local env = { x = 5 }
    local f = load("y = (y or x) + 1 return y, print", "=f", "t", env)
    local copy = across(f)
    assert.same({ 6 }, { copy() })
    assert.same({ 7 }, { copy() })
    assert.same({ x = 5 }, env)
    assert.same({ 6 }, { across(f, call) })
  end)

  rule("that share an environment still do", function(across)
    local env = { n = 0 }
    local v = across { load("m = n + 1", "=a", "t", env),
      load("return m", "=b", "t", env) }
    v[1]()
    assert.equal(1, v[2]())
    assert.is_nil(env.m)
  end)

  rule("with an environment that falls back to the globals", function(across)
    local env = setmetatable({ x = 2 }, { __index = _G })
    local f = load("return math.max(x, 1), type(print)", "=f", "t", env)
    assert.same({ 2, "function" }, { across(f)() })
    assert.same({ 2, "function" }, { across(f, call) })
  end)

  rule("in the task", function(across)
    assert.equal(42, across("return 6 * 7", function(s)
      return load(s)()
    end))
    assert.equal(7, across(function(n) return load("return ... + 1")(n) end,
      function(f) return f(6) end))
    local made = across("return function(x) return x * 2 end", function(s)
      return load(s)()
    end)
    assert.equal(8, made(4))
  end)
end)

crossing("a function that came by channel", function(rule, once)
  rule("is passed to go", function(across)
    local n = 3
    local f = across(function(back, x) back:send(n + x) end)
    local back = chan()
    go(f, back, 4)
    go(f, back, 4)
    assert.equal(7, (back:recv()))
    assert.equal(7, (back:recv()))
  end)

  once("goes on through many tasks", function()
    local function hop(f, n, back)
      if n == 0 then return back:send(f()) end
      go(hop, f, n - 1, back)
    end
    local back, k = chan(), 9
    go(hop, function() return k end, 50, back)
    assert.equal(9, (back:recv()))
  end)
end)
