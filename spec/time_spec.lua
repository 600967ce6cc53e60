-- gort.time: clocks, sleeping, timers, tickers, durations.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local time = gort.time
local error_of = tasks.error_of

-- How long fn(...) took, and its results.
local function timed(fn, ...)
  local start = time.monotonic()
  local results = table.pack(fn(...))
  return time.monotonic() - start, table.unpack(results, 1, results.n)
end

describe("the clocks", function()
  it("count seconds", within(5, function()
    assert.equal(time, require "gort.time")
    assert.is_true(math.abs(time.now() - os.time()) < 2)
    local a, b = time.monotonic(), time.monotonic()
    assert.equal("float", math.type(a))
    assert.is_true(b >= a)
    assert.is_true(timed(time.sleep, 0.01) >= 0.01)
  end))

  it("have units", function()
    assert.same({ 1, 1e-3, 1e-6, 1e-9, 60, 3600 }, { time.second,
      time.millisecond, time.microsecond, time.nanosecond, time.minute,
      time.hour })
  end)
end)

describe("sleep", function()
  it("takes at least its time and gives true", within(5, function()
    for _, d in ipairs { 0.001, 0.01, 0.02 } do
      local took, ok = timed(time.sleep, d)
      assert.is_true(took >= d)
      assert.is_true(ok)
    end
  end))

  it("of 0 or less returns at once", within(5, function()
    for _, d in ipairs { 0, -1, -math.huge, -0.0 } do
      assert.is_true((time.sleep(d)))
    end
  end))

  it("gives false and why when its time runs out", within(5, function()
    local took, ok, err = timed(time.sleep, 1000, 0.01)
    assert.is_false(ok)
    assert.equal("timeout", err)
    assert.is_true(took >= 0.01)
    assert.same({ false, "timeout" }, { time.sleep(1000, 0) })
    assert.same({ true }, { time.sleep(0.001, 1000) })
  end))

  it("that is huge is not short", within(5, function()
    for _, d in ipairs { 1e9, 1e10, 1e300, math.huge, math.maxinteger } do
      local ch = chan(1)
      go(function() time.sleep(d); ch:send(1) end)
      assert.is_nil((ch:recv(0.005)))
    end
  end))

  it("wakes tasks in the order of their times", within(5, function()
    local ch = chan()
    for _, i in ipairs { 5, 2, 4, 1, 3 } do
      go(function() time.sleep(i * 0.02); ch:send(i) end)
    end
    for i = 1, 5 do
      assert.equal(i, (ch:recv()))
    end
  end))

  it("parks the task only: 1,000 sleep together", within(10, function()
    local wg = gort.sync.waitgroup()
    local took = timed(function()
      for _ = 1, 1000 do
        wg:go(function() time.sleep(0.05) end)
      end
      wg:wait()
    end)
    assert.is_true(took < 2 * within.factor)
  end))
end)

describe("after and timer", function()
  it("give the time once, after at least d", within(5, function()
    for _, make in ipairs { time.after, time.timer } do
      local t
      local took, v, ok = timed(function()
        t = make(0.01)
        return t:recv()
      end)
      assert.is_true(took >= 0.01)
      assert.is_true(ok)
      assert.is_true(math.abs(v - time.now()) < 2)
      assert.same({ n = 3, nil, false, "timeout" }, table.pack(t:recv(0.005)))
    end
  end))

  it("of 0 or less are ready at once", within(5, function()
    for _, d in ipairs { 0, -1, -math.huge } do
      assert.is_true(select(2, time.after(d):recv()))
    end
  end))

  it("give the time they fired, not the time they were read",
    within(5, function()
      local start = time.now()
      local t = time.timer(0.01)
      time.sleep(0.1)
      local v = t:recv()
      assert.is_true(v - start < 0.09 and v - start >= 0.0099, v - start)
    end))

  it("that are huge do not fire", within(5, function()
    for _, d in ipairs { 1e10, 1e300, math.huge } do
      assert.is_nil((time.timer(d):recv(0.002)))
    end
  end))

  it("stop: true when still running", within(5, function()
    local t = time.timer(1000)
    assert.is_true(t:stop())
    assert.is_false(t:stop())
    t = time.timer(0.001)
    t:recv()
    assert.is_false(t:stop())
    -- One that has fired and was not received counts as running.
    t = time.timer(0.001)
    time.sleep(0.01)
    assert.is_true(t:stop())
    assert.is_nil((t:recv(0.005)))
  end))

  it("reset: from now on; true when still running", within(5, function()
    local t = time.timer(1000)
    assert.is_true(t:reset(0.001))
    assert.is_true(select(2, t:recv()))
    assert.is_false(t:reset(0.001))
    assert.is_true(select(2, t:recv()))
    t:stop()
    assert.is_false(t:reset(0.001))
    assert.is_true(select(2, t:recv()))
    -- After reset no older value can be received.
    t = time.timer(0.001)
    time.sleep(0.01)
    assert.is_true(t:reset(1000))
    assert.is_nil((t:recv(0.005)))
  end))

  it("wake a task in another place", within(5, function()
    local t, out = time.timer(1000), chan()
    go(function() out:send(select(2, t:recv())) end)
    tasks.until_parked(1, "timer wait")
    t:reset(0.001)
    assert.is_true((out:recv()))
  end))
end)

describe("after_func", function()
  it("runs a function in a task", within(5, function()
    local ch = chan(1)
    local took = timed(function()
      time.after_func(0.01, function(a, b) ch:send(a + b) end, 1, 2)
      assert.equal(3, (ch:recv()))
    end)
    assert.is_true(took >= 0.01)
  end))

  it("gives a timer that can be stopped", within(5, function()
    local ch = chan(1)
    local t = time.after_func(0.01, function() ch:send(1) end)
    assert.is_true(t:stop())
    assert.is_false(t:stop())
    assert.is_nil((ch:recv(0.03)))
    t = time.after_func(0, function() ch:send(2) end)
    assert.equal(2, (ch:recv()))
    assert.is_false(t:stop())
  end))

  it("runs again after reset", within(5, function()
    local ch, x = chan(1), { "copied" }
    local t = time.after_func(0.001, function() ch:send(x[1]) end)
    x[1] = "changed"
    for _ = 1, 3 do
      assert.equal("copied", (ch:recv()))
      assert.is_false(t:reset(0.001))
    end
    ch:recv()
  end))
end)

describe("ticker and tick", function()
  it("give one time after the other", within(5, function()
    for _, make in ipairs { time.ticker, time.tick } do
      local before = time.monotonic()
      local t, last = make(0.005), 0
      for _ = 1, 4 do
        local v = t:recv()
        assert.is_true(v > last)
        last = v
      end
      assert.is_true(time.monotonic() - before >= 0.02)
      t:stop()
    end
  end))

  it("keep one tick for a slow reader", within(5, function()
    local t = time.ticker(0.002)
    time.sleep(0.05)
    assert.is_true((t:try_recv()))
    t:reset(1000)
    assert.is_false((t:try_recv()))
  end))

  it("stop without closing", within(5, function()
    local t = time.ticker(0.002)
    t:recv()
    assert.is_true(t:stop())
    assert.same({ n = 3, nil, false, "timeout" }, table.pack(t:recv(0.01)))
  end))

  it("reset: the next tick comes d from now", within(5, function()
    local t = time.ticker(1000)
    local took = timed(function()
      assert.is_true(t:reset(0.01))
      t:recv()
      t:recv()
    end)
    assert.is_true(took >= 0.02)
    t:stop()
  end))

  it("of 0 or less: a ticker raises, tick gives nil", function()
    for _, d in ipairs { 0, -1 } do
      assert.matches("positive", error_of(time.ticker, d))
      assert.is_nil(time.tick(d))
      assert.has_error(function() time.ticker(1):reset(d) end)
    end
  end)

  it("can be looped over", within(5, function()
    local n = 0
    for _ in time.tick(0.001) do
      n = n + 1
      if n == 3 then break end
    end
  end))
end)

describe("duration and format", function()
  it("read Go's notation", function()
    local cases = { ["1h2m3.5s"] = 3723.5, ["1m30s"] = 90, ["1.5h"] = 5400,
      ["-1.5s"] = -1.5, ["+2s"] = 2, ["0"] = 0, ["100ms"] = 0.1,
      [".5s"] = 0.5, ["1.s"] = 1, ["3h0m0s"] = 10800 }
    for text, seconds in pairs(cases) do
      assert.is_true(math.abs(time.duration(text) - seconds) < 1e-12, text)
    end
    assert.is_true(math.abs(time.duration "1us" - 1e-6) < 1e-15)
    assert.is_true(math.abs(time.duration "1µs" - 1e-6) < 1e-15)
    assert.is_true(math.abs(time.duration "7ns" - 7e-9) < 1e-18)
  end)

  it("raise for nonsense", function()
    for _, text in ipairs { "", "1", "s", "1x", "1h 2m", "--1s", "1..5s",
      ".s", "1e3s", "0x1s", "1s2", " 1s", "-", "inf", "nans", "1s\0" } do
      assert.has_error(function() time.duration(text) end)
    end
    assert.has_error(function() time.duration {} end)
    assert.has_error(function() time.format(0 / 0) end)
    assert.has_error(function() time.format "x" end)
  end)

  it("write Go's notation", function()
    local cases = { [3723.5] = "1h2m3.5s", [90] = "1m30s", [0] = "0s",
      [0.1] = "100ms", [1e-6] = "1µs", [7e-9] = "7ns", [-1.5] = "-1.5s",
      [3600] = "1h0m0s", [0.0015] = "1.5ms", [59.999] = "59.999s" }
    for seconds, text in pairs(cases) do
      assert.equal(text, time.format(seconds))
    end
  end)
end)
