-- select: the choice among ready cases, and everything one can wait for.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local function closed()
  local ch = chan()
  ch:close()
  return ch
end

local N = 10000

describe("the choice among ready cases is uniform", function()
  -- The bound of Go's TestSelectFairness.
  local function close_to(share, n)
    local bound = 4.891676 / (2 * math.sqrt(N))
    assert.is_true(math.abs(n / N - share) <= bound,
      ("share %.4f instead of %.4f"):format(n / N, share))
  end

  it("for two that follow cases never ready", within(20, function()
    local a, b, count = closed(), closed(), { 0, 0, 0, 0 }
    local cases = { { recv = chan() }, { recv = chan() }, { recv = a },
      { recv = b } }
    for _ = 1, N do
      local i = select(cases)
      count[i] = count[i] + 1
    end
    assert.equal(0, count[1] + count[2])
    close_to(1 / 2, count[3])
  end))

  it("and counts a channel as often as it is named", within(20, function()
    local a, b, count = closed(), closed(), { 0, 0, 0 }
    for _ = 1, N do
      local i = select { { recv = a }, { recv = a }, { recv = b } }
      count[i] = count[i] + 1
    end
    for i = 1, 3 do close_to(1 / 3, count[i]) end
  end))

  it("for sends and receives", within(20, function()
    local a, b, sends = closed(), chan(N), 0
    for _ = 1, N do
      if select { { recv = a }, { send = b, value = 1 } } == 2 then
        sends = sends + 1
      end
    end
    assert.equal(sends, #b)
    close_to(1 / 2, sends)
  end))
end)

describe("a try or a select with default", function()
  -- Go's TestNonblockSelectRace: at every moment one of the two is ready.
  it("sees both channels at one instant", within(30, function()
    local out = chan()
    for _ = 1, 1000 do
      local a, b, done = chan(1), chan(1), chan(1)
      a:send(1)
      go(function()
        local i = select { { recv = a }, { recv = b }, default = true }
        done:send(i ~= "default")
      end)
      b:send(1)
      select { { recv = a }, default = true }
      if not done:recv() then out:close() end
    end
    assert.equal("default", (select { { recv = out }, default = true }))
  end))

  it("sees a close", within(30, function()
    for _ = 1, 500 do
      local a, b, done = chan(1), chan(), chan(1)
      a:send(1)
      go(function()
        local i = select { { recv = a }, { recv = b }, default = true }
        done:send(i ~= "default")
      end)
      b:close()
      select { { recv = a }, default = true }
      assert.is_true((done:recv()))
    end
  end))
end)

describe("select waits for", function()
  it("timers and tickers", within(5, function()
    local t = gort.time.timer(0.001)
    local i, v, ok = select { { recv = chan() }, { recv = t } }
    assert.equal(2, i)
    assert.is_true(math.abs(v - gort.time.now()) < 5)
    assert.is_true(ok)
    t = gort.time.ticker(0.001)
    for _ = 1, 3 do
      assert.equal(1, (select { { recv = t }, { recv = chan() } }))
    end
    t:stop()
    assert.equal(1, (select { { recv = gort.time.after(0.001) } }))
  end))

  it("wait groups", within(5, function()
    local wg = gort.sync.waitgroup()
    assert.equal(1, (select { { recv = wg }, default = true }))
    wg:add(1)
    assert.equal("default", (select { { recv = wg }, default = true }))
    go(function()
      tasks.until_parked(1, "select")
      wg:done()
    end)
    assert.equal(2, (select { { recv = chan() }, { recv = wg } }))
  end))

  it("nothing else", function()
    for _, v in ipairs { 1, "x", {}, print, io.stdout } do
      assert.matches("case 1", tasks.error_of(function()
        select { { recv = v } }
      end))
      assert.matches("case 2", tasks.error_of(function()
        select { { after = 1 }, { send = v, value = 1 } }
      end))
    end
    assert.has_error(function()
      select { { send = gort.time.timer(1), value = 1 } }
    end)
  end)
end)

describe("selects and plain operations over shared channels", function()
  -- Go's TestSelectStress: every channel sees N sends and N receives.
  it("come to their end", within(60, function()
    local n = 300
    local c = { chan(), chan(), chan(2), chan(3) }
    local wg = gort.sync.waitgroup()
    for k = 1, 4 do
      wg:go(function()
        for _ = 1, n do c[k]:send(0) end
      end)
      wg:go(function()
        for _ = 1, n do c[k]:recv() end
      end)
    end
    for _, op in ipairs { "send", "recv" } do
      wg:go(function()
        local left, on = { n, n, n, n }, { table.unpack(c) }
        for _ = 1, 4 * n do
          local cases = {}
          for k = 1, 4 do cases[k] = { [op] = on[k] } end
          local i = select(cases)
          left[i] = left[i] - 1
          if left[i] == 0 then on[i] = false end
        end
      end)
    end
    assert.is_true(wg:wait())
    for k = 1, 4 do assert.equal(0, #c[k]) end
  end))
end)
