-- gort.sync.waitgroup.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of

describe("a wait group", function()
  it("is also in the module gort.sync", function()
    assert.equal(gort.sync, require "gort.sync")
    assert.matches("^wait group", tostring(gort.sync.waitgroup()))
  end)

  it("does not wait at zero", within(5, function()
    local wg = gort.sync.waitgroup()
    assert.is_true((wg:wait()))
    wg:add(2)
    wg:done()
    wg:add(-1)
    assert.is_true((wg:wait()))
  end))

  it("waits for all that were added", within(10, function()
    local wg, ch = gort.sync.waitgroup(), chan(100)
    wg:add(100)
    for i = 1, 100 do
      go(function() ch:send(i); wg:done() end)
    end
    assert.is_true((wg:wait()))
    assert.equal(100, #ch)
  end))

  it("lets every waiter go", within(5, function()
    local wg, ch = gort.sync.waitgroup(), chan()
    wg:add(1)
    for _ = 1, 10 do
      go(function() ch:send((wg:wait())) end)
    end
    tasks.until_parked(10, "sync.WaitGroup.Wait")
    assert.is_false((ch:try_recv()))
    wg:done()
    for _ = 1, 10 do assert.is_true((ch:recv())) end
  end))

  it("can be used again", within(5, function()
    local wg = gort.sync.waitgroup()
    for _ = 1, 100 do
      wg:add(1)
      go(function() wg:done() end)
      wg:wait()
    end
  end))

  it("must not fall below zero", function()
    local wg = gort.sync.waitgroup()
    assert.matches("negative wait group",
      error_of(function() wg:done() end))
    assert.matches("negative wait group",
      error_of(function() wg:add(-1) end))
    wg:add(1)
    assert.matches("negative wait group",
      error_of(function() wg:add(-2) end))
    wg:done()
    assert.is_true((wg:wait(0)))
  end)

  it("adds integers only", function()
    local wg = gort.sync.waitgroup()
    for _, n in ipairs { "x", 1.5, {}, 0 / 0, math.huge } do
      assert.has_error(function() wg:add(n) end)
    end
    wg:add(math.maxinteger)
    assert.has_error(function() wg:add(math.maxinteger) end)
  end)

  it("waits up to a timeout", within(5, function()
    local wg = gort.sync.waitgroup()
    wg:add(1)
    for _, t in ipairs { 0.01, 0, -1 } do
      assert.same({ false, "timeout" }, { wg:wait(t) })
    end
    wg:done()
    assert.same({ true }, { wg:wait(0) })
    assert.has_error(function() wg:wait "x" end)
  end))

  it("stays one in every task", within(5, function()
    local wg = gort.sync.waitgroup()
    wg:add(1)
    assert.equal(wg, (tasks.by_channel(wg)))
    go(function(w) w:done() end, wg)
    wg:wait()
  end))
end)

describe("wg:go", function()
  it("counts before it returns and until the end", within(5, function()
    local wg, ch = gort.sync.waitgroup(), chan(1)
    wg:go(function(a, ...)
      gort.time.sleep(0.005)
      ch:send(a + select("#", ...))
    end, 1, nil, nil)
    assert.same({ false, "timeout" }, { wg:wait(0) })
    assert.is_true((wg:wait()))
    assert.equal(3, (ch:recv(0)))
  end))

  it("returns nothing", within(5, function()
    local wg = gort.sync.waitgroup()
    assert.equal(0, select("#", wg:go(function() return 1 end)))
    wg:wait()
  end))

  it("may be used by the tasks themselves", within(5, function()
    local wg, ch = gort.sync.waitgroup(), chan(100)
    wg:go(function()
      local function spread(n)
        ch:send(n)
        if n == 0 then return end
        wg:go(spread, n - 1)
        wg:go(spread, n - 1)
      end
      spread(4)
    end)
    wg:wait()
    assert.equal(31, #ch)
  end))

  it("takes functions only", function()
    local wg = gort.sync.waitgroup()
    for _, f in ipairs { 1, "x", {}, false } do
      assert.has_error(function() wg:go(f) end)
    end
    assert.has_error(function() wg:go() end)
    assert.is_true((wg:wait(0)))
  end)

  it("does not let the waiter go when the function fails", function()
    local r = run [[
      local wg = gort.sync.waitgroup()
      wg:go(function() error "failed" end)
      wg:wait()
      print "went on"]]
    assert.equal("", r.out)
    assert.matches("failed", r.err)
    assert.equal(2, r.status)
  end)
end)
