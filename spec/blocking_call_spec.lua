-- gort.blocking.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of
local time = gort.time

-- Blocks its thread, in pclose (os.execute would only park the task).
local function block(seconds)
  io.popen("sleep " .. seconds):close()
end

describe("gort.blocking", function()
  it("gives the function's results", within(5, function()
    assert.same({ 1, nil, 3, { "t" }, n = 4 }, table.pack(gort.blocking(
      function(...) return 1, nil, select("#", ...), { "t" } end, 1, 2, nil)))
    assert.equal(0, select("#", gort.blocking(function() end)))
  end))

  it("raises its error", within(5, function()
    local ok, err = pcall(gort.blocking, function() error { code = 7 } end)
    assert.is_false(ok)
    assert.same({ code = 7 }, err)
    assert.matches("cannot return: result is a coroutine",
      error_of(gort.blocking, function() return coroutine.create(print) end))
  end))

  it("runs as many as want to, at the same time", within(20, function()
    for _, n in ipairs { 10, 40 } do
      local wg, start = gort.sync.waitgroup(), time.monotonic()
      for _ = 1, n do
        wg:go(function() gort.blocking(block, 0.3) end)
      end
      wg:wait()
      assert.is_true(time.monotonic() - start < 0.3 * n / 3)
    end
  end))

  it("makes nobody else wait", function()
    for _, procs in ipairs { "1", "2" } do
      local r = run([[
        local time, worst = gort.time, 0
        local function block(s) io.popen("sleep " .. s):close() end
        local wg = gort.sync.waitgroup()
        for _ = 1, 8 do
          wg:go(function() gort.blocking(block, 0.5) end)
        end
        local start = time.monotonic()
        for _ = 1, 20 do
          local before = time.monotonic()
          time.sleep(0.005)
          worst = math.max(worst, time.monotonic() - before)
        end
        print(time.monotonic() - start < 0.4, worst < 0.1)
        wg:wait()]], { options = { "--procs", procs } })
      assert.equal("", r.err)
      -- Not under sanitizers: there a process takes long to start.
      if within.factor == 1 then assert.equal("true\ttrue\n", r.out) end
      assert.equal(0, r.status)
    end
  end)

  it("may do what other tasks do", within(5, function()
    local ch = chan()
    go(function()
      time.sleep(0.005)
      ch:send(5)
    end)
    assert.same({ 5, 6 }, { gort.blocking(function()
      local v = ch:recv()
      go(function() ch:send(v + 1) end)
      time.sleep(0.001)
      return v, (ch:recv())
    end) })
    assert.equal(3, gort.blocking(function()
      return 1 + gort.blocking(function() return 2 end)
    end))
  end))

  it("serves more than have a thread", within(30, function()
    local wg, n = gort.sync.waitgroup(), gort.sync.atomic()
    for _ = 1, 600 do
      wg:go(function() n:add(gort.blocking(function(x) return x end, 1)) end)
    end
    wg:wait()
    assert.equal(600, n:load())
  end))

  it("keeps the program alive, and ends with it", function()
    local r = run [[
      io.popen "sleep 0":close()
      gort.blocking(function() io.popen("sleep 0.1"):close() end)
      go(gort.blocking, function() io.popen("sleep 20"):close() end)
      gort.time.sleep(0.05)
      print "main ends"]]
    assert.equal("main ends\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.status)
  end)

  it("shows in a deadlock report", function()
    local r = run "gort.blocking(function() chan():recv() end)"
    assert.matches("all tasks are asleep", r.err)
    assert.matches("chan receive", r.err)
    assert.equal(2, r.status)
  end)

  it("takes functions that can cross only", function()
    assert.has_error(function() gort.blocking(1) end)
    local n = 0
    assert.matches("assigns captured variable", error_of(function()
      gort.blocking(function() n = n + 1 end)
    end))
    assert.matches("cannot block", error_of(table.sort, { 2, 1 }, function()
      return gort.blocking(function() return true end)
    end))
  end)
end)
