-- The example scripts run and print what they should.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

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

describe("the examples", function()
  it("are all here", function()
    local r = run.shell "ls scripts/examples/*.lua | xargs -n1 basename"
    assert.equal("pipeline.lua\nprimes.lua\nwordfreq.lua\nworkerpool.lua\n",
      r.out)
  end)
end)
