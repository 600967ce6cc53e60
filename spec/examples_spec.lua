-- The example scripts run and print what they should.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

local function example(name, ...)
  return run.gort({ "scripts/examples/" .. name .. ".lua", ... },
    { limit = 60 })
end

local function output(r)
  assert.equal("", r.err)
  assert.equal(0, r.status)
  return r.out
end

-- What wordfreq.lua prints, by a plain count in one task.
local function plain_count(files)
  local totals, words, lines = {}, {}, {}
  for _, name in ipairs(files) do
    for word in run.read(name):lower():gmatch "%a+" do
      totals[word] = (totals[word] or 0) + 1
    end
  end
  for word in pairs(totals) do words[#words + 1] = word end
  table.sort(words, function(a, b)
    if totals[a] == totals[b] then return a < b end
    return totals[a] > totals[b]
  end)
  for i = 1, math.min(20, #words) do
    lines[i] = ("%7d  %s\n"):format(totals[words[i]], words[i])
  end
  return table.concat(lines)
end

describe("wordfreq.lua", function()
  local files = {}

  setup(function()
    local p <close> = io.popen
      "find /usr/share/common-licenses -maxdepth 1 -type f"
    for name in p:lines() do files[#files + 1] = name end
  end)

  it("counts the licence texts as a plain count does", function()
    assert.is_true(#files > 5)
    local expected = plain_count(files)
    local _, lines = expected:gsub("\n", "")
    assert.equal(20, lines)
    for _, procs in ipairs { "1", "2", "8" } do
      assert.equal(expected, output(run.gort { "--procs", procs,
        "scripts/examples/wordfreq.lua" }))
    end
  end)

  it("counts the files it is given", function()
    local some = { files[1], files[2], files[1] }
    assert.equal(plain_count(some), output(example("wordfreq",
      table.unpack(some))))
    assert.equal(plain_count { "LICENSE" },
      output(example("wordfreq", "LICENSE")))
  end)

  it("names files that it cannot read, status 1", function()
    local r = example("wordfreq", "/nonexistent", "LICENSE")
    assert.equal(plain_count { "LICENSE" }, r.out)
    assert.matches("^wordfreq: /nonexistent: No such file", r.err)
    assert.equal(1, r.status)
  end)
end)

describe("primes.lua", function()
  local function is_prime(n)
    for d = 2, math.floor(n ^ 0.5) do
      if n % d == 0 then return false end
    end
    return true
  end

  local function primes(count)
    local list, n = {}, 1
    while #list < count do
      n = n + 1
      if is_prime(n) then list[#list + 1] = n end
    end
    return table.concat(list, "\n") .. (count > 0 and "\n" or "")
  end

  it("prints the first hundred primes", function()
    assert.equal(primes(100), output(example "primes"))
  end)

  it("prints as many as wanted", function()
    for _, n in ipairs { 0, 1, 10 } do
      assert.equal(primes(n), output(example("primes", tostring(n))))
    end
  end)

  it("refuses nonsense", function()
    for _, n in ipairs { "x", "-1", "1.5" } do
      local r = example("primes", n)
      assert.equal(1, r.status)
      assert.matches("usage", r.err)
    end
  end)
end)

describe("pipeline.lua", function()
  it("adds up squares", function()
    assert.equal("the squares of 1 to 1000 add up to 333833500\n",
      output(example "pipeline"))
    assert.equal("the squares of 1 to 10 add up to 385\n",
      output(example("pipeline", "10", "1")))
    assert.equal("the squares of 1 to 0 add up to 0\n",
      output(example("pipeline", "0")))
    assert.equal("the squares of 1 to 100 add up to 338350\n",
      output(example("pipeline", "100", "200")))
  end)

  it("refuses nonsense", function()
    for _, args in ipairs { { "x" }, { "1", "0" }, { "1", "1", "1" } } do
      local r = example("pipeline", table.unpack(args))
      assert.equal(1, r.status)
      assert.matches("usage", r.err)
    end
  end)
end)

describe("workerpool.lua", function()
  local FIB = { [22] = 17711, [23] = 28657, [24] = 46368, [25] = 75025,
    [26] = 121393, [27] = 196418, [28] = 317811 }

  local function check(r, workers, jobs)
    local text, id = output(r), 0
    for line in text:gmatch "job[^\n]*\n" do
      id = id + 1
      local job, n, value, worker =
        line:match "^job%s+(%d+): fib%((%d+)%) =%s+(%d+)  by worker (%d+)\n$"
      assert.equal(id, tonumber(job))
      assert.equal(22 + id % 7, tonumber(n))
      assert.equal(FIB[tonumber(n)], tonumber(value))
      assert.is_true(tonumber(worker) >= 1 and tonumber(worker) <= workers)
    end
    assert.equal(jobs, id)
    assert.matches("\n" .. workers
      .. " workers: [%d.]+ s, one: [%d.]+ s, speed%-up [%d.]+\n$", text)
  end

  it("does every job, on one worker per core", function()
    check(example "workerpool", gort.runtime.numcpu(), 24)
  end)

  it("does as many jobs with as many workers as wanted", function()
    check(example("workerpool", "3", "10"), 3, 10)
    check(example("workerpool", "10", "2"), 10, 2)
  end)

  it("refuses nonsense", function()
    for _, args in ipairs { { "0" }, { "x" }, { "1", "-1" } } do
      local r = example("workerpool", table.unpack(args))
      assert.equal(1, r.status)
      assert.matches("usage", r.err)
    end
  end)
end)

describe("checksums.lua", function()
  it("prints what cksum prints", function()
    local files = "LICENSE README.md Makefile runtime/include/gort.h"
    local list = {}
    for name in files:gmatch "%S+" do list[#list + 1] = name end
    local expected = run.shell("cksum " .. files).out
    assert.equal(expected, output(example("checksums",
      table.unpack(list))))
    assert.equal(expected, output(example("checksums", "-1",
      table.unpack(list))))
  end)

  it("stops at a file that it cannot read", function()
    local r = example("checksums", "/nonexistent")
    assert.equal("", r.out)
    assert.matches("^checksums: /nonexistent: No such file", r.err)
    assert.equal(1, r.status)
    assert.matches("usage", example("checksums").err)
  end)
end)

describe("ratelimit.lua", function()
  it("lets a burst through and then keeps the pace", function()
    local text = output(example("ratelimit", "12", "100", "4"))
    local n, last, seen = 0, 0, {}
    for place, request, at in text:gmatch "(%d+)  request +(%d+) at (%S+) s" do
      n, last = n + 1, tonumber(at)
      assert.equal(n, tonumber(place))
      assert.is_nil(seen[request])
      seen[request] = true
    end
    assert.equal(12, n)
    assert.is_true(last >= 0.05) -- eight ticks, 0.08 s
  end)

  it("refuses nonsense", function()
    for _, args in ipairs { { "x" }, { "1", "0" }, { "1", "1", "0" } } do
      local r = example("ratelimit", table.unpack(args))
      assert.equal(1, r.status)
      assert.matches("usage", r.err)
    end
  end)
end)

describe("firstmatch.lua", function()
  it("finds as many as wanted, in any of the files", function()
    for n = 1, 3 do
      local text = output(example("firstmatch", "-" .. n, "%a",
        "README.md", "LICENSE", "Makefile"))
      local lines = 0
      for name, line, found in text:gmatch "([^:\n]+):(%d+): ([^\n]*)\n" do
        lines = lines + 1
        local file <close> = io.open(name)
        local nth
        for _ = 1, tonumber(line) do nth = file:read "l" end
        assert.equal(nth, found)
      end
      assert.equal(n, lines)
    end
  end)

  it("tells when there is none", function()
    local r = example("firstmatch", "no such %d words", "LICENSE")
    assert.equal("", r.out)
    assert.equal(1, r.status)
    assert.matches("usage", example("firstmatch", "pattern").err)
  end)
end)

describe("pubsub.lua", function()
  it("tells readers what they subscribed to", function()
    assert.equal([[
ann reads: the home team wins
bob reads: more rain
bob reads: rain
eve reads: the home team wins
]], output(example "pubsub"))
  end)
end)

describe("life.lua", function()
  it("plays the same game with any number of workers", function()
    local alone = output(example("life", "4", "1"))
    assert.matches("^%.+\n%.%.#%.+\n%.%.%.#%.+\n%.###%.+\n", alone)
    for _, workers in ipairs { "2", "5", "16" } do
      assert.equal(alone, output(example("life", "4", workers)))
    end
    -- Round the torus in 4 generations a step, diagonally.
    assert.equal(output(example("life", "0")), output(example("life", "64")))
  end)

  it("refuses nonsense", function()
    for _, args in ipairs { { "-1" }, { "1", "0" }, { "1", "17" } } do
      assert.matches("usage", example("life", table.unpack(args)).err)
    end
  end)
end)

describe("breaker.lua", function()
  it("leaves a broken service alone", function()
    local text = output(example "breaker")
    assert.matches("^job 1 done\njob 2 done\n", text)
    local _, failed = text:gsub("service is down", "")
    local _, refused = text:gsub("the circuit is open", "")
    assert.equal(5, failed)
    assert.is_true(refused >= 1)
    assert.matches("job %d+ done\ncalls that reached the service: 8\n$", text)
  end)
end)

describe("shutdown.lua", function()
  it("finishes what it can and stops the rest", function()
    assert.equal([[
a worker: a short job done
a worker: leaves, at work on an endless job
a worker: leaves, at work on nothing
some had to be stopped
]], output(example("shutdown", tostring(0.2 * within.factor))))
  end)
end)

describe("supervisor.lua", function()
  it("starts anew what failed, up to a limit", function()
    assert.equal([[
failure 1: cannot do job 3
failure 2: cannot do job 6
failure 3: cannot do job 9
failures: 3
1: 1
2: 4
4: 16
5: 25
7: 49
8: 64
10: 100
failure 1: nothing works
failure 2: nothing works
gave up after 2 failures
]], output(example "supervisor"))
  end)
end)

describe("the examples", function()
  it("are all here", function()
    local r = run.shell "ls scripts/examples/*.lua | xargs -n1 basename"
    assert.equal([[
breaker.lua
checksums.lua
firstmatch.lua
life.lua
pipeline.lua
primes.lua
pubsub.lua
ratelimit.lua
shutdown.lua
supervisor.lua
wordfreq.lua
workerpool.lua
]], r.out)
  end)
end)
