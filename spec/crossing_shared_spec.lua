-- Tasks whose functions capture the same may have one closure in a vm. Nobody
-- can tell, but by the memory.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

-- A program for each number of workers, and with all tasks in one vm.
local function program(name, text, expected)
  for _, options in ipairs { "1", "2", "8", "together" } do
    it(name .. ", " .. options, function()
      local together = options == "together"
      local r = run(text, {
        options = { "--procs", together and "2" or options },
        before = together and "export GORT_PLACEMENT=together" or nil,
        limit = 60,
      })
      assert.equal("", r.err)
      assert.equal(expected, r.out)
      assert.equal(0, r.status)
    end)
  end
end

describe("tasks of one function", function()
  program("see what theirs captured, whatever came before", [[
    local out = chan(64)
    local values = { 1, 1, 1, 1.0, 1.0, 0, 0.0, -0.0, -0.0, 0.0, true, true,
      false, nil, nil, 2, 2, "s", "s", 1, 1, math.huge, 0 / 0, 0 / 0,
      math.mininteger, 1 }
    local function told(v)
      return math.type(v) == "float" and ("%a"):format(v) or tostring(v)
    end
    local bad = 0
    for round = 1, 200 do
      for i = 1, 26 do
        local v = values[i]
        go(function() out:send(told(v)) end)
        if i % 3 == round % 3 then go(function() out:send(told(v)) end) end
        if i % 3 == round % 3 and out:recv() ~= told(v) then bad = bad + 1 end
        if out:recv() ~= told(v) then bad = bad + 1 end
      end
    end
    print(bad)]], "0\n")

  program("have their own channels, though many at the same time", [[
    local n, bad = 60, 0
    for round = 1, 50 do
      local ins, outs = {}, {}
      for i = 1, n do
        local ch, k = chan(1), round % 2 == 0 and i // 2 or round
        ins[i], outs[i] = ch, k
        go(function() ch:send(k) end)
        go(function() ch:send(k) end)
      end
      for i = 1, n do
        if ins[i]:recv() ~= outs[i] then bad = bad + 1 end
        if ins[i]:recv() ~= outs[i] then bad = bad + 1 end
      end
    end
    print(bad)]], "0\n")

  program("share no state by what is inside", [[
    local out, k = chan(), 5
    local function inner(n) return n + k end
    for i = 1, 300 do
      go(function()
        local sum = 0
        local function add(n) sum = sum + inner(n) end
        for j = 1, 10 do
          add(j)
          if j % 5 == 0 then gort.runtime.yield() end
        end
        out:send(sum)
      end)
    end
    local wrong = 0
    for _ = 1, 300 do if out:recv() ~= 105 then wrong = wrong + 1 end end
    print(wrong)]], "0\n")

  program("leave nothing behind that only they had", [[
    do
      local ch, wg = chan(), gort.sync.waitgroup()
      wg:add(50)
      for _ = 1, 50 do
        go(function() ch:recv() wg:done() end)
      end
      for _ = 1, 50 do ch:send(1) end
      wg:wait()
      go(function() ch:recv() end) -- nobody will send
      go(function() ch:recv() end)
    end
    gort.time.sleep(0.01)
    local found = 0
    for _ = 1, 100 do
      collectgarbage()
      local t = gort.runtime.leaks()
      found = #t
      if found == 2 then break end
      gort.time.sleep(0.01)
    end
    print(found)]], "2\n")
end)

describe("a million tasks that end at once", function()
  it("are not all there at the same time", function()
    if within.factor > 1 then return end -- sanitizers keep what is freed
    local r = run([[
      local function peak()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "^VmHWM:%s+(%d+)"
          if kb then return tonumber(kb) // 1024 end
        end
      end
      local wg = gort.sync.waitgroup()
      wg:add(1000000)
      for _ = 1, 1000000 do go(function() wg:done() end) end
      wg:wait()
      print(peak())]], { limit = 60 })
    assert.equal("", r.err)
    local mb = tonumber(r.out)
    -- Each would take 120 bytes at least.
    assert.is_true(mb < 60, mb .. " MB")
  end)
end)
