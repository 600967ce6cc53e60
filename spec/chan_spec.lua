-- Channels.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local until_parked, error_of = tasks.until_parked, tasks.error_of

describe("an unbuffered channel", function()
  it("completes a send and a receive only together", within(5, function()
    local ch, log = chan(), chan(10)
    go(function()
      log:send "before"
      ch:send(1)
      log:send "after"
    end)
    assert.equal("before", log:recv())
    until_parked(1, "chan send")
    assert.equal(0, #log)
    assert.same({ 1, true }, { ch:recv() })
    assert.equal("after", log:recv())
  end))

  it("has length and capacity 0 with a blocked sender", within(5, function()
    local ch = chan()
    go(function() ch:send(1) end)
    until_parked(1, "chan send")
    assert.equal(0, #ch)
    assert.equal(0, ch:cap())
    ch:recv()
  end))

  it("keeps the order of one sender", within(5, function()
    local ch = chan()
    go(function()
      for i = 1, 100 do ch:send(i) end
    end)
    for i = 1, 100 do
      assert.equal(i, (ch:recv()))
    end
  end))

  it("serves blocked receivers in order", within(5, function()
    local ch, out = chan(), chan(3)
    for i = 1, 3 do
      go(function() out:send { i, (ch:recv()) } end)
      until_parked(i, "chan receive")
    end
    for i = 1, 3 do ch:send(i * 10) end
    local got = {}
    for _ = 1, 3 do
      local r = out:recv()
      got[r[1]] = r[2]
    end
    assert.same({ 10, 20, 30 }, got)
  end))

  it("serves blocked senders in order", within(5, function()
    local ch = chan()
    for i = 1, 5 do
      go(function() ch:send(i) end)
      until_parked(i, "chan send")
    end
    for i = 1, 5 do
      assert.equal(i, (ch:recv()))
    end
  end))
end)

describe("a buffered channel", function()
  it("is a queue of its capacity", function()
    local ch = chan(3)
    assert.equal(3, ch:cap())
    for i = 1, 3 do
      assert.equal(i - 1, #ch)
      assert.is_true(ch:send(i))
    end
    assert.is_false((ch:try_send(4)))
    for i = 1, 3 do
      assert.same({ i, true }, { ch:recv() })
    end
    assert.equal(0, #ch)
  end)

  it("takes a blocked sender's value when it gets room", within(5, function()
    local ch = chan(2)
    ch:send(1)
    ch:send(2)
    go(function() ch:send(3) end)
    until_parked(1, "chan send")
    go(function() ch:send(4) end)
    until_parked(2, "chan send")
    assert.equal(1, (ch:recv()))
    assert.equal(2, #ch)
    assert.equal(2, (ch:recv()))
    assert.equal(2, #ch)
    assert.equal(3, (ch:recv()))
    assert.equal(4, (ch:recv()))
    assert.equal(0, #ch)
  end))

  it("hands a value to a waiting receiver directly", within(5, function()
    local ch, out = chan(1), chan(1)
    go(function() out:send((ch:recv())) end)
    until_parked(1, "chan receive")
    ch:send "x"
    assert.equal(0, #ch)
    assert.is_false((ch:try_recv()))
    assert.equal("x", out:recv())
  end))

  for _, cap in ipairs { 0, 1, 2, 7, 199 } do
    it("loses and doubles nothing, capacity " .. cap, within(20, function()
      local ch, out, wg = chan(cap), chan(), gort.sync.waitgroup()
      for s = 0, 3 do
        wg:go(function()
          for i = 1, 100 do ch:send(s * 100 + i) end
        end)
      end
      for _ = 1, 4 do
        go(function()
          local got = {}
          for v in ch do got[#got + 1] = v end
          out:send(got)
        end)
      end
      wg:wait()
      ch:close()
      local seen, n = {}, 0
      for _ = 1, 4 do
        for _, v in ipairs((out:recv())) do
          assert.is_nil(seen[v])
          seen[v], n = true, n + 1
        end
      end
      assert.equal(400, n)
    end))
  end
end)

describe("nil and false", function()
  it("are values like others", function()
    local ch = chan(3)
    ch:send(nil)
    ch:send(false)
    ch:close()
    assert.same({ n = 2, nil, true }, table.pack(ch:recv()))
    assert.same({ false, true }, { ch:recv() })
    assert.same({ n = 2, nil, false }, table.pack(ch:recv()))
  end)

  it("nil ends a for loop, false does not", function()
    local ch = chan(4)
    for _, v in ipairs { 1, false } do ch:send(v) end
    ch:send(nil)
    ch:send "rest"
    local got = {}
    for v in ch do got[#got + 1] = v end
    assert.same({ 1, false }, got)
    assert.equal("rest", ch:recv())
  end)

  it("sending without a value is an error", function()
    assert.has_error(function() chan(1):send() end)
    assert.has_error(function() chan(1):try_send() end)
  end)
end)

describe("for v in ch", function()
  it("ends when the channel is closed and drained", within(5, function()
    local ch = chan(2)
    go(function()
      for i = 1, 5 do ch:send(i) end
      ch:close()
    end)
    local sum = 0
    for v in ch do sum = sum + v end
    assert.equal(15, sum)
  end))

  it("leaves the channel usable after a break", function()
    local ch = chan(3)
    for i = 1, 3 do ch:send(i) end
    for v in ch do
      if v == 2 then break end
    end
    assert.equal(3, (ch:recv()))
  end)

  it("does not run for a closed channel", function()
    local ch = chan()
    ch:close()
    for _ in ch do error "ran" end
  end)
end)

describe("try_send and try_recv", function()
  it("do what can be done at once and say so", function()
    local ch = chan(1)
    assert.same({ false }, { ch:try_recv() })
    assert.same({ true }, { ch:try_send(5) })
    assert.same({ false }, { ch:try_send(6) })
    assert.same({ true, 5, true }, { ch:try_recv() })
    ch:close()
    assert.same({ n = 3, true, nil, false }, table.pack(ch:try_recv()))
  end)

  it("meet a task that waits", within(5, function()
    local ch, out = chan(), chan(1)
    assert.is_false((ch:try_send(0)))
    go(function() out:send((ch:recv())) end)
    until_parked(1, "chan receive")
    assert.is_true(ch:try_send(1))
    assert.equal(1, (out:recv()))
    go(function() ch:send(2) end)
    until_parked(1, "chan send")
    assert.same({ true, 2, true }, { ch:try_recv() })
  end))
end)

describe("a timeout", function()
  it("ends a receive", within(5, function()
    local ch = chan()
    for _, t in ipairs { 0.01, 0, -1, 0.0 } do
      assert.same({ n = 3, nil, false, "timeout" }, table.pack(ch:recv(t)))
    end
  end))

  it("ends a send; the value is not delivered later", within(5, function()
    local ch = chan()
    for _, t in ipairs { 0.01, 0, -1 } do
      assert.same({ false, "timeout" }, { ch:send("v", t) })
    end
    assert.same({ false }, { ch:try_recv() })
  end))

  it("of 0 lets through what can be done at once", function()
    local ch = chan(1)
    assert.same({ true }, { ch:send("v", 0) })
    assert.same({ "v", true }, { ch:recv(0) })
    ch:close()
    assert.same({ n = 2, nil, false }, table.pack(ch:recv(0)))
  end)

  it("that is long does not delay", within(5, function()
    local ch = chan()
    go(function() ch:send(1, 1000) end)
    assert.same({ 1, true }, { ch:recv(math.huge) })
  end))

  it("is nil or a number", function()
    assert.matches("timeout", error_of(function() chan(1):recv "soon" end))
    assert.matches("timeout", error_of(function() chan(1):send(1, {}) end))
    assert.is_true(chan(1):send(1, nil))
  end)
end)

describe("what a channel handle is", function()
  it("equal wherever it comes from", within(5, function()
    local ch, other = chan(), chan(1)
    assert.equal(ch, (tasks.by_channel(ch)))
    assert.equal(ch, (tasks.by_go(ch)))
    assert.not_equal(ch, other)
    go(function(a) other:send(a == ch) end, ch)
    assert.is_true((other:recv()))
  end))

  it("printed as what it is", function()
    assert.matches("^channel", tostring(chan()))
    assert.matches("sender", tostring(chan():sender()))
  end)

  it("not open to scripts that look for its metatable", function()
    assert.not_equal("table", type(getmetatable(chan())))
  end)

  it("without other methods or fields", function()
    assert.has_error(function() chan():foo() end)
    assert.has_error(function() chan().x = 1 end)
    assert.matches("channel", error_of(chan().recv, {}))
    assert.matches("channel", error_of(chan().send, gort.sync.waitgroup(), 1))
  end)
end)
