-- Userdata of C modules: the module crate (tests/modules/) and Lua's way.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

package.cpath = "build/" .. (os.getenv "GORT_CONFIG" or "release") ..
  "/tests/modules/?.so;" .. package.cpath
local crate = require "crate"
local error_of = tasks.error_of

describe("a userdata that is shared", function()
  it("is the same thing in every task", within(10, function()
    local n, wg = crate.counter(), gort.sync.waitgroup()
    for _ = 1, 20 do
      wg:go(function() for _ = 1, 100 do n:add() end end)
    end
    wg:wait()
    assert.equal(2000, n:get())
  end))

  for way, through in pairs { send = tasks.by_channel, go = tasks.by_go,
    capture = tasks.by_capture } do
    it("comes back by " .. way, within(10, function()
      local n = crate.counter()
      n:add(5)
      local back = through(n)
      back:add(2)
      assert.equal(7, n:get())
    end))
  end

  it("is one where it was one", within(10, function()
    local n = crate.counter()
    local t = tasks.by_channel { n, { n }, k = n }
    assert.is_true(rawequal(t[1], t[2][1]) and rawequal(t[1], t.k))
    assert.is_false(rawequal(t[1], n))
  end))

  it("may be left in a channel", function()
    do
      local ch = chan(10)
      ch:send { crate.counter() }
    end
    collectgarbage()
  end)
end)

describe("a userdata that moves", function()
  it("is the receiver's and no longer the sender's", within(10, function()
    local b = crate.box "one"
    local there, back = chan(), chan()
    go(function()
      local mine = there:recv()
      mine:set(mine:get() .. " two")
      back:send(mine)
    end)
    there:send(b)
    assert.is_false(b:here())
    assert.matches("this box was sent away", error_of(b.get, b))
    local again = back:recv()
    assert.equal("one two", again:get())
    assert.is_true(again:here())
  end))

  it("cannot be sent twice", within(10, function()
    local b, ch = crate.box "x", chan(2)
    ch:send(b)
    assert.equal(
      "cannot send: value is userdata (crate.box) that cannot cross now",
      error_of(ch.send, ch, b))
    assert.equal("x", ch:recv():get())
  end))

  it("is the sender's again when it did not arrive", within(10, function()
    local b, ch = crate.box "x", chan()
    assert.is_false(ch:try_send(b))
    assert.is_true(b:here())
    assert.is_false((ch:send(b, 0.001)))
    assert.is_true(b:here())
    assert.equal("cannot send: value[2] is a file",
      error_of(ch.send, ch, { b, io.stdout }))
    assert.is_true(b:here())
    ch:close()
    assert.equal("send on closed channel", error_of(ch.send, ch, b))
    assert.equal("x", b:get())
  end))

  it("is left alone by sendable", function()
    local b = crate.box "x"
    assert.is_true(gort.sendable(b))
    assert.is_true(b:here())
  end)
end)

describe("a __gort_transfer in Lua", function()
  -- A userdata whose metatable a script can reach: lpeg's patterns.
  local lpeg = require "lpeg"
  local mt = getmetatable(lpeg.P(1))

  local function with(transfer, fn)
    return within(10, function()
      mt.__gort_transfer = transfer
      local ok, err = pcall(fn)
      mt.__gort_transfer = nil
      if not ok then error(err, 0) end
    end)
  end

  it("says how to make it anew", with(
    function() return lpeg.P, "abc" end,
    function()
      local ch = chan()
      go(function(t) ch:send(t[1]:match "abcd") end, { lpeg.P "abc" })
      assert.equal(4, (ch:recv()))
    end))

  it("may return what crosses, and nothing else", with(
    function() return lpeg.P, { { io.stdout } } end,
    function()
      assert.equal("cannot send: value.p (by its __gort_transfer)[1][1]" ..
        " is a file", error_of(function() chan(1):send { p = lpeg.P "a" } end))
    end))

  it("must return a function", with(
    function() return "abc" end,
    function()
      assert.equal("__gort_transfer must return a function and its arguments",
        error_of(function() chan(1):send(lpeg.P "a") end))
    end))

  it("may refuse", with(
    function() error("not today", 0) end,
    function()
      assert.equal("not today",
        error_of(function() chan(1):send(lpeg.P "a") end))
      local ok, why = gort.sendable(lpeg.P "a")
      assert.is_nil(ok)
      assert.equal("not today", why)
    end))

  it("is not just anything", with(7, function()
    assert.equal("__gort_transfer must be a function or a light userdata",
      error_of(function() chan(1):send(lpeg.P "a") end))
  end))

  it("is needed", with(nil, function()
    assert.equal("cannot send: value is userdata (lpeg-pattern)",
      error_of(function() chan(1):send(lpeg.P "a") end))
  end))
end)
