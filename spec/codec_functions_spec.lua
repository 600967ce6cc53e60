-- How functions and modules cross.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local by_channel, by_go = tasks.by_channel, tasks.by_go

describe("Lua functions cross", function()
  it("with their captures, as independent copies", within(5, function()
    local n = 10
    local function counter() n = n + 1; return n end
    local a, b = by_channel(counter), by_channel(counter)
    assert.equal(11, a())
    assert.equal(12, a())
    assert.equal(11, b())
    assert.equal(10, n)
  end))

  it("with variables that several of them share", within(5, function()
    local n, other = 0, 0
    local function make()
      return { inc = function() n = n + 1 end, get = function() return n end,
        get_other = function() return other end }
    end
    local copy = by_channel(make())
    copy.inc()
    assert.equal(1, copy.get())
    assert.equal(0, copy.get_other())
    assert.equal(0, n)
  end))

  it("that capture tables with themselves in them", within(5, function()
    local object = { n = 1 }
    function object.get() return object.n end
    local copy = by_channel(object)
    copy.n = 2
    assert.equal(2, copy.get())
    assert.equal(1, object.get())
  end))

  it("recursive and mutually recursive", within(5, function()
    local function fac(n) return n == 0 and 1 or n * fac(n - 1) end
    assert.equal(120, by_channel(fac)(5))
    assert.equal(120, by_go(fac)(5))
    local even
    local function odd(n) return n ~= 0 and even(n - 1) end
    function even(n) return n == 0 or odd(n - 1) end
    assert.is_true(by_channel { even, odd }[1](10))
  end))

  it("with varargs, many results and parameters", within(5, function()
    local f = by_channel(function(a, ...)
      return select("#", ...), a, ...
    end)
    assert.same({ n = 4, 2, 1, nil, 3 }, table.pack(f(1, nil, 3)))
  end))

  it("in chains of captures, deeply", within(20, function()
    local f = function() return 0 end
    for _ = 1, 150 do
      local inner = f
      f = function() return inner() + 1 end
    end
    assert.equal(150, by_channel(f)())
    assert.equal(150, by_go(f)())
  end))

  it("with 10,000 functions that capture each other", within(20, function()
    local list = {}
    for i = 1, 10000 do
      local before = list[i - 1]
      list[i] = function() return before end
    end
    local f, n = by_channel(list[10000]), 0
    while f do f, n = f(), n + 1 end
    assert.equal(10000, n)
  end))

  it("without debug information", within(5, function()
    local up = 5
    local f = function(x) return x + up end
    local stripped = load(string.dump(f, true))
    debug.setupvalue(stripped, 1, 7)
    assert.equal(8, by_channel(stripped)(1))
  end))

  it("with to-be-closed variables and gotos", within(5, function()
    local f = by_channel(function()
      local log = {}
      do
        local _ <close> = setmetatable({}, { __close = function()
          log[#log + 1] = "closed"
        end })
        for i = 1, 3 do
          if i == 2 then goto continue end
          log[#log + 1] = i
          ::continue::
        end
      end
      return table.concat(log, " ")
    end)
    assert.equal("1 3 closed", f())
  end))

  it("with long constants", within(5, function()
    local long = ("x"):rep(1000)
    local f = load("return function() return '" .. long
      .. "', 0x7fffffffffffffff, 1e300 end")()
    assert.same({ long, math.maxinteger, 1e300 }, { by_channel(f)() })
  end))

  it("from load, with globals of their own kind", within(5, function()
    local f = load "return type(print), 1"
    assert.same({ "function", 1 }, { by_channel(f)() })
    assert.same({ "function", 1 }, { by_go(f)() })
    local env = { y = 5 }
    f = load("return y", "=f", "t", env)
    assert.equal(5, by_channel(f)())
  end))

  it("back and forth many times", within(20, function()
    local n = 0
    local f = function() n = n + 1; return n end
    for i = 1, 50 do
      f = by_channel(f)
      assert.equal(i, f())
    end
  end))
end)

describe("C functions cross", function()
  it("as themselves", within(5, function()
    for _, f in ipairs { print, string.rep, math.max, table.sort, go, chan,
      select, io.write } do
      assert.equal(f, by_channel(f))
      assert.equal(f, by_go(f))
    end
  end))

  it("by name in a loaded module when they have upvalues", within(5, function()
    local ch = chan()
    for _, f in ipairs { require, coroutine.wrap, io.lines, load } do
      go(function(g) ch:send(type(g)) end, f)
      assert.equal("function", (ch:recv()))
    end
  end))
end)

describe("modules cross by name", function()
  it("those of Lua", within(5, function()
    for _, m in ipairs { string, math, table, io, os, coroutine, utf8,
      package } do
      assert.equal(m, by_channel(m))
    end
    local ch, str = chan(), string
    go(function() ch:send { str == string, str.upper "x" } end)
    assert.same({ true, "X" }, (ch:recv()))
  end))

  it("those of gort", within(5, function()
    local ch, time, sync = chan(), gort.time, require "gort.sync"
    go(function(g)
      ch:send { time == g.time, sync == g.sync, type(g.runtime.numcpu()) }
    end, gort)
    assert.same({ true, true, "number" }, (ch:recv()))
  end))

  describe("those of the script:", function()
    local dir

    setup(function()
      dir = run.directory()
      run.write(dir .. "/counter.lua", [[
        local M = { n = 0, sub = { deep = true } }
        function M.next() M.n = M.n + 1; return M.n end
        M.loaded_at = tostring(coroutine.running())
        local hidden = setmetatable({}, { __index = function() return 1 end })
        function M.hidden() return hidden.x end
        return M]])
      os.execute("mkdir " .. dir .. "/lib")
      run.write(dir .. "/lib/far.lua", "return { here = function() "
        .. "return 'far' end, io = io.stdout }")
      run.write(dir .. "/fn.lua", "return function() return 'fn' end")
    end)

    teardown(function() run.remove(dir) end)

    local function output(text)
      local r = run(text, { dir = dir })
      assert.equal("", r.err)
      assert.equal(0, r.status)
      return r.out
    end

    it("as a captured local", function()
      assert.equal("1 1 true\n", output [[
        local counter = require "counter"
        local ch = chan()
        go(function()
          ch:send(counter.next() .. " " .. counter.hidden() .. " "
            .. tostring(counter == require "counter"))
        end)
        print((ch:recv()))]])
    end)

    it("as an argument, in a table, as one of its functions", function()
      assert.equal("true true 1\n", output [[
        local counter = require "counter"
        local ch = chan()
        go(function(m, t, f)
          local here = require "counter"
          ch:send(tostring(m == here) .. " " .. tostring(t[1] == here) .. " "
            .. f())
        end, counter, { counter }, counter.hidden)
        print((ch:recv()))]])
    end)

    it("found by the package.path of the sender", function()
      assert.equal("far far\n", output [[
        package.path = "./lib/?.lua;" .. package.path
        local far = require "far"
        local ch = chan()
        go(function() ch:send(far.here()) end)
        local one = ch:recv()
        go(function(f) ch:send(f.here()) end, far)
        print(one .. " " .. ch:recv())]])
    end)

    it("also when it is just a function", function()
      assert.equal("fn\n", output [[
        local fn = require "fn"
        local ch = chan()
        go(function() ch:send(fn()) end)
        print((ch:recv()))]])
    end)

    it("required in the task itself", function()
      assert.equal("fn far\n", output [[
        package.path = "./lib/?.lua;" .. package.path
        local ch = chan()
        go(function()
          ch:send(require "fn"() .. " " .. require "far".here())
        end)
        print((ch:recv()))]])
    end)

    it("that are gone by then make an error in the task", function()
      local r = run([[
        package.preload.gone = function() return { x = 1 } end
        local gone = require "gone"
        package.preload.gone = nil
        local ch = chan()
        go(function() ch:send(gone.x) end)
        print((ch:recv()))]], { dir = dir })
      assert.equal(2, r.status)
      assert.matches("module 'gone' not found", r.err)
    end)
  end)
end)
