-- Closing channels.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local until_parked, error_of = tasks.until_parked, tasks.error_of

local function closed(cap)
  local ch = chan(cap)
  ch:close()
  return ch
end

describe("a closed channel", function()
  it("gives nil, false at once, any number of times", within(5, function()
    for _, ch in ipairs { closed(), closed(2) } do
      for _ = 1, 3 do
        assert.same({ n = 2, nil, false }, table.pack(ch:recv()))
      end
    end
  end))

  it("gives first what was buffered, with true", function()
    local ch = chan(3)
    ch:send "a"
    ch:send "b"
    ch:close()
    assert.equal(2, #ch)
    assert.equal(3, ch:cap())
    assert.same({ "a", true }, { ch:recv() })
    assert.same({ "b", true }, { ch:recv() })
    assert.same({ n = 2, nil, false }, table.pack(ch:recv()))
  end)

  it("raises at every form of send", function()
    local ch = closed(1)
    local text = "send on closed channel"
    assert.equal(text, error_of(function() ch:send(1) end))
    assert.equal(text, error_of(function() ch:send(1, 0) end))
    assert.equal(text, error_of(function() ch:send(1, 1) end))
    assert.equal(text, error_of(function() ch:try_send(1) end))
    assert.equal(text, error_of(function() ch:sender():send(1) end))
    assert.equal(text, error_of(function()
      select { { send = ch, value = 1 } }
    end))
    assert.equal(text, error_of(function()
      select { { send = ch, value = 1 }, default = true }
    end))
  end)

  it("is as it was after a send that failed", function()
    local ch = chan(2)
    ch:send(1)
    ch:close()
    assert.has_error(function() ch:send(2) end)
    assert.equal(1, #ch)
    assert.same({ 1, true }, { ch:recv() })
    assert.same({ n = 2, nil, false }, table.pack(ch:recv()))
  end)

  it("cannot be closed again", function()
    local ch = closed()
    assert.equal("close of closed channel",
      error_of(function() ch:close() end))
    assert.equal("close of closed channel",
      error_of(function() ch:sender():close() end))
  end)

  it("names the place of the error", function()
    local ch = closed()
    local _, err = pcall(function() ch:send(1) end)
    local line = debug.getinfo(1, "l").currentline - 1
    assert.matches("chan_close_spec.lua:" .. line .. ": send on closed", err)
  end)
end)

describe("close", function()
  it("returns nothing", function()
    assert.equal(0, select("#", chan():close()))
  end)

  it("wakes all blocked receivers with nil, false", within(5, function()
    local ch, out = chan(), chan()
    for _ = 1, 10 do
      go(function() out:send(table.pack(ch:recv())) end)
    end
    go(function()
      local n = 0
      for _ in ch do n = n + 1 end
      out:send { n = 2, nil, false, loops = n }
    end)
    until_parked(11, "chan receive")
    ch:close()
    local loops = 0
    for _ = 1, 11 do
      local r = out:recv()
      assert.equal(2, r.n)
      assert.is_nil(r[1])
      assert.is_false(r[2])
      loops = loops + (r.loops or 0)
    end
    assert.equal(0, loops)
  end))

  it("wakes blocked senders, whose sends raise", within(5, function()
    local ch, out = chan(1), chan()
    ch:send "kept"
    for i = 1, 5 do
      go(function()
        local ok, err = pcall(ch.send, ch, i)
        out:send { ok, err }
      end)
    end
    until_parked(5, "chan send")
    ch:close()
    for _ = 1, 5 do
      local r = out:recv()
      assert.is_false(r[1])
      assert.matches("send on closed channel$", r[2])
    end
    assert.same({ "kept", true }, { ch:recv() })
    assert.same({ n = 2, nil, false }, table.pack(ch:recv()))
  end))

  it("wakes those that wait with a timeout", within(5, function()
    local ch, out = chan(), chan()
    go(function() out:send(table.pack(ch:recv(1000))) end)
    until_parked(1, "chan receive")
    ch:close()
    assert.same({ n = 2, nil, false }, (out:recv()))
  end))

  it("wakes selects on receive cases", within(5, function()
    local ch, out = chan(), chan()
    go(function()
      out:send(table.pack(select { { recv = chan() }, { recv = ch } }))
    end)
    until_parked(1, "select")
    ch:close()
    assert.same({ n = 3, 2, nil, false }, (out:recv()))
  end))

  it("wakes selects on send cases, which raise", within(5, function()
    local ch, out = chan(), chan()
    go(function()
      local _, err = pcall(select, {
        { recv = chan() }, { send = ch, value = 1 },
      })
      out:send(err)
    end)
    until_parked(1, "select")
    ch:close()
    assert.matches("send on closed channel$", (out:recv()))
  end))

  it("orders what was done before it", within(5, function()
    local ch, done = chan(100), chan()
    go(function()
      for i = 1, 100 do ch:send(i) end
      done:close()
    end)
    done:recv()
    assert.equal(100, #ch)
  end))
end)
