-- gort.runtime.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local runtime = gort.runtime

local function shell(command)
  return tonumber((run.shell(command).out))
end

describe("numcpu and maxprocs", function()
  it("are what the process may use", function()
    assert.equal(runtime, require "gort.runtime")
    assert.equal(shell "nproc", runtime.numcpu())
    assert.equal(runtime.numcpu() .. "\n",
      run("print(gort.runtime.maxprocs())").out)
  end)

  it("follow the affinity", function()
    local r = run.shell("taskset -c 0 " .. run.program
      .. " -e 'print(gort.runtime.numcpu(), gort.runtime.maxprocs())'")
    assert.equal("1\t1\n", r.out)
  end)

  it("maxprocs gives the number before", within(5, function()
    local n = runtime.maxprocs()
    assert.equal(n, runtime.maxprocs(1))
    assert.equal(1, runtime.maxprocs(8))
    assert.equal(8, runtime.maxprocs())
    assert.equal(8, runtime.maxprocs(nil))
    assert.equal(8, runtime.maxprocs(n))
    assert.equal(n, runtime.maxprocs())
  end))

  it("maxprocs wants at least one", function()
    for _, n in ipairs { 0, -1, 1.5, "x", 0 / 0, {} } do
      assert.has_error(function() runtime.maxprocs(n) end)
    end
  end)

  it("maxprocs can be set at any time, under load", within(60, function()
    local n, ch, stop = runtime.maxprocs(), chan(), chan()
    local started = gort.sync.atomic()
    for _ = 1, 4 do
      go(function()
        local count = 0
        while not select { { recv = stop, function() return true end },
          default = function() return false end } do
          count = count + 1
          if count == 1 then started:add(1) end
        end
        ch:send(count)
      end)
    end
    repeat
      for _, k in ipairs { 1, 8, 2, 1, 16, 3, 1, 2 } do
        runtime.maxprocs(k)
        gort.time.sleep(0.005)
      end
    until started:load() == 4
    stop:close()
    for _ = 1, 4 do assert.is_true(ch:recv() > 0) end
    runtime.maxprocs(n)
  end))

  it("maxprocs tasks run at the same time", within(20, function()
    -- Each waits for the other without ever parking.
    local n = runtime.maxprocs(2)
    local a, b, out = chan(1), chan(1), chan()
    local function meet(mine, other)
      mine:send(1)
      while #other == 0 do end
      out:send(true)
    end
    go(meet, a, b)
    go(meet, b, a)
    out:recv()
    out:recv()
    runtime.maxprocs(n)
  end))
end)

describe("numtasks", function()
  it("is 1 in a fresh program", function()
    assert.equal("1\n", run("print(gort.runtime.numtasks())").out)
  end)

  it("counts live tasks", within(10, function()
    local ch = chan()
    tasks.until_alone()
    for _ = 1, 100 do
      go(function() ch:recv() end)
    end
    assert.equal(102, runtime.numtasks())
    ch:close()
    tasks.until_alone()
  end))
end)

describe("yield", function()
  it("lets others run, also on one worker", function()
    local r = run([[
      local ch = chan(1)
      go(function() ch:send "ran" end)
      local n = 0
      while not ch:try_recv() do
        gort.runtime.yield()
        n = n + 1
      end
      print(n < 1000)]], { options = { "--procs", "1" } })
    assert.equal("true\n", r.out)
  end)

  it("returns nothing", function()
    assert.equal(0, select("#", runtime.yield()))
  end)
end)

describe("stack", function()
  it("is the task's own", within(5, function()
    local function here() return (runtime.stack()) end
    local text = here()
    assert.matches("^task 1 %[running%]:\n", text)
    assert.matches("runtime_spec.lua:%d+: in", text)
    local ok, other = tasks.run(function() return runtime.stack() end)
    assert.is_true(ok)
    assert.matches("^task %d+ %[running%]:\n", other)
    assert.not_matches("^task 1 ", other)
  end))

  it("of all has every task, what it waits for and its origin", function()
    local r = run([[
      local ch, wg = chan(), gort.sync.waitgroup()
      wg:add(1)
      go(function() ch:recv() end)
      go(function() ch:sender():send(1, nil) end)
      go(function() select { { recv = chan() } } end)
      go(function() select {} end)
      go(function() gort.time.sleep(100) end)
      go(function() wg:wait() end)
      go(function() chan():send(1) end)
      local text
      for _ = 1, 200 do
        gort.time.sleep(0.001)
        text = gort.runtime.stack(true)
        local _, running = text:gsub("%[running%]", "")
        local _, all = text:gsub("task %d+ %[", "")
        if all == 6 and running == 1 and not text:find "runnable" and
          text:find "%[chan send%]" then break end
      end
      print(text)]])
    assert.equal("", r.err)
    for _, reason in ipairs { "running", "chan send", "select", "sleep",
      "select (no cases)", "sync.WaitGroup.Wait" } do
      assert.matches("[" .. reason .. "]:\n", r.out, 1, true)
    end
    assert.matches("created by task 1 at " .. r.script .. ":7", r.out, 1, true)
    local _, n = r.out:gsub("task %d+ %[", "")
    assert.equal(6, n) -- two of the eight have met
  end)

  it("of all has as many as numtasks counts", within(5, function()
    local ch = chan()
    tasks.until_alone()
    for _ = 1, 50 do
      go(function() ch:recv() end)
    end
    tasks.until_parked(50, "chan receive")
    local _, n = runtime.stack(true):gsub("task %d+ %[", "")
    assert.equal(runtime.numtasks(), n)
    ch:close()
  end))

  it("of all does not wait for tasks that loop", within(20, function()
    local stop = chan()
    for _ = 1, runtime.maxprocs() do
      go(function() while not stop:try_recv() do end end)
    end
    assert.matches("task 1 %[", runtime.stack(true))
    stop:close()
  end))
end)

describe("stats", function()
  it("are numbers", within(5, function()
    tasks.until_alone()
    local s = runtime.stats()
    for _, name in ipairs { "tasks", "spawned", "vms", "workers", "threads",
      "steals", "preemptions", "wakeups", "handoffs", "timers", "blocking" } do
      assert.equal("integer", math.type(s[name]), name)
    end
    assert.equal(runtime.numtasks(), s.tasks)
    assert.is_true(s.workers >= 1 and s.threads >= 1)
  end))

  it("count what was spawned", within(5, function()
    local before, wg = runtime.stats().spawned, gort.sync.waitgroup()
    for _ = 1, 10 do wg:go(function() end) end
    wg:wait()
    assert.is_true(runtime.stats().spawned >= before + 10)
  end))
end)

describe("stats", function()
  it("count tasks by what they do, and bytes", within(5, function()
    local before = gort.runtime.stats()
    local ch = chan()
    for _ = 1, 10 do go(function() ch:recv() end) end
    tasks.until_parked(10, "chan receive")
    local s = gort.runtime.stats()
    assert.is_true(s.waiting >= before.waiting + 10)
    assert.is_true(s.runnable >= 1)
    assert.is_true(s.tasks >= 11)
    assert.is_true(s.bytes > 10000)
    ch:close()
  end))
end)
