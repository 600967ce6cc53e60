-- select: what it returns, what is ready, what it leaves alone.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local until_parked, error_of = tasks.until_parked, tasks.error_of

-- A buffered channel with these values in it.
local function filled(...)
  local ch = chan(select("#", ...) + 1)
  for i = 1, select("#", ...) do
    ch:send((select(i, ...)))
  end
  return ch
end

local function closed()
  local ch = chan()
  ch:close()
  return ch
end

describe("select returns", function()
  it("the case's index, the value, and whether it was sent", function()
    assert.same({ 2, "v", true },
      { select { { recv = chan() }, { recv = filled "v" } } })
    assert.same({ n = 3, 1, nil, false },
      table.pack(select { { recv = closed() } }))
    assert.same({ n = 3, 1, nil, true },
      table.pack(select { { recv = filled(nil) } }))
  end)

  it("the index for send and after", within(5, function()
    local ch = chan(1)
    assert.same({ 2 }, { select { { recv = chan() },
      { send = ch, value = "x" } } })
    assert.equal("x", (ch:recv()))
    assert.same({ 2 }, { select { { recv = chan() }, { after = 0.001 } } })
  end))

  it("\"default\" for default = true", function()
    assert.same({ "default" },
      { select { { recv = chan() }, default = true } })
  end)

  it("what the case's function returns", within(5, function()
    local function f(...)
      return "f", select("#", ...), ...
    end
    assert.same({ "f", 2, "v", true }, { select { { recv = filled "v", f } } })
    assert.same({ n = 4, "f", 2, nil, false },
      table.pack(select { { recv = closed(), f } }))
    assert.same({ "f", 0 }, { select { { send = chan(1), value = 1, f } } })
    assert.same({ "f", 0 }, { select { { after = 0.001, f } } })
    assert.same({ "f", 0 }, { select { { recv = chan() }, default = f } })
    assert.same({ n = 0 },
      table.pack(select { { recv = filled(1), function() end } }))
  end))

  it("also after it has waited", within(5, function()
    local ch = chan()
    go(function()
      until_parked(1, "select")
      ch:send "late"
    end)
    assert.same({ 2, "late", true }, { select { { recv = chan() },
      { recv = ch }, { send = chan(), value = 1 } } })
    go(function() ch:send "again" end)
    assert.equal("again!", select {
      { recv = ch, function(v) return v .. "!" end },
    })
  end))
end)

describe("a function of a case", function()
  it("may block", within(5, function()
    local a, b = filled(1), chan()
    go(function() b:send "inner" end)
    assert.equal("inner", (select { { recv = a, function()
      return (b:recv())
    end } }))
  end))

  it("may raise", function()
    assert.equal("oops", error_of(function()
      select { { recv = filled(1), function() error "oops" end } }
    end))
  end)

  it("may select", function()
    assert.equal(7, (select { default = function()
      return select { { recv = filled(7), function(v) return v end } }
    end }))
  end)
end)

describe("the cases", function()
  it("that are nil or false are never ready", within(5, function()
    for _, off in ipairs { { recv = false }, { send = false, value = 1 },
      { after = false }, {}, false } do
      assert.equal("default", (select { off, default = true }))
      assert.equal(2, (select { off, { recv = closed() } }))
      assert.equal(2, (select { off, { after = 0.001 } }))
    end
    assert.equal(3, (select { [3] = { recv = closed() } }))
  end))

  it("of closed channels are ready to receive, raise to send", function()
    local ch = closed()
    assert.equal(1, (select { { recv = ch }, default = true }))
    assert.equal("send on closed channel", error_of(function()
      select { { send = ch, value = 1 }, default = true }
    end))
  end)

  it("may name one channel several times", within(5, function()
    local ch = filled("a", "b")
    local i, v = select { { recv = ch }, { recv = ch } }
    assert.is_true(i == 1 or i == 2)
    assert.equal("a", v)
    assert.equal(1, #ch)
    ch = chan()
    go(function() ch:send "x" end)
    assert.equal("x", select(2, select { { recv = ch }, { recv = ch } }))
    assert.is_false((ch:try_send(1)))
  end))

  it("of one channel never meet each other", within(5, function()
    local ch = chan()
    for _ = 1, 20 do
      assert.equal(3, (select { { send = ch, value = 1 }, { recv = ch },
        { after = 0.001 } }))
    end
  end))

  it("of two tasks that send and receive meet", within(10, function()
    local ch, out = chan(), chan()
    for task = 1, 2 do
      go(function()
        for _ = 1, 200 do
          local i, v = select { { send = ch, value = task }, { recv = ch } }
          if i == 2 and v == task then out:send "received its own" end
        end
        out:send "done"
      end)
    end
    assert.equal("done", (out:recv()))
    -- Both make the same number of operations, so both come to their end.
    assert.equal("done", (out:recv()))
  end))

  it("evaluate the values to send beforehand", function()
    local ch, t = chan(1), { 1 }
    select { { send = ch, value = t } }
    t[1] = 2
    assert.same({ 1 }, (ch:recv()))
  end)

  it("may send nil and false", function()
    local ch = chan(2)
    select { { send = ch } }
    select { { send = ch, value = false } }
    assert.same({ n = 2, nil, true }, table.pack(ch:recv()))
    assert.same({ false, true }, { ch:recv() })
  end)
end)

describe("exactly one case completes", function()
  it("when several are ready", function()
    for _ = 1, 100 do
      local a, b, c = filled(1), filled(2), chan(1)
      select { { recv = a }, { recv = b }, { send = c, value = 3 } }
      assert.equal(2, #a + #b + (1 - #c))
    end
  end)

  it("and others that waited go on", within(10, function()
    local a, b, out = chan(), chan(), chan()
    go(function() out:send { select { { recv = a }, { recv = b } } } end)
    until_parked(1, "select")
    go(function() out:send { 3, (b:recv()) } end)
    until_parked(1, "chan receive")
    a:send "first"
    assert.same({ 1, "first", true }, (out:recv()))
    b:send "second"
    assert.same({ 3, "second" }, (out:recv()))
    assert.is_false((a:try_send(1)))
    assert.is_false((b:try_send(1)))
  end))

  it("and a send case not chosen is taken back", within(5, function()
    local a, b = chan(), chan()
    assert.equal(2, (select { { send = a, value = 1 }, { after = 0.001 } }))
    assert.is_false((a:try_recv()))
    go(function()
      until_parked(1, "select")
      b:send(1)
    end)
    assert.equal(2, (select { { send = a, value = 1 }, { recv = b } }))
    assert.is_false((a:try_recv()))
  end))
end)

describe("after", function()
  it("of 0 or less is ready at once, if no other case is", function()
    for _, d in ipairs { 0, -1, -math.huge, 0.0 } do
      assert.equal(1, (select { { after = d }, { recv = chan() } }))
      assert.equal(2, (select { { after = d }, { recv = filled(1) } }))
    end
  end)

  it("that is due first counts", within(5, function()
    assert.equal(2, (select { { after = 1000 }, { after = 0.001 },
      { after = math.huge } }))
  end))

  it("is seen although others are always ready", within(20, function()
    local ch, stop, n = closed(), gort.time.after(0.05), 0
    repeat
      n = n + 1
    until select { { recv = ch }, { recv = stop } } == 2
    assert.is_true(n > 1)
  end))
end)

describe("Lua's select", function()
  it("still works", function()
    assert.equal(3, select("#", nil, nil, nil))
    assert.same({ "b", "c" }, { select(2, "a", "b", "c") })
    assert.same({ "c" }, { select(-1, "a", "b", "c") })
    assert.same({}, { select(4, "a", "b", "c") })
    assert.same({ "b" }, { select("2", "a", "b") })
    assert.matches("bad argument #1 to 'select' %(index out of range%)",
      error_of(function() select(0) end))
    assert.has_error(function() select(-2, 1) end)
    assert.has_error(function() select() end)
  end)
end)
