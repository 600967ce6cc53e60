-- gort.context: ends, deadlines and values for what belongs together.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of
local context, time = gort.context, gort.time
local background = context.background()
local CANCELED, EXCEEDED = "context canceled", "context deadline exceeded"

describe("the roots", function()
  it("never end and hold nothing", function()
    for _, root in ipairs { background, context.todo() } do
      assert.is_nil(root:err())
      assert.is_nil(root:deadline())
      assert.is_nil(root:value "x")
      assert.is_nil(context.cause(root))
      assert.is_false((root:done():try_recv()))
      assert.equal("default", select { { recv = root:done() }, default = true })
    end
  end)

  it("are always the same", function()
    assert.equal(background, context.background())
    assert.not_equal(background, context.todo())
    assert.equal(background, (tasks.by_channel(background)))
  end)

  it("are found by require, too", function()
    assert.equal(context, require "gort.context")
    assert.equal(CANCELED, context.canceled)
    assert.equal(EXCEEDED, context.deadline_exceeded)
  end)
end)

describe("a context with cancel", function()
  it("is done when it is cancelled", function()
    local ctx, cancel = context.with_cancel(background)
    assert.is_nil(ctx:err())
    assert.is_false((ctx:done():try_recv()))
    assert.equal(0, select("#", cancel()))
    assert.equal(CANCELED, ctx:err())
    assert.equal(CANCELED, context.cause(ctx))
    assert.same({ true, nil, false }, { ctx:done():try_recv() })
    cancel()
    assert.equal(CANCELED, ctx:err())
  end)

  it("ends all that come from it before cancel returns", function()
    local ctx, cancel = context.with_cancel(background)
    local a = context.with_cancel(ctx)
    local b = context.with_value(a, "k", 1)
    local c = context.with_timeout(b, 60)
    cancel()
    for _, one in ipairs { a, b, c } do assert.equal(CANCELED, one:err()) end
    assert.equal(1, c:value "k")
    assert.is_nil(background:err())
  end)

  it("touches neither its parent nor its siblings", function()
    local ctx = context.with_cancel(background)
    local one, cancel = context.with_cancel(ctx)
    local other = context.with_cancel(ctx)
    cancel()
    assert.equal(CANCELED, one:err())
    assert.is_nil(ctx:err())
    assert.is_nil(other:err())
  end)

  it("is born done when its parent is", function()
    local ctx, cancel = context.with_cancel_cause(background)
    cancel "why"
    local child = context.with_cancel(ctx)
    assert.equal(CANCELED, child:err())
    assert.equal("why", context.cause(child))
  end)

  it("is cancelled when a scope is left", function()
    local ctx, cancel = context.with_cancel(background)
    do local _ <close> = cancel end
    assert.equal(CANCELED, ctx:err())
    local other, stop = context.with_cancel_cause(background)
    pcall(function()
      local _ <close> = stop
      error "x"
    end)
    assert.equal(CANCELED, context.cause(other))
  end)

  it("crosses, with its cancel function and its end", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    assert.equal(ctx, (tasks.by_channel(ctx)))
    assert.equal(cancel, (tasks.by_go(cancel)))
    assert.equal(ctx:done(), (tasks.by_capture(ctx:done())))
    local back = chan()
    go(function()
      ctx:done():recv()
      back:send(ctx:err())
    end)
    go(function(f) f() end, cancel)
    assert.equal(CANCELED, (back:recv()))
  end))

  it("is cancelled by many at once", within(10, function()
    for _ = 1, 20 do
      local ctx, cancel = context.with_cancel_cause(background)
      local child = context.with_cancel(ctx)
      local seen = chan(20)
      for i = 1, 20 do
        go(function()
          cancel(i)
          seen:send(child:err() and context.cause(child) or false)
        end)
      end
      local first = seen:recv()
      assert.equal("number", type(first))
      for _ = 2, 20 do assert.equal(first, (seen:recv())) end
    end
  end))
end)

describe("a cause", function()
  it("is any value that can cross", function()
    local ctx, cancel = context.with_cancel_cause(background)
    assert.is_nil(context.cause(ctx))
    cancel { code = 7 }
    assert.equal(CANCELED, ctx:err())
    assert.same({ code = 7 }, context.cause(ctx))
    cancel "later"
    assert.same({ code = 7 }, context.cause(ctx))
  end)

  it("is the error when there is none", function()
    local ctx, cancel = context.with_cancel_cause(background)
    cancel(nil)
    assert.equal(CANCELED, context.cause(ctx))
  end)

  it("is that of whoever was first on the way", function()
    local parent, cancel_parent = context.with_cancel_cause(background)
    local child, cancel_child = context.with_cancel_cause(parent)
    local other = context.with_cancel_cause(parent)
    cancel_child "child"
    cancel_parent "parent"
    assert.equal("child", context.cause(child))
    assert.equal("parent", context.cause(parent))
    assert.equal("parent", context.cause(other))
  end)

  it("of a timeout counts when that is what ends it", within(5, function()
    local late, cancel = context.with_timeout_cause(background, 60, "slow")
    cancel()
    assert.equal(CANCELED, context.cause(late))
    local ctx = context.with_timeout_cause(background, 0.005, "slow")
    ctx:done():recv()
    assert.equal(EXCEEDED, ctx:err())
    assert.equal("slow", context.cause(ctx))
    local past = context.with_deadline_cause(background, time.now() - 1, "old")
    assert.equal("old", context.cause(past))
    local parent, stop = context.with_cancel_cause(background)
    local child = context.with_timeout_cause(parent, 60, "slow")
    stop "stopped"
    assert.equal("stopped", context.cause(child))
  end))
end)

describe("a deadline", function()
  it("ends the context and what comes from it", within(5, function()
    local ctx, cancel = context.with_timeout(background, 0.01)
    local child = context.with_cancel(ctx)
    local t = time.monotonic()
    child:done():recv()
    assert.is_true(time.monotonic() - t >= 0.009)
    assert.equal(EXCEEDED, child:err())
    assert.equal(EXCEEDED, ctx:err())
    cancel()
    assert.equal(EXCEEDED, ctx:err())
  end))

  it("can be asked for", function()
    local at = time.now() + 60
    local ctx = context.with_deadline(background, at)
    assert.equal(at, ctx:deadline())
    assert.equal(at, context.with_cancel(ctx):deadline())
    local near = context.with_timeout(background, 30):deadline()
    assert.is_true(near > time.now() + 25 and near < time.now() + 35)
    assert.is_nil(context.without_cancel(ctx):deadline())
  end)

  it("is the parent's when that is earlier", function()
    local ctx = context.with_timeout(background, 30)
    local child = context.with_timeout(ctx, 60)
    assert.equal(ctx:deadline(), child:deadline())
    assert.is_true(context.with_timeout(ctx, 10):deadline() < ctx:deadline())
  end)

  it("in the past has passed", function()
    for _, d in ipairs { 0, -1, -math.huge } do
      local ctx = context.with_timeout(background, d)
      assert.equal(EXCEEDED, ctx:err())
    end
    assert.equal(EXCEEDED, context.with_deadline(background, 0):err())
  end)

  it("may be far away", function()
    for _, d in ipairs { 1e9, 1e18, math.huge } do
      local ctx, cancel = context.with_timeout(background, d)
      assert.is_nil(ctx:err())
      cancel()
    end
    assert.has_error(function() context.with_timeout(background, 0 / 0) end)
    assert.has_error(function() context.with_deadline(background, 0 / 0) end)
  end)

  it("leaves no timer behind", within(5, function()
    local before = gort.runtime.stats().timers
    for _ = 1, 100 do
      local _, cancel = context.with_timeout(background, 60)
      cancel()
      context.with_timeout(background, 60)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(gort.runtime.stats().timers <= before + 2)
  end))
end)

describe("a value", function()
  it("is found from below, the nearest first", function()
    local a = context.with_value(background, "user", { name = "ann" })
    local b = context.with_value(context.with_cancel(a), "n", 1)
    local c = context.with_value(b, "user", nil)
    assert.equal("ann", b:value("user").name)
    assert.equal(1, b:value "n")
    assert.is_nil(c:value "user")
    assert.is_nil(a:value "n")
  end)

  it("has a key of its type", function()
    local ch = chan()
    local ctx = context.with_value(background, 1, "integer")
    ctx = context.with_value(ctx, "1", "string")
    ctx = context.with_value(ctx, true, "boolean")
    ctx = context.with_value(ctx, 1.5, "float")
    ctx = context.with_value(ctx, ch, "channel")
    assert.equal("integer", ctx:value(1))
    assert.equal("integer", ctx:value(1.0))
    assert.equal("string", ctx:value "1")
    assert.equal("boolean", ctx:value(true))
    assert.is_nil(ctx:value(false))
    assert.equal("float", ctx:value(1.5))
    assert.equal("channel", ctx:value(ch))
    assert.is_nil(ctx:value(chan()))
  end)

  it("has one key for equal numbers", function()
    local ctx = context.with_value(background, 2, "integer")
    assert.equal("integer", ctx:value(2.0))
    ctx = context.with_value(ctx, 2.0, "float")
    assert.equal("float", ctx:value(2))
    ctx = context.with_value(ctx, 2 ^ 53, "large")
    assert.equal("large", ctx:value(1 << 53))
    assert.is_nil(ctx:value((1 << 53) + 1))
  end)

  it("is refused without a key, or when it cannot cross", function()
    assert.matches("must not be nil",
      error_of(context.with_value, background, nil, 1))
    assert.matches("must not be NaN",
      error_of(context.with_value, background, 0 / 0, 1))
    assert.matches("must be a string, a number",
      error_of(context.with_value, background, {}, 1))
    assert.matches("value expected",
      error_of(context.with_value, background, "k"))
    assert.matches("value is a coroutine", error_of(context.with_value,
      background, "k", coroutine.create(print)))
  end)

  it("is there in other tasks", within(5, function()
    local ctx = context.with_value(background, "f", function() return 4 end)
    local back = chan()
    go(function() back:send(ctx:value("f")()) end)
    assert.equal(4, (back:recv()))
  end))
end)

describe("without_cancel", function()
  it("keeps the values only", function()
    local ctx, cancel = context.with_timeout(background, 60)
    ctx = context.with_value(ctx, "k", 1)
    local free = context.without_cancel(ctx)
    local below, cancel_below = context.with_cancel(free)
    cancel()
    assert.is_nil(free:err())
    assert.is_nil(below:err())
    assert.is_nil(context.cause(free))
    assert.is_nil(free:deadline())
    assert.equal(1, below:value "k")
    cancel_below()
    assert.equal(CANCELED, below:err())
  end)
end)

describe("after_func", function()
  it("starts a task when the context is done", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    local ch = chan(1)
    context.after_func(ctx, function(a, b) ch:send(a + b) end, 1, 2)
    gort.runtime.yield()
    assert.equal(0, #ch)
    cancel()
    assert.equal(3, (ch:recv()))
  end))

  it("starts it at once when it is done already", within(5, function()
    local ctx = context.with_timeout(background, 0)
    local ch = chan()
    local stop = context.after_func(ctx, function() ch:send "now" end)
    assert.equal("now", (ch:recv()))
    assert.is_false(stop())
  end))

  it("can be stopped, from any task", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    local ch = chan(1)
    local stop = context.after_func(ctx, function() ch:send(1) end)
    assert.equal("function", type(stop))
    local back = chan()
    go(function() back:send(stop()) end)
    assert.is_true((back:recv()))
    assert.is_false(stop())
    cancel()
    assert.same({ nil, false, "timeout" }, { ch:recv(0.01) })
  end))

  it("is started though nobody holds the context", within(5, function()
    local ch = chan()
    context.after_func(context.with_timeout(background, 0.01),
      function() ch:send(1) end)
    collectgarbage()
    collectgarbage()
    assert.equal(1, (ch:recv()))
  end))

  it("is one of several that do not know each other", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    local ch = chan(3)
    local stop
    for i = 1, 3 do
      local s = context.after_func(ctx, function() ch:send(i) end)
      if i == 2 then stop = s end
    end
    assert.is_true(stop())
    cancel()
    assert.equal(4, ch:recv() + ch:recv())
  end))
end)

describe("a wait under a context", function()
  it("ends with it", within(5, function()
    local forms = {
      function(ctx) return select(3, chan():recv(ctx)) end,
      function(ctx) return select(2, chan():send(1, ctx)) end,
      function(ctx) return select(2, gort.time.sleep(60, ctx)) end,
      function(ctx)
        local wg = gort.sync.waitgroup()
        wg:add(1)
        return select(2, wg:wait(ctx))
      end,
      function(ctx) return select(3, gort.time.timer(60):recv(ctx)) end,
      function(ctx)
        return select(3, gort.context.background():done():recv(ctx))
      end,
    }
    for _, form in ipairs(forms) do
      local ctx, cancel = context.with_cancel(background)
      local back = chan()
      go(function() back:send(form(ctx)) end)
      gort.runtime.yield()
      cancel()
      assert.equal(CANCELED, (back:recv()))
      assert.equal(CANCELED, form(ctx))
      assert.equal(EXCEEDED, form(context.with_timeout(background, 0.005)))
    end
  end))

  it("does what can be done at once, also when it is over", function()
    local ctx, cancel = context.with_cancel(background)
    cancel()
    local ch = chan(1)
    assert.same({ true }, { ch:send(5, ctx) })
    assert.same({ 5, true }, { ch:recv(ctx) })
    assert.same({ true }, { gort.sync.waitgroup():wait(ctx) })
    assert.same({ true }, { time.sleep(0, ctx) })
    assert.same({ nil, false, CANCELED }, { ch:recv(ctx) })
    ch:close()
    assert.same({ nil, false }, { ch:recv(ctx) })
  end)

  it("is a case of select, and so is its end", within(5, function()
    local ctx, cancel = context.with_cancel(background)
    go(function() gort.time.sleep(0.005) cancel() end)
    local i, v, ok = select { { recv = chan() }, { recv = ctx } }
    assert.same({ 2, nil, false }, { i, v, ok })
    assert.equal("done", select {
      { recv = ctx:done(), function() return "done" end } })
    for _ in ctx:done() do error "no value" end
  end))

  it("loses no value", within(20, function()
    local ch = chan()
    for _ = 1, 200 do
      local ctx, cancel = context.with_cancel(background)
      local results = chan(2)
      go(function() results:send((ch:send(1, ctx))) end)
      go(function() results:send((select(2, ch:recv(ctx)))) end)
      go(function() cancel() end)
      assert.equal(results:recv(), results:recv())
    end
  end))

  it("takes a context or seconds", function()
    local _, cancel = context.with_cancel(background)
    for _, t in ipairs { "x", {}, cancel, chan(), background:done() } do
      assert.matches("context or timeout in seconds expected",
        error_of(function() chan():recv(t) end))
    end
    assert.matches("cannot receive from a cancel function",
      error_of(function() select { { recv = cancel } } end))
  end)
end)

describe("many contexts", function()
  it("may come from each other", within(60, function()
    local first, cancel = context.with_cancel(background)
    local ctx = first
    for _ = 1, 100000 do ctx = context.with_cancel(ctx) end
    cancel()
    assert.equal(CANCELED, ctx:err())
  end))

  it("do not pile up at their parent", within(60, function()
    if within.factor > 1 then return end -- sanitizers keep what is freed
    local r = run [[
      local context = gort.context
      local parent = context.with_cancel(context.background())
      local function rss()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "VmRSS:%s*(%d+)"
          if kb then return tonumber(kb) end
        end
      end
      local function many(n)
        for i = 1, n do
          local _, cancel = context.with_cancel(parent)
          if i % 2 == 0 then cancel() end
        end
        collectgarbage()
      end
      many(20000)
      local before = rss()
      for _ = 1, 10 do many(20000) end
      print(rss() - before < 20000)]]
    assert.equal("true\n", r.out)
  end))

  it("wake many tasks at once", within(20, function()
    local ctx, cancel = context.with_cancel(background)
    local wg, ch = gort.sync.waitgroup(), chan()
    for _ = 1, 10000 do wg:go(function() ch:recv(ctx) end) end
    cancel()
    assert.is_true((wg:wait()))
  end))
end)

describe("misuse", function()
  it("of a parent is an error", function()
    for _, name in ipairs { "with_cancel", "with_cancel_cause", "with_timeout",
      "with_timeout_cause", "with_deadline", "with_deadline_cause",
      "with_value", "without_cancel", "after_func", "cause" } do
      assert.matches("context expected", error_of(context[name], nil, 1, 2))
      assert.matches("context expected", error_of(context[name], chan(), 1, 2))
    end
    assert.has_error(function() context.after_func(background, 1) end)
    assert.has_error(function() context.with_timeout(background) end)
    assert.has_error(function() context.with_timeout(background, "x") end)
  end)
end)

describe("--debug=contexts", function()
  local script = [[
    local context = gort.context
    for i = 1, 3 do
      local _, cancel = context.with_cancel(context.background())
      if i == 2 then cancel() end
    end
    local _ = context.with_timeout(context.background(), 0)
    collectgarbage()]]

  it("names where contexts were made that nobody cancelled", function()
    local r = run(script, { options = { "--debug=contexts" } })
    assert.equal("gort: " .. r.script
      .. ":3: 2 contexts were never cancelled\n", r.err)
    assert.equal(0, r.status)
    r = run("gort.context.with_timeout(gort.context.background(), 60)",
      { before = "export GORT_DEBUG=contexts" })
    assert.equal("gort: " .. r.script .. ":1: 1 context was never cancelled\n",
      r.err)
  end)

  it("is off otherwise", function()
    assert.equal("", run(script).err)
    assert.equal(1, run.gort({ "--debug=x" }).status)
  end)
end)
