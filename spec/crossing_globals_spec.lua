-- What tasks see of globals, and that nobody sees theirs.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"

-- luacheck: ignore 111 112 113 121 142 143 211/_ENV

-- Runs fn(...) in a task: its results, or its error is raised.
local function task(fn, ...)
  local back = chan(1)
  go(function(...) back:send(table.pack(pcall(fn, ...))) end, ...)
  local r = back:recv()
  if not r[1] then error(r[2], 0) end
  return table.unpack(r, 2, r.n)
end

-- Sets globals while body runs.
local function with(globals, body)
  for k, v in pairs(globals) do _G[k] = v end
  local ok, err = xpcall(body, debug.traceback)
  for k in pairs(globals) do _G[k] = nil end
  if not ok then error(err, 0) end
end

crossing("globals that a function names", function(rule, once)
  rule("come with it", function(across)
    with({ g_n = 3, g_t = { 1 } }, function()
      assert.equal(4, across(1, function(x) return g_n + x end))
      assert.equal(4, across(function() return g_n + g_t[1] end)())
    end)
  end)

  rule("come with those that they name", function(across)
    with({ g_n = 1 }, function()
      function g_one() return g_n end
      function g_two() return g_one() + g_one() end
      g_three = { f = function() return g_two() + g_n end }
      local mt = { __index = function(_, k) return k .. g_three.f() end }
      g_four = setmetatable({}, mt)
      assert.equal("k3", across("k", function(k) return g_four[k] end))
      assert.equal(3, across(g_three, function(t) return t.f() end))
      g_one, g_two, g_three, g_four = nil, nil, nil, nil
    end)
  end)

  rule("come with functions of functions", function(across)
    with({ g_n = 5 }, function()
      local function outer()
        return function() return function() return g_n end end
      end
      assert.equal(5, across(outer)()()())
      assert.equal(5, across(outer, function(f) return f()()() end))
    end)
  end)

  rule("come as _G.name and _ENV.name, too", function(across)
    with({ g_n = 5 }, function()
      assert.equal(15, across(5, function(x)
        return _G.g_n + _ENV.g_n + x
      end))
    end)
  end)

  rule("come under names that are no C strings", function(across)
    with({ ["g\0n"] = 5, ["print\0"] = 6 }, function()
      assert.equal(11, across(0, function()
        return _ENV["g\0n"] + _ENV["print\0"]
      end))
    end)
  end)

  rule("share what they share with captures", function(across)
    local t = {}
    with({ g_a = t, g_b = { t } }, function()
      assert.is_true(across(1, function()
        return g_a == t and g_b[1] == t
      end))
    end)
  end)

  rule("may be false, and nil is no surprise", function(across)
    with({ g_f = false }, function()
      assert.is_true(across(1, function() return g_f == false end))
      assert.is_true(across(1, function() return g_none == nil end))
    end)
  end)

  rule("are those of the moment of go", function(across)
    with({ g_n = 1 }, function()
      local function get() return g_n end
      assert.equal(1, across(1, get))
      g_n = 2
      assert.equal(2, across(1, get))
      g_n = nil
      assert.is_nil(across(1, get))
    end)
  end)

  rule("cover standard ones", function(across)
    local tostring_of_lua = tostring
    tostring = function() return "ours" end
    local ok, got = pcall(across, 5, function(v) return tostring(v) end)
    tostring = tostring_of_lua
    assert.is_true(ok, got)
    assert.equal("ours", got)
    assert.equal("5", across(5, function(v) return tostring(v) end))
  end)

  once("go on to a task's task", function()
    with({ g_n = 4 }, function()
      local back = chan()
      go(function()
        go(function() back:send(g_n) end)
      end)
      assert.equal(4, (back:recv()))
    end)
  end)

  once("and those that a task made", function()
    assert.equal(6, task(function()
      g_made = 6
      local back = chan()
      go(function() back:send(g_made) end)
      return (back:recv())
    end))
    assert.is_nil(g_made)
  end)
end)

crossing("globals that a task assigns", function(rule, once)
  rule("stay inside", function(across)
    assert.equal(3, across(2, function(x)
      g_new = x
      g_new = g_new + 1
      function g_fn() return g_new end
      return g_fn()
    end))
    assert.is_nil(g_new)
    assert.is_nil(g_fn)
  end)

  rule("are seen by all of its functions", function(across)
    local function get() return g_new end
    local function set(v) g_new = v end
    assert.same({ 7, 7, 7 }, { across(7, function(v)
      set(v)
      return get(), g_new, _G.g_new
    end) })
  end)

  rule("stay inside as _G.name and by rawset", function(across)
    assert.same({ 1, 2, 3, 4 }, { across(1, function()
      _G.g_1 = 1
      _ENV.g_2 = 2
      rawset(_G, "g_3", 3)
      _G["g_" .. 4] = 4
      return g_1, g_2, g_3, _G["g_" .. 4]
    end) })
    assert.is_nil(g_1 or g_2 or g_3 or g_4)
  end)

  rule("may be standard ones", function(across)
    assert.equal("mine", across(1, function()
      print = "mine"
      return print
    end))
    assert.equal("function", type(print))
    assert.equal("function", across(1, function() return type(print) end))
  end)

  once("are never those of another task", function()
    local wg, bad = gort.sync.waitgroup(), chan(100)
    for i = 1, 50 do
      wg:go(function()
        if g_mine ~= nil then bad:send "there before" end
        g_mine = i
        for _ = 1, 5 do
          gort.runtime.yield()
          if g_mine ~= i or load "return g_mine"() ~= i
            or _G.g_mine ~= i or rawget(_G, "g_mine") ~= i then
            bad:send "another's"
          end
        end
      end)
    end
    wg:wait()
    assert.equal(0, #bad)
    assert.is_nil(g_mine)
  end)

  once("are never those of the task before it", function()
    for i = 1, 100 do
      assert.is_nil(task(function()
        local before = g_left
        g_left = i
        return before
      end))
    end
  end)
end)

crossing("the table of globals", function(rule)
  rule("is one and its own", function(across)
    assert.is_true(across(1, function()
      local a <const> = _G
      return a == _G and _ENV == a and a._G == a and a.print == print
    end))
  end)

  rule("that was captured is the task's", function(across)
    local globals = _G
    assert.is_true(across(1, function()
      globals.g_x = 5
      return globals == _G and g_x == 5 and globals.print == print
    end))
    assert.is_nil(g_x)
  end)

  rule("has the standard ones when it is listed", function(across)
    local missing = across({ "print", "string", "_G", "go", "gort", "pcall" },
      function(names)
        local found = {}
        for k in pairs(_G) do found[k] = true end
        for _, k in ipairs(names) do
          if not found[k] or not next(_G) then return k end
        end
      end)
    assert.is_nil(missing)
  end)

  rule("may get a metatable in the task", function(across)
    assert.same({ "g_any!", "function" }, { across(1, function()
      setmetatable(_G, { __index = function(_, k) return k .. "!" end })
      return g_any, type(print)
    end) })
    assert.is_nil(g_any)
    assert.is_nil(across(1, function() return g_any end))
  end)

  rule("may be a local _ENV", function(across)
    assert.same({ 5, "function" }, { across(3, function(x)
      local type, print = type, print
      local _ENV = { y = 2 }
      z = x + y
      return z, type(print)
    end) })
    local f
    do
      local _ENV = { n = 4 }
      f = function() return n end
    end
    assert.equal(4, across(f)())
    assert.equal(4, across(1, f))
  end)

  rule("of load in a task is the task's", function(across)
    with({ g_n = 2 }, function()
      assert.same({ 2, 3, 6, 3 }, { across(3, function(x)
        g_x = x
        local twice = load "g_y = g_x * 2 return g_y"()
        local env = setmetatable({ g_x = 1 }, { __index = _G })
        return g_n, load "return g_x"(), twice,
          load("return g_x + g_n", "=e", "t", env)()
      end) })
    end)
  end)
end)

crossing("a strict _G", function(_, once)
  -- As in strict.lua: what was never assigned raises when it is read.
  local function strict(body)
    local declared = {}
    setmetatable(_G, {
      __newindex = function(t, k, v) declared[k] = true rawset(t, k, v) end,
      __index = function(_, k)
        if not declared[k] then error("undeclared " .. k, 2) end
      end,
    })
    local ok, err = xpcall(body, debug.traceback)
    setmetatable(_G, nil)
    if not ok then error(err, 0) end
  end

  once("lets tasks be started and globals come", function()
    strict(function()
      g_n = 5
      local r = table.pack(task(function() return g_n, g_undeclared end))
      g_n = nil
      assert.same({ n = 2, 5 }, r)
    end)
  end)

  once("is still asked where it is in force", function()
    strict(function()
      local ok, err = pcall(function() return g_undeclared end)
      assert.is_false(ok)
      assert.matches("undeclared g_undeclared", err)
    end)
  end)
end)
