-- Typed channels, and views with one direction.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

-- One or more values of each kind.
local samples = {
  integer = { 0, -1, math.maxinteger },
  float = { 1.0, -0.5, math.huge },
  string = { "", "x" },
  boolean = { true, false },
  table = { {}, { 1 } },
  ["function"] = { function() end, print },
  channel = { chan(), chan(2):sender(), chan():receiver() },
}

local takes = {
  integer = { "integer" },
  float = { "float" },
  number = { "integer", "float" },
  string = { "string" },
  boolean = { "boolean" },
  table = { "table" },
  ["function"] = { "function" },
  channel = { "channel" },
  any = { "integer", "float", "string", "boolean", "table", "function",
    "channel" },
}

local function contains(list, v)
  for _, x in ipairs(list) do
    if x == v then return true end
  end
  return false
end

describe("a typed channel", function()
  for name, kinds in pairs(takes) do
    it("of " .. name .. " takes just that", within(5, function()
      local ch = chan(name, 1)
      for kind, values in pairs(samples) do
        for _, v in ipairs(values) do
          if contains(kinds, kind) then
            assert.is_true(ch:send(v))
            assert.is_true(select(2, ch:recv()))
            assert.is_true(ch:try_send(v))
            ch:recv()
            assert.equal(1, (select { { send = ch, value = v } }))
            ch:recv()
          else
            local message = error_of(function() ch:send(v) end)
            assert.matches("cannot send", message)
            assert.matches(name, message)
            assert.matches(kind, message)
            assert.has_error(function() ch:try_send(v) end)
            assert.has_error(function()
              select { { send = ch, value = v } }
            end)
            assert.equal(0, #ch)
          end
        end
      end
    end))
  end

  it("takes nil only as any", function()
    for name in pairs(takes) do
      local ch = chan(name, 1)
      if name == "any" then
        assert.is_true(ch:send(nil))
      else
        assert.matches("nil", error_of(function() ch:send(nil) end))
      end
    end
  end)

  it("does not convert", function()
    assert.has_error(function() chan("integer", 1):send "1" end)
    assert.has_error(function() chan("integer", 1):send(1.0) end)
    assert.has_error(function() chan("string", 1):send(1) end)
    assert.has_error(function() chan("channel", 1):send(
      gort.sync.waitgroup()) end)
  end)

  it("may be unbuffered, buffered, crossed to a task", within(5, function()
    assert.equal(0, chan("integer"):cap())
    assert.equal(5, chan("integer", 5):cap())
    local ch, out = chan("string", 1), chan()
    go(function() out:send { pcall(ch.send, ch, 1) } end)
    local r = out:recv()
    assert.is_false(r[1])
    assert.matches("string", r[2])
  end))

  it("wants a type there is", function()
    local message = error_of(chan, "int")
    assert.matches("unknown type 'int'", message, 1, true)
    for name in pairs(takes) do
      assert.matches(name, message, 1, true)
    end
  end)
end)

describe("a sender", function()
  it("sends, closes and tells its size", function()
    local ch = chan(2)
    local s = ch:sender()
    assert.is_true(s:send(1))
    assert.is_true(s:try_send(2))
    assert.is_false(s:try_send(3))
    assert.equal(2, #s)
    assert.equal(2, s:cap())
    s:close()
    assert.same({ 1, true }, { ch:recv() })
  end)

  it("does not receive, in any form", function()
    local s = chan(1):sender()
    s:send(1)
    for _, f in ipairs {
      function() s:recv() end,
      function() s:recv(0) end,
      function() s:try_recv() end,
      function() for v in s do print(v) end end,
      function() select { { recv = s } } end,
      function() s:receiver() end,
    } do
      assert.matches("sender", error_of(f))
    end
    assert.equal(1, #s)
  end)
end)

describe("a receiver", function()
  it("receives and tells its size", within(5, function()
    local ch = chan(3)
    local r = ch:receiver()
    for i = 1, 3 do ch:send(i) end
    assert.equal(3, #r)
    assert.equal(3, r:cap())
    assert.same({ 1, true }, { r:recv() })
    assert.same({ true, 2, true }, { r:try_recv() })
    ch:close()
    for v in r do assert.equal(3, v) end
    assert.same({ n = 3, 1, nil, false },
      table.pack(select { { recv = r } }))
  end))

  it("neither sends nor closes, in any form", function()
    local ch = chan(1)
    local r = ch:receiver()
    for _, f in ipairs {
      function() r:send(1) end,
      function() r:send(1, 0) end,
      function() r:try_send(1) end,
      function() r:close() end,
      function() select { { send = r, value = 1 } } end,
      function() r:sender() end,
    } do
      assert.matches("receiver", error_of(f))
    end
    assert.equal(0, #ch)
    assert.is_true(ch:send(1))
  end)
end)

describe("views", function()
  it("are not the channel, nor each other", function()
    local ch = chan()
    assert.is_false(ch == ch:sender())
    assert.is_false(ch == ch:receiver())
    assert.is_false(ch:sender() == ch:receiver())
  end)

  it("of a view of the same direction are allowed", function()
    local ch = chan(1)
    ch:sender():sender():send(1)
    assert.equal(1, (ch:receiver():receiver():recv()))
  end)

  it("stay views in other tasks", within(5, function()
    local ch = chan(1)
    for _, across in ipairs { tasks.by_channel, tasks.by_go } do
      local s, r = across(ch:sender()), across(ch:receiver())
      assert.has_error(function() s:recv(0) end)
      assert.has_error(function() r:send(1, 0) end)
      s:send "v"
      assert.equal("v", (r:recv()))
    end
  end))

  it("tell what they are", function()
    assert.matches("receiver", tostring(chan():receiver()))
    assert.matches("sender", tostring(chan():sender()))
  end)
end)
