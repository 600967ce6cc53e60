-- gort.async, gort.sync.once, gort.sync.singleflight.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of
local time = gort.time

describe("gort.async", function()
  it("gives the results to everyone, again and again", within(5, function()
    local f = gort.async(function(a, ...)
      time.sleep(0.005)
      return a, nil, select("#", ...), { a }
    end, "x", nil, nil)
    for _ = 1, 3 do
      local r = table.pack(f:wait())
      assert.same({ "x", nil, 2, { "x" }, n = 4 }, r)
    end
    local ch = chan()
    for _ = 1, 5 do
      go(function() ch:send { f:wait() } end)
    end
    for _ = 1, 5 do assert.same({ "x", nil, 2, { "x" } }, (ch:recv())) end
    assert.are_not.equal(select(4, f:wait()), select(4, f:wait()))
  end))

  it("may give nothing", within(5, function()
    assert.equal(0, select("#", gort.async(function() end):wait()))
    assert.same({ n = 1 }, table.pack(gort.async(function()
      return nil
    end):wait()))
  end))

  it("raises the function's error", within(5, function()
    local f = gort.async(function() error { code = 7 } end)
    for _ = 1, 2 do
      local ok, err = pcall(f.wait, f)
      assert.is_false(ok)
      assert.same({ code = 7 }, err)
    end
    assert.equal("as it is", select(2, pcall(f.wait, gort.async(function()
      error("as it is", 0)
    end))))
    assert.same({ false, nil, n = 2 }, table.pack(pcall(f.wait,
      gort.async(function() error() end))))
  end))

  it("raises something when the error cannot cross", within(5, function()
    local function outcome(fn)
      local f = gort.async(fn)
      return select(2, pcall(f.wait, f))
    end
    assert.matches("^thread: ", outcome(function()
      error(coroutine.create(print))
    end))
    assert.equal("by tostring", outcome(function()
      error(setmetatable({ coroutine.create(print) }, {
        __tostring = function() return "by tostring" end }))
    end))
    assert.equal("cannot return: result.log is a file", outcome(function()
      return { log = io.stdout }
    end))
    assert.matches("a coroutine", outcome(function()
      return 1, coroutine.create(print)
    end))
  end))

  it("waits up to a timeout or a context", within(5, function()
    local ch = chan()
    local f = gort.async(function() return (ch:recv()) end)
    local ctx, cancel = gort.context.with_cancel(gort.context.background())
    cancel()
    assert.same({ nil, "timeout", n = 2 }, table.pack(f:wait(0.005)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(f:wait(0)))
    assert.same({ nil, "context canceled", n = 2 }, table.pack(f:wait(ctx)))
    ch:send "late"
    assert.equal("late", f:wait(5))
    assert.equal("late", f:wait(ctx))
    assert.has_error(function() f:wait {} end)
  end))

  it("can be a case of a select", within(5, function()
    local f = gort.async(function() return "v", "w" end)
    assert.same({ 1, "v", true }, { select { { recv = f } } })
    assert.same({ 1, "v", true }, { select { { recv = f } } })
    local e = gort.async(function() error("e", 0) end)
    assert.same({ 1, "e", false }, { select { { recv = e } } })
    local none = gort.async(function() end)
    assert.same({ 1, nil, true, n = 3 },
      table.pack(select { { recv = none } }))
    local ch = chan()
    local later = gort.async(function() ch:recv() end)
    assert.equal("default", (select { { recv = later }, default = true }))
    ch:close()
    later:wait()
  end))

  it("is one in every task", within(5, function()
    local f = gort.async(function() return 1 end)
    assert.equal(f, (tasks.by_channel(f)))
    assert.matches("^future: ", tostring(f))
  end))

  it("loads what the function needs, and tells when it cannot",
    within(5, function()
      local f = gort.async(require, "no.such.module")
      assert.matches("module 'no.such.module' not found",
        select(2, pcall(f.wait, f)))
    end))

  it("takes functions that can cross only", function()
    assert.has_error(function() gort.async(1) end)
    assert.has_error(function() gort.async() end)
    local co = coroutine.create(print)
    assert.matches("coroutine", error_of(function()
      gort.async(function() return co end)
    end))
    local n = 0
    assert.matches("assigns captured variable 'n'", error_of(function()
      gort.async(function() n = n + 1 end)
    end))
  end)

  it("keeps its error to itself until somebody asks", function()
    local r = run [[
      local f = gort.async(function() error "kept" end)
      gort.time.sleep(0.01)
      print "went on"
      f:wait()]]
    assert.equal("went on\n", r.out)
    assert.matches("kept", r.err)
    assert.equal(1, r.status)
  end)
end)

describe("a once", function()
  it("calls the first time and gives copies each time", within(5, function()
    local n, wg = gort.sync.atomic(), gort.sync.waitgroup()
    local once = gort.sync.once(function()
      time.sleep(0.01)
      return n:add(1), { "t" }, nil
    end)
    assert.equal(0, n:load())
    for _ = 1, 10 do
      wg:go(function() assert(once() == 1) end)
    end
    wg:wait()
    local r = table.pack(once())
    assert.same({ 1, { "t" }, nil, n = 3 }, r)
    assert.are_not.equal(r[2], select(2, once()))
    assert.equal(1, n:load())
    assert.matches("^once: ", tostring(once))
    assert.equal(once, (tasks.by_channel(once)))
  end))

  it("gives its error each time", within(5, function()
    local n = gort.sync.atomic()
    local once = gort.sync.once(function()
      n:add(1)
      error { "bad" }
    end)
    for _ = 1, 3 do
      local ok, err = pcall(once)
      assert.is_false(ok)
      assert.same({ "bad" }, err)
    end
    assert.equal(1, n:load())
  end))

  it("is captured when it is made", within(5, function()
    local t = { 1 }
    local once = gort.sync.once(function() return #t end)
    t[2] = 2
    assert.equal(1, once())
    assert.matches("coroutine", error_of(function()
      local co = coroutine.create(print)
      gort.sync.once(function() return co end)
    end))
    assert.has_error(function() gort.sync.once() end)
  end))

  it("can be asked where nothing can wait, once it is done",
    within(5, function()
      local once = gort.sync.once(function() return 1 end)
      local list = { 3, 1, 2 }
      local function less(a, b)
        return a + once() < b + once()
      end
      assert.matches("cannot block", error_of(table.sort, list, less))
      once()
      table.sort(list, less)
      assert.same({ 1, 2, 3 }, list)
    end))

  it("is gone when nobody asks", function()
    for _ = 1, 100 do
      local t = {}
      gort.sync.once(function() return t end)
    end
    collectgarbage()
  end)

  it("waits for itself for ever", function()
    local r = run [[
      local m = gort.sync.map()
      local once = gort.sync.once(function() return m:load "once" () end)
      m:store("once", once)
      once()]]
    assert.matches("all tasks are asleep", r.err)
    assert.equal(2, r.status)
  end)
end)

describe("a singleflight", function()
  it("makes one call for all who want it meanwhile", within(10, function()
    local sf, n, ch = gort.sync.singleflight(), gort.sync.atomic(), chan()
    local gate = chan()
    for i = 1, 10 do
      go(function()
        ch:send(table.pack(sf:call("key", function(x)
          n:add(1)
          gate:recv()
          return "result", x // x, nil
        end, i)))
      end)
    end
    tasks.until_parked(10, "future")
    gate:close()
    for _ = 1, 10 do
      assert.same({ "result", 1, nil, true, n = 4 }, (ch:recv()))
    end
    assert.equal(1, n:load())
    assert.same({ 2, false }, { sf:call("key", function()
      return n:add(1)
    end) })
  end))

  it("tells keys apart", within(5, function()
    local sf, wg, n = gort.sync.singleflight(), gort.sync.waitgroup(),
      gort.sync.atomic()
    local gate = chan()
    for _, key in ipairs { "a", "b", 1, true, gate } do
      wg:go(function()
        sf:call(key, function()
          n:add(1)
          gate:recv()
        end)
      end)
    end
    tasks.until_parked(5, "chan receive")
    gate:close()
    wg:wait()
    assert.equal(5, n:load())
  end))

  it("gives its error to all", within(5, function()
    local sf, ch, gate = gort.sync.singleflight(), chan(), chan()
    for _ = 1, 3 do
      go(function()
        ch:send { pcall(sf.call, sf, 1, function()
          gate:recv()
          error { "bad" }
        end) }
      end)
    end
    tasks.until_parked(3, "future")
    gate:close()
    for _ = 1, 3 do assert.same({ false, { "bad" } }, (ch:recv())) end
    assert.same({ "good", false }, { sf:call(1, function()
      return "good"
    end) })
  end))

  it("forgets", within(5, function()
    local sf, gate = gort.sync.singleflight(), chan()
    local f = gort.async(function()
      return sf:call("k", function() return (gate:recv()) end)
    end)
    tasks.until_parked(1, "chan receive")
    sf:forget "k"
    assert.same({ "new", false }, { sf:call("k", function()
      return "new"
    end) })
    gate:send "old"
    assert.same({ "old", false }, { f:wait() })
    sf:forget "unknown"
  end))

  it("refuses nonsense", function()
    local sf = gort.sync.singleflight()
    assert.has_error(function() sf:call(nil, print) end)
    assert.has_error(function() sf:call(0 / 0, print) end)
    assert.has_error(function() sf:call({}, print) end)
    assert.has_error(function() sf:call "k" end)
    assert.has_error(function() sf:call("k", coroutine.create(print)) end)
    assert.has_error(function() sf:forget() end)
    assert.matches("cannot receive from a singleflight", error_of(function()
      select { { recv = sf }, default = true }
    end))
  end)
end)
