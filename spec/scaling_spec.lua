-- What an operation costs does not grow with what else there is. The programs
-- are those of scripts/bench/sweeps; the bounds are ten times what is promised
-- there, so that only a collapse exceeds them.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

local plain = within.factor == 1

-- What a program says, at its best of three times.
local function cost(program, args, options)
  local best
  for _ = 1, 3 do
    local words = table.pack(table.unpack(options or {}))
    words[#words + 1] = "scripts/bench/" .. program .. ".lua"
    table.move(args, 1, #args, #words + 1, words)
    local r = run.gort(words, { limit = 60 })
    assert.equal("", r.err)
    assert.equal(0, r.status)
    local number = tonumber(r.out:match " ([%d.]+)\n$")
    if not best or number < best then best = number end
  end
  return best
end

-- program with so many things costs at most factor times what it costs with
-- few.
local function holds(program, few, many, factor, rounds)
  local args = { tostring(plain and rounds or rounds // 10) }
  local low = cost(program, { tostring(few), args[1] })
  local high = cost(program, { tostring(many), args[1] })
  assert.is_true(high <= factor * low,
    ("%s: %g with %d, %g with %d"):format(program, low, few, high, many))
end

describe("the cost of", function()
  it("a select is linear in its cases", function()
    -- Ten times for each case.
    holds("sweeps/select_cases", 10, 1000, 100 * 10, 2000)
  end)

  it("a channel does not depend on how many there are", function()
    holds("sweeps/channels", 1, plain and 300000 or 10000, 10, 100000)
  end)

  it("a hand-over does not depend on how many tasks are parked", function()
    holds("sweeps/parked_tasks", 1, plain and 200000 or 2000, 10, 50000)
  end)

  it("a timer does not depend on how many there are", function()
    holds("sweeps/timers", 1000, plain and 300000 or 20000, 20, 50000)
  end)

  -- Eight workers on few cores get in each other's way; they must not lose it.
  for _, name in ipairs { "spawn", "pingpong", "ring", "select4" } do
    it(name .. " stands more workers than cores", function()
      local n = plain and "50000" or "2000"
      local two = cost(name, { n }, { "--procs", "2" })
      local eight = cost(name, { n }, { "--procs", "8" })
      assert.is_true(eight <= 10 * two,
        ("%g with two, %g with eight"):format(two, eight))
    end)
  end
end)

-- Sanitizers keep what is freed.
describe("the memory of a burst", plain and function()
  it("comes back after a collection", function()
    local r = run([[
      local function rss()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "^VmRSS:%s+(%d+)"
          if kb then return tonumber(kb) end
        end
      end
      local never, parked = chan(), gort.sync.waitgroup()
      local over = gort.sync.waitgroup()
      parked:add(100000)
      over:add(100000)
      for _ = 1, 100000 do
        go(function() parked:done() never:recv() over:done() end)
      end
      parked:wait()
      local most = rss()
      never:close()
      over:wait()
      collectgarbage()
      local now
      for _ = 1, 200 do
        gort.time.sleep(0.1)
        now = rss()
        if now < most / 3 then break end
      end
      print(most > 80000, now < most / 3, now, most)
      -- The vms go on.
      local sum, values = 0, chan()
      for i = 1, 1000 do go(function() values:send(i) end) end
      for _ = 1, 1000 do sum = sum + values:recv() end
      print(sum)]], { limit = 60 })
    assert.equal("", r.err)
    assert.equal(0, r.status)
    assert.matches("^true\ttrue\t%d+\t%d+\n500500\n$", r.out)
  end)
end or function() end)
