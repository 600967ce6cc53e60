-- ctx:go: tasks that a context ends.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local context, time = gort.context, gort.time
local background = context.background()
local CANCELED = "context canceled"

-- Computes for ever. It allocates, since ThreadSanitizer hands a signal on only
-- when something of the C library is called.
local function spin()
  while true do
    local _ = {}
  end
end

-- A handler that calls fn when its scope is left.
local function guard(fn)
  return setmetatable({}, { __close = function(_, err) fn(err) end })
end

-- Starts fn(...) bound to a context, cancels that after a moment: what the
-- task's scope was left with, and how long that took.
local function cancelled(fn, ...)
  local ctx, cancel = context.with_cancel(background)
  local started, over = chan(1), chan(1)
  ctx:go(function(...)
    local _ <close> = guard(function(err) over:try_send(err or false) end)
    started:send(true)
    fn(...)
  end, ...)
  started:recv()
  time.sleep(0.005)
  local t = time.monotonic()
  cancel()
  return (over:recv()), time.monotonic() - t
end

describe("ctx:go", function()
  it("starts a task with the arguments", within(5, function()
    local ch = chan()
    assert.equal(0, select("#", background:go(function(...)
      ch:send(table.pack(...))
    end, 1, nil, "x")))
    assert.same({ 1, nil, "x", n = 3 }, (ch:recv()))
  end))

  it("takes functions only", function()
    assert.has_error(function() background:go(1) end)
    assert.has_error(function() background:go() end)
  end)

  it("lets the task know its context", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    local ch = chan()
    assert.equal(background, context.current())
    ctx:go(function() ch:send(gort.context.current()) end)
    assert.equal(ctx, (ch:recv()))
    go(function() ch:send(gort.context.current()) end)
    assert.equal(background, (ch:recv()))
    cancel()
  end))

  it("is inherited by what the task starts", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    local ch, wg = chan(), gort.sync.waitgroup()
    ctx:go(function()
      go(function() ch:send(gort.context.current()) end)
      wg:go(function() ch:send(gort.context.current()) end)
      gort.time.after_func(0, function() ch:send(gort.context.current()) end)
      gort.context.after_func(ctx, function()
        gort.time.sleep(0.001)
        ch:send "after"
      end)
      gort.time.sleep(60)
    end)
    for _ = 1, 3 do assert.equal(ctx, (ch:recv())) end
    cancel()
    assert.equal("after", (ch:recv()))
  end))

  it("waits for nothing and ends quietly", within(5, function()
    local r = run [[
      local ctx, cancel = gort.context.with_cancel(gort.context.background())
      local wg = gort.sync.waitgroup()
      ctx:go(function() chan():recv() end)
      ctx:go(function() while true do local _ = {} end end)
      ctx:go(function() wg:go(function() select {} end) end)
      gort.time.sleep(0.02)
      cancel()
      print(wg:wait(10))
      gort.time.sleep(0.05)
      print(gort.runtime.numtasks())]]
    assert.equal("true\n1\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.status)
  end))

  it("does not hide other errors", within(10, function()
    local r = run [[
      local ctx, cancel = gort.context.with_cancel(gort.context.background())
      ctx:go(function()
        local _, err = pcall(gort.time.sleep, 60)
        error("wrapped " .. err)
      end)
      gort.time.sleep(0.01)
      cancel()
      gort.time.sleep(10)]]
    assert.matches("wrapped context canceled", r.err)
    assert.equal(2, r.status)
  end))

  it("starts, and ends, under a context that is done", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    cancel()
    local ch = chan(2)
    ctx:go(function()
      local _ <close> = guard(function(err) ch:try_send(err) end)
      ch:try_send "began"
      gort.time.sleep(60)
    end)
    assert.equal("began", (ch:recv()))
    assert.equal(CANCELED, (ch:recv()))
  end))
end)

describe("a bound task", function()
  it("has the context's error from everything that blocks", within(20,
    function()
      local forms = {
        function() chan():recv() end,
        function() chan():send(1) end,
        function() for _ in chan() do end end,
        function() gort.time.sleep(60) end,
        function() select { { recv = chan() }, { after = 60 } } end,
        function() select {} end,
        function()
          local wg = gort.sync.waitgroup()
          wg:add(1)
          wg:wait()
        end,
        function() gort.time.timer(60):recv() end,
        function() gort.context.background():done():recv() end,
        function() while true do gort.runtime.yield() end end,
        function() chan():recv(60) end,
        function() coroutine.wrap(function() chan():recv() end)() end,
      }
      for i, form in ipairs(forms) do
        local err = cancelled(form)
        assert.matches(CANCELED .. "$", err, 1, false, "form " .. i)
      end
    end))

  it("has it also where the context ends as the wait begins", function()
    local r = run([[
      local context, time = gort.context, gort.time
      local forms = {
        function() time.sleep(1e-7) end,
        function() select { { after = 1e-7 } } end,
        function() chan():recv(1e-7) end,
      }
      local errors, seen = chan(#forms), {}
      for _ = 1, 1000 do
        local ctx, cancel = context.with_cancel(context.background())
        for _, form in ipairs(forms) do
          ctx:go(function()
            local ok, err
            repeat ok, err = pcall(form) until not ok
            errors:try_send(err)
          end)
        end
        local soon = time.monotonic() + math.random() * 5e-5
        while time.monotonic() < soon do end
        cancel()
        for _ = 1, #forms do seen[errors:recv()] = true end
      end
      for err in pairs(seen) do print(err) end]],
      { options = { "--procs", "8" } })
    assert.equal("", r.err)
    assert.equal("context canceled\n", r.out)
  end)

  it("has the error of a deadline", within(5, function()
    local ch = chan(1)
    context.with_timeout(background, 0.01):go(function()
      local _, err = pcall(gort.time.sleep, 60)
      ch:try_send(err)
    end)
    assert.equal("context deadline exceeded", (ch:recv()))
  end))

  it("is stopped while it computes", within(20, function()
    local forms = {
      spin,
      function() while true do pcall(spin) end end,
      function()
        local function handler(err) return err end
        while true do xpcall(spin, handler) end
      end,
      function() coroutine.wrap(spin)() end,
      function()
        while true do
          coroutine.resume(coroutine.create(spin))
        end
      end,
      function() while true do pcall(gort.time.sleep, 60) end end,
      function()
        while true do
          pcall(table.sort, { 1, 2, 3 }, spin)
        end
      end,
      function()
        local ch = chan(1)
        while true do ch:send(1); ch:recv() end
      end,
    }
    for i, form in ipairs(forms) do
      local err, took = cancelled(form)
      assert.matches(CANCELED .. "$", err, 1, false, "form " .. i)
      assert.is_true(took < 1)
    end
  end))

  it("may catch the error, but has the next one", within(10, function()
    local out = chan(10)
    cancelled(function()
      for i = 1, 3 do
        local ok, err = pcall(gort.time.sleep, 60)
        out:try_send(string.format("%d %s %s", i, ok, err))
      end
      local results = table.pack(xpcall(gort.time.sleep, function(err)
        return "handled: " .. err
      end, 60))
      out:try_send(results[2])
    end)
    for i = 1, 3 do
      assert.equal(i .. " false " .. CANCELED, (out:recv()))
    end
    assert.equal("handled: " .. CANCELED, (out:recv()))
  end))

  it("keeps what it received", within(20, function()
    for _ = 1, 100 do
      local ctx, cancel = context.with_cancel(background)
      local ch, got = chan(), chan(1)
      ctx:go(function()
        local _, v = pcall(ch.recv, ch)
        got:try_send(v)
      end)
      local sent = chan(1)
      go(function() sent:send((ch:send(7, 0.02))) end)
      go(function() cancel() end)
      local v = got:recv()
      assert.equal(v == 7, (sent:recv()))
    end
  end))

  it("may use what does not block", within(5, function()
    local out = chan(10)
    cancelled(function()
      pcall(gort.time.sleep, 60)
      out:try_send "sent"
      out:try_send((out:try_recv()))
      out:try_send((select { { recv = chan() }, default = true }))
    end)
    assert.is_true((out:recv()))
    assert.equal("default", (out:recv()))
  end))
end)

describe("clean-up of a bound task", function()
  it("runs once and may block", within(20, function()
    local forms = {
      function() chan():recv() end,
      spin,
      function() while true do pcall(spin) end end,
      function() pcall(gort.time.sleep, 60) end,
    }
    for i, form in ipairs(forms) do
      local out, ch = chan(10), chan()
      go(function() out:send((ch:recv())) end)
      cancelled(function()
        local _ <close> = guard(function()
          gort.time.sleep(0.005)
          ch:send "unbuffered"
          out:send "once"
        end)
        form()
      end)
      local got = { (out:recv()), (out:recv()) }
      table.sort(got)
      assert.same({ "once", "unbuffered" }, got, "form " .. i)
      assert.is_false((out:try_recv()))
    end
  end))

  it("runs in the order of the scopes, through a pcall", within(5, function()
    local out = chan(10)
    cancelled(function()
      local _ <close> = guard(function() out:send "outer" end)
      pcall(function()
        local _ <close> = guard(function()
          gort.time.sleep(0.001)
          out:send "inner"
        end)
        gort.time.sleep(60)
      end)
      out:try_send "between"
      gort.time.sleep(60)
    end)
    for _, word in ipairs { "inner", "between", "outer" } do
      assert.equal(word, (out:recv()))
    end
  end))

  it("runs for coroutines that are closed", within(5, function()
    local out = chan(10)
    cancelled(function()
      local f <close> = guard(function() out:send "task" end)
      coroutine.wrap(function()
        local _ <close> = guard(function() out:try_send "coroutine" end)
        gort.time.sleep(60)
      end)()
      return f
    end)
    assert.equal("coroutine", (out:recv()))
    assert.equal("task", (out:recv()))
  end))

  it("takes a second at most", within(30, function()
    for _, endless in ipairs {
      function() gort.time.sleep(60) end,
      spin,
      function() while true do pcall(gort.time.sleep, 60) end end,
    } do
      local _, took = cancelled(function()
        local _ <close> = guard(endless)
        gort.time.sleep(60)
      end)
      assert.is_true(took > 0.9)
      assert.is_true(took < 5)
    end
  end))
end)

describe("context.shield", function()
  it("gives the function's results", within(5, function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(
      context.shield(function(...) return ... end, 1, nil, 3)))
    assert.matches("boom", tasks.error_of(context.shield, error, "boom"))
    assert.has_error(function() context.shield(1) end)
  end))

  it("lets its function wait and compute to the end", within(10, function()
    local out = chan(10)
    local ctx, cancel = context.with_cancel(background)
    local ready = chan()
    ctx:go(function()
      out:send(gort.context.shield(function(a)
        ready:send(true)
        gort.time.sleep(0.01)
        local t = gort.time.monotonic()
        while gort.time.monotonic() - t < 0.05 do end
        return gort.context.shield(function() return a end)
      end, "done") .. " inside")
    end)
    ready:recv()
    cancel()
    assert.same({ nil, false, "timeout" }, { out:recv(0.2) }) -- not shielded
    local again = chan(1)
    ctx:go(function()
      gort.context.shield(function() gort.time.sleep(0.001) end)
      again:try_send(select(2, pcall(gort.time.sleep, 1)))
    end)
    assert.equal(CANCELED, (again:recv()))
  end))

  it("ends with an error, too", within(5, function()
    local out = chan(1)
    cancelled(function()
      pcall(gort.context.shield, function()
        gort.time.sleep(0.02)
        error "x"
      end)
      out:try_send(select(2, pcall(gort.time.sleep, 60)))
    end)
    assert.equal(CANCELED, (out:recv()))
  end))
end)
