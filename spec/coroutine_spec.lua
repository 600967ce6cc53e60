-- Coroutines of the script, in main and in tasks.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local everywhere = require "spec.support.everywhere"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

describe("coroutines work as in Lua:", function()
  everywhere("values go in and out", function()
    local co = coroutine.create(function(...)
      local n = select("#", ...)
      local a, b = coroutine.yield(n, ...)
      return b, a
    end)
    local r = { coroutine.resume(co, 1, nil, 3) }
    local s = { coroutine.resume(co, "a", "b") }
    return r[2], r[5], s[1], s[2], s[3], coroutine.status(co)
  end, 3, 3, true, "b", "a", "dead")

  everywhere("generators", function()
    local sum = 0
    for i in coroutine.wrap(function()
      for i = 1, 100 do coroutine.yield(i) end
    end) do
      sum = sum + i
    end
    return sum
  end, 5050)

  everywhere("status and running", function()
    local outer, is_main = coroutine.running()
    local co
    co = coroutine.create(function()
      local me, main = coroutine.running()
      return me == co, main, coroutine.status(co), coroutine.status(outer)
    end)
    local before = coroutine.status(co)
    local r = { coroutine.resume(co) }
    return type(outer), is_main, coroutine.status(outer), before,
      table.unpack(r)
  end, "thread", true, "running", "suspended", true, true, false, "running",
    "normal")

  everywhere("isyieldable", function()
    local co = coroutine.create(function()
      return coroutine.isyieldable()
    end)
    return coroutine.isyieldable(), coroutine.isyieldable(co),
      coroutine.resume(co)
  end, false, true, true, true)

  everywhere("yield outside of a coroutine is an error", function()
    local ok, err = pcall(coroutine.yield, 1)
    return ok, err
  end, false, "attempt to yield from outside a coroutine")

  everywhere("resuming what cannot be resumed", function()
    local dead = coroutine.create(function() end)
    coroutine.resume(dead)
    local _, a = coroutine.resume(dead)
    local _, b = coroutine.resume((coroutine.running()))
    local me
    me = coroutine.create(function()
      return select(2, coroutine.resume(me))
    end)
    local _, c = coroutine.resume(me)
    local wrapped = coroutine.wrap(function() end)
    wrapped()
    local ok, d = pcall(wrapped)
    return a, b, c, ok, d:match "cannot resume dead coroutine$"
  end, "cannot resume dead coroutine", "cannot resume non-suspended coroutine",
    "cannot resume non-suspended coroutine", false,
    "cannot resume dead coroutine")

  everywhere("errors through resume and wrap", function()
    local t = {}
    local ok, err = coroutine.resume(coroutine.create(function() error(t) end))
    local ok2, err2 = pcall(coroutine.wrap(function() error("x", 0) end))
    local ok3, err3 = pcall(function()
      coroutine.wrap(function() error(t) end)()
    end)
    return ok, err == t, ok2, err2:match "x$", ok3, err3 == t
  end, false, true, false, "x", false, true)

  everywhere("close runs <close> variables", function()
    local log = {}
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function()
        log[#log + 1] = "closed"
      end })
      coroutine.yield()
    end)
    coroutine.resume(co)
    local closed = coroutine.close(co)
    local failing = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function()
        error("in close", 0)
      end })
      coroutine.yield()
    end)
    coroutine.resume(failing)
    local ok, err = coroutine.close(failing)
    return closed, log[1], coroutine.status(co), ok, err
  end, true, "closed", "dead", false, "in close")

  everywhere("an error in wrap closes what is to be closed", function()
    local log = {}
    pcall(coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = function()
        log[#log + 1] = "closed"
      end })
      error "x"
    end))
    return log[1]
  end, "closed")

  everywhere("yield across pcall, metamethods and iterators", function()
    local t = setmetatable({}, { __index = function(_, k)
      return coroutine.yield(k)
    end, __add = function(_, n) return coroutine.yield(n) end })
    local co = coroutine.wrap(function()
      local ok, v = pcall(function() return t.x + (t + 5) end)
      return ok, v
    end)
    local a, b = co(), co(10)
    local ok, sum = co(20)
    return a, b, ok, sum
  end, "x", 5, true, 30)
end)

describe("blocking in a coroutine suspends the whole task:", function()
  everywhere("a generator that receives", function()
    local ch = chan()
    go(function()
      for i = 1, 10 do ch:send(i) end
      ch:close()
    end)
    local squares = coroutine.wrap(function()
      for v in ch do coroutine.yield(v * v) end
    end)
    local sum = 0
    for v in squares do sum = sum + v end
    return sum
  end, 385)

  everywhere("resume returns once, with what was yielded", function()
    local ch = chan()
    go(function() gort.time.sleep(0.002); ch:send "v" end)
    local co = coroutine.create(function(...)
      local v = ch:recv()
      gort.time.sleep(0.001)
      coroutine.yield(v, ...)
      return (select { { after = 0.001, function() return "end" end } })
    end)
    local r = { coroutine.resume(co, 1, 2) }
    local s = { coroutine.resume(co) }
    return r[1], r[2], r[3], r[4], s[1], s[2], coroutine.status(co)
  end, true, "v", 1, 2, true, "end", "dead")

  everywhere("coroutines in coroutines", function()
    local ch = chan()
    go(function() for i = 1, 20 do ch:send(i) end end)
    local function level(n)
      if n == 0 then return (ch:recv()) end
      local co = coroutine.wrap(function()
        coroutine.yield(level(n - 1))
        coroutine.yield(level(n - 1))
      end)
      return co() + co()
    end
    return level(4)
  end, 136)

  everywhere("sends, sleeps, waits, yields", function()
    local ch, wg = chan(), gort.sync.waitgroup()
    wg:go(function() ch:recv() end)
    return coroutine.wrap(function()
      ch:send(1)
      wg:wait()
      gort.runtime.yield()
      gort.time.sleep(0.001)
      return pcall(function()
        gort.time.sleep(0.001)
        error("e", 0)
      end)
    end)()
  end, false, "e")

  everywhere("status says running meanwhile", function()
    local ch, co = chan(), nil
    co = coroutine.create(function()
      ch:recv(0.001)
      return coroutine.status(co), coroutine.isyieldable(),
        select(2, coroutine.running())
    end)
    return coroutine.resume(co)
  end, true, "running", true, false)

  everywhere("errors after blocking", function()
    local co = coroutine.create(function()
      gort.time.sleep(0.001)
      error("late", 0)
    end)
    local ok, err = coroutine.resume(co)
    local ok2, err2 = pcall(coroutine.wrap(function()
      gort.time.sleep(0.001)
      error("late2", 0)
    end))
    return ok, err, coroutine.status(co), ok2, err2:match "late2$"
  end, false, "late", "dead", false, "late2")

  everywhere("close may block in a <close> variable", function()
    local ch = chan(1)
    local co = coroutine.wrap(function()
      do
        local _ <close> = setmetatable({}, { __close = function()
          gort.time.sleep(0.001)
          ch:send "closed"
        end })
        coroutine.yield()
      end
    end)
    co()
    co()
    return (ch:recv(1))
  end, "closed")

  it("other tasks run meanwhile", within(5, function()
    local ch, out = chan(), chan()
    for i = 1, 100 do
      go(function()
        local f = coroutine.wrap(function()
          while true do coroutine.yield(i * ch:recv()) end
        end)
        out:send(f() + f())
      end)
    end
    for _ = 1, 200 do ch:send(1) end
    local sum = 0
    for _ = 1, 100 do sum = sum + out:recv() end
    assert.equal(10100, sum)
  end))

  it("a task's end leaves suspended coroutines behind", within(5, function()
    local ch = chan()
    for _ = 1, 200 do
      go(function()
        local f = coroutine.wrap(function()
          coroutine.yield(1)
          error "never"
        end)
        ch:send(f())
      end)
    end
    for _ = 1, 200 do assert.equal(1, (ch:recv())) end
    collectgarbage()
  end))

  it("a coroutine's stack is in the traceback of the task", within(5, function()
    local ch = chan()
    go(function()
      local f = coroutine.wrap(function() ch:recv() end)
      f()
    end)
    tasks.until_parked(1, "chan receive")
    assert.matches("coroutine_spec.lua", gort.runtime.stack(true), 1, true)
    ch:send(1)
  end))
end)
