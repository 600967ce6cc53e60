-- gort.errgroup.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of
local time, context, errgroup = gort.time, gort.context, gort.errgroup
local background = context.background()

describe("an error group", function()
  it("is also in the module gort.errgroup", function()
    assert.equal(errgroup, require "gort.errgroup")
    assert.matches("^error group: ", tostring(errgroup.new()))
  end)

  it("waits for all its functions", within(10, function()
    local g, n = errgroup.new(), gort.sync.atomic()
    assert.same({ true, n = 1 }, table.pack(g:wait()))
    for i = 1, 100 do
      assert.equal(0, select("#", g:go(function(k, ...)
        time.sleep(1e-4 * (k % 10))
        n:add(select("#", ...))
        return true, "not an error"
      end, i, nil, nil)))
    end
    assert.same({ true, n = 1 }, table.pack(g:wait()))
    assert.equal(200, n:load())
    assert.same({ true, n = 1 }, table.pack(g:wait()))
  end))

  it("gives the first error, after all have returned", within(5, function()
    local g, n = errgroup.new(), gort.sync.atomic()
    g:go(function() return nil, { code = 1 } end)
    g:go(function()
      time.sleep(0.02)
      n:add(1)
      return nil, "second"
    end)
    for _ = 1, 2 do
      local r = table.pack(g:wait())
      assert.same({ nil, { code = 1 }, n = 2 }, r)
      assert.equal(1, n:load())
    end
  end))

  it("gives a raised error with its traceback", within(5, function()
    local g = errgroup.new()
    g:go(function()
      local function deeper() error { "an error" } end
      deeper()
    end)
    local ok, err, trace = g:wait()
    assert.is_nil(ok)
    assert.same({ "an error" }, err)
    assert.matches("stack traceback:.* 'deeper'", trace)
    g = errgroup.new()
    g:go(error, "text", 0)
    ok, err, trace = g:wait()
    assert.is_nil(ok)
    assert.equal("text", err)
    assert.matches("^text\nstack traceback:", trace)
  end))

  it("takes no other results for errors", within(5, function()
    local g = errgroup.new()
    g:go(function() return nil end)
    g:go(function() return nil, nil end)
    g:go(function() return false, "false" end)
    g:go(function() return 1, "one" end)
    assert.is_true((g:wait()))
    g:go(function() error() end) -- error(nil) is one
    local ok, err, trace = g:wait()
    assert.is_nil(ok)
    assert.is_nil(err)
    assert.matches("error object is a nil value", trace)
  end))

  it("waits up to a timeout or a context", within(5, function()
    local g, ch = errgroup.new(), chan()
    local ctx, cancel = context.with_cancel(background)
    cancel()
    g:go(function() ch:recv() end)
    assert.same({ nil, "timeout", n = 2 }, table.pack(g:wait(0.005)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(g:wait(0)))
    assert.same({ nil, "context canceled", n = 2 }, table.pack(g:wait(ctx)))
    ch:close()
    assert.is_true((g:wait(5)))
    assert.is_true((g:wait(ctx)))
  end))

  it("can be a case of a select", within(5, function()
    local g = errgroup.new()
    assert.same({ 1, true, true }, { select { { recv = g } } })
    local ch = chan()
    g:go(function() return nil, (ch:recv()) end)
    assert.equal("default", (select { { recv = g }, default = true }))
    ch:send "bad"
    assert.same({ 1, "bad", false }, { select { { recv = g } } })
  end))

  it("is one in every task", within(5, function()
    local g = errgroup.new()
    assert.equal(g, (tasks.by_channel(g)))
    local done = chan()
    go(function()
      g:go(function() return nil, "from another task" end)
      done:close()
    end)
    done:recv()
    assert.same({ nil, "from another task" }, { g:wait() })
  end))

  it("refuses nonsense", function()
    local g = errgroup.new()
    for _, bad in ipairs { 1, "x", {}, false } do
      assert.has_error(function() g:go(bad) end)
      assert.has_error(function() g:try_go(bad) end)
      assert.has_error(function() errgroup.with_context(bad) end)
    end
    assert.has_error(function() errgroup.with_context() end)
    assert.has_error(function() g:set_limit "x" end)
    assert.has_error(function() g:set_limit(1.5) end)
    local n, co = 0, coroutine.create(print)
    assert.matches("assigns captured variable 'n'", error_of(function()
      g:go(function() n = n + 1 end)
    end))
    assert.matches("coroutine", error_of(function() g:go(print, co) end))
    assert.is_true((g:wait(0))) -- nothing was counted
  end)
end)

describe("a group's context", function()
  it("ends at the first error, which is the cause", within(5, function()
    local g, ctx = errgroup.with_context(background)
    local saw = chan(1)
    assert.is_nil(ctx:err())
    g:go(function()
      local ok, err = time.sleep(10, ctx)
      saw:send { ok, err }
    end)
    g:go(function() return nil, "broken" end)
    local ok, err = g:wait()
    assert.is_nil(ok)
    assert.equal("broken", err)
    assert.same({ false, "context canceled" }, (saw:recv(0)))
    assert.equal("context canceled", ctx:err())
    assert.equal("broken", context.cause(ctx))
  end))

  it("ends in any case once somebody has waited", within(5, function()
    local g, ctx = errgroup.with_context(background)
    g:go(function() end)
    assert.is_true((g:wait()))
    assert.equal("context canceled", ctx:err())
    assert.equal("context canceled", context.cause(ctx))
  end))

  it("does not end for those that do not look at it", within(5, function()
    local g = errgroup.with_context(background)
    local done = chan(1)
    g:go(error, "at once")
    g:go(function()
      time.sleep(0.02)
      done:send "as if nothing had happened"
    end)
    g:wait()
    assert.equal(1, #done)
  end))

  it("comes from its parent", within(5, function()
    local parent, cancel = context.with_cancel(
      context.with_value(background, "k", "v"))
    local g, ctx = errgroup.with_context(parent)
    assert.equal("v", ctx:value "k")
    g:go(function()
      local _, err = time.sleep(10, ctx)
      return nil, err
    end)
    cancel()
    assert.same({ nil, "context canceled" }, { g:wait() })
    assert.equal("context canceled", ctx:err())
  end))
end)

describe("a group's limit", function()
  it("is kept", within(10, function()
    local g, n, most = errgroup.new(), gort.sync.atomic(), gort.sync.atomic()
    g:set_limit(3)
    for _ = 1, 50 do
      g:go(function()
        local now = n:add(1)
        if now > most:load() then most:store(now) end
        time.sleep(1e-4)
        n:add(-1)
      end)
    end
    assert.is_true((g:wait()))
    assert.is_true(most:load() <= 3)
    g:set_limit(-1)
    for _ = 1, 10 do g:go(function() end) end
    g:wait()
  end))

  it("makes try_go fail", within(5, function()
    local g, gate = errgroup.new(), chan()
    g:set_limit(2)
    local function wait() gate:recv() end
    assert.is_true(g:try_go(wait))
    assert.is_true(g:try_go(wait))
    assert.is_false(g:try_go(wait))
    gate:close()
    g:wait()
    assert.is_true(g:try_go(wait))
    g:wait()
    g:set_limit(0)
    assert.is_false(g:try_go(wait))
    g:set_limit(-1)
    for _ = 1, 10 do assert.is_true(g:try_go(wait)) end
    g:wait()
  end))

  it("cannot change while functions run", within(5, function()
    local g, gate = errgroup.new(), chan()
    g:go(function() gate:recv() end)
    assert.matches("limit cannot change",
      error_of(function() g:set_limit(1) end))
    gate:close()
    g:wait()
    g:set_limit(1)
  end))

  it("lets those in who wait, in their order", within(10, function()
    local g, gate, log = errgroup.new(), chan(), chan(10)
    g:set_limit(1)
    g:go(function() gate:recv() end)
    for i = 1, 3 do
      go(function() g:go(function() log:send(i) end) end)
      tasks.until_parked(i, "errgroup.Go")
    end
    gate:close()
    for i = 1, 3 do assert.equal(i, (log:recv())) end
  end))

  it("lets nobody hang in it who was cancelled", within(10, function()
    local g, gate, log = errgroup.new(), chan(), chan(10)
    g:set_limit(1)
    g:go(function() gate:recv() end)
    local ctx, cancel = context.with_cancel(background)
    ctx:go(function() g:go(function() log:send "cancelled" end) end)
    tasks.until_parked(1, "errgroup.Go")
    go(function() g:go(function() log:send "next" end) end)
    tasks.until_parked(2, "errgroup.Go")
    cancel()
    gate:close()
    assert.equal("next", (log:recv()))
    g:wait()
    assert.equal(0, #log)
  end))
end)

describe("a group as a <close> variable", function()
  it("waits for its functions", within(5, function()
    local n = gort.sync.atomic()
    do
      local g <close> = errgroup.new()
      for _ = 1, 5 do
        g:go(function()
          time.sleep(0.005)
          n:add(1)
        end)
      end
    end
    assert.equal(5, n:load())
    local function early()
      local g <close>, ctx = errgroup.with_context(background)
      g:go(function()
        time.sleep(0.005)
        n:add(1)
      end)
      return ctx
    end
    assert.equal("context canceled", early():err())
    assert.equal(6, n:load())
  end))

  it("left by an error ends its functions", within(5, function()
    local log = chan(10)
    local ok, err = pcall(function()
      local g <close>, ctx = errgroup.with_context(background)
      g:go(function()
        local _ <close> = setmetatable({}, { __close = function()
          log:send "cleaned up"
        end })
        time.sleep(100)
      end)
      g:go(function()
        while true do tostring(1.5) end
      end)
      g:go(function()
        ctx:done():recv()
      end)
      tasks.until_parked(1, "sleep")
      error { "left" }
    end)
    assert.is_false(ok)
    assert.same({ "left" }, err)
    assert.equal("cleaned up", (log:recv(0)))
  end))

  it("gives a raised error on that nobody has seen", within(5, function()
    local function scope(fn)
      return pcall(function()
        local g <close> = errgroup.new()
        fn(g)
      end)
    end
    assert.same({ false, "raised" }, { scope(function(g)
      g:go(error, "raised", 0)
    end) })
    assert.same({ false, "first" }, { scope(function(g)
      g:go(error, "raised", 0)
      error("first", 0)
    end) })
    assert.same({ true }, { scope(function(g)
      g:go(error, "raised", 0)
      g:wait()
    end) })
    assert.same({ true }, { scope(function(g)
      g:go(function() return nil, "a result" end)
    end) })
  end))

  it("nests", within(10, function()
    local n = gort.sync.atomic()
    do
      local outer <close> = errgroup.new()
      for _ = 1, 3 do
        outer:go(function()
          local inner <close> = errgroup.new()
          for _ = 1, 3 do
            inner:go(function() n:add(1) end)
          end
        end)
      end
    end
    assert.equal(9, n:load())
    local ok = pcall(function()
      local outer <close> = errgroup.new()
      outer:go(function()
        local inner <close> = errgroup.new()
        inner:go(function()
          local _ <close> = setmetatable({}, { __close = function()
            n:add(100)
          end })
          time.sleep(100)
        end)
      end)
      tasks.until_parked(1, "sleep")
      error "left"
    end)
    assert.is_false(ok)
    assert.equal(109, n:load())
  end))
end)

describe("a group's error", function()
  it("is not the program's", function()
    local r = run [[
      local g = gort.errgroup.new()
      g:go(function() error "kept" end)
      gort.time.sleep(0.01)
      print(g:wait())]]
    assert.matches("^nil\t[^\n]*: kept\t.*stack traceback", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.status)
  end)
end)
