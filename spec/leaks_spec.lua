-- gort.runtime.leaks and --leaks: tasks that nothing can wake.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

-- What a script that leaves tasks behind is told: by reason, sorted.
local function leaks_of(body)
  local r = run(body .. [[

    for _ = 1, 50 do gort.runtime.yield() end
    gort.time.sleep(0.02)
    collectgarbage()
    local found = {}
    for _, t in ipairs(gort.runtime.leaks()) do
      found[#found + 1] = t.waits_on
    end
    table.sort(found)
    print(table.concat(found, ", "))]])
  assert.equal("", r.err)
  return (r.out:gsub("\n$", ""))
end

describe("a leak", function()
  it("is a task that waits for what only it has", function()
    assert.equal("chan receive", leaks_of "go(function() chan():recv() end)")
    assert.equal("chan send", leaks_of "go(function() chan():send(1) end)")
    assert.equal("select", leaks_of [[
      go(function() select { { recv = chan() }, { send = chan(), value = 1 } }
      end)]])
    assert.equal("select (no cases)", leaks_of "go(function() select {} end)")
    assert.equal("sync.WaitGroup.Wait", leaks_of [[
      local function leak()
        local wg = gort.sync.waitgroup()
        wg:add(1)
        go(function() wg:wait() end)
      end
      leak()]])
  end)

  it("may be several that wait for each other", function()
    assert.equal("chan receive, chan receive", leaks_of [[
      local function leak()
        local a, b = chan(), chan()
        go(function() a:recv(); b:send(1) end)
        go(function() b:recv(); a:send(1) end)
      end
      leak()]])
  end)

  it("may wait for a context that nobody can cancel", function()
    assert.equal("chan receive", leaks_of [[
      local function leak()
        local ctx = gort.context.with_cancel(gort.context.background())
        go(function() chan():recv(ctx) end)
      end
      leak()]])
  end)

  it("may hold its channel in a table, a closure, a coroutine", function()
    assert.equal("chan receive, chan receive, chan receive", leaks_of [[
      go(function()
        local t = { x = { chan() } }
        t.x[1]:recv()
        return t
      end)
      go(function()
        local c = chan()
        local function f() return (c:recv()) end
        f()
      end)
      go(function()
        coroutine.wrap(function()
          local c = chan()
          coroutine.wrap(function() c:recv() end)()
        end)()
      end)]])
  end)

  it("tells who it is", within(5, function()
    local r = run [[
      go(function()
        local nobody = chan()
        nobody:recv()
      end)
      gort.time.sleep(0.02)
      local t = gort.runtime.leaks()[1]
      print(t.id, t.waits_on, t.created_at)
      print(t.stack)]]
    local script = r.script:gsub("%p", "%%%0")
    assert.matches("^%d+\tchan receive\t" .. script .. ":1\n", r.out)
    assert.matches("stack traceback:\n.*" .. script .. ":3: in function", r.out)
  end))

  it("tells the line, whatever ran before", within(20, function()
    local r = run [[
      for i = 1, 200 do
        local f = load("local ch = ...\n" .. ("\n"):rep(i % 37)
          .. "for _ = 1, 2 do\ngo(function() ch:recv() end)\n"
          .. "go(function() ch:recv() end) end", "=c" .. i)
        f(chan())
        if i % 50 == 0 then collectgarbage() end
      end
      gort.time.sleep(0.05)
      local offsets = {}
      for _, t in ipairs(gort.runtime.leaks()) do
        local chunk, line = t.created_at:match "c(%d+):(%d+)"
        local offset = tonumber(line) - (tonumber(chunk) % 37 + 3)
        offsets[offset] = (offsets[offset] or 0) + 1
      end
      print(offsets[0], offsets[1])]]
    assert.equal("400\t400\n", r.out)
  end))
end)

describe("no leak", function()
  it("is what can still be woken", function()
    local alive = {
      "local c = chan() go(function() c:recv() end) Keep = c",
      "c = chan() go(function() c:recv() end)",
      "local c = chan() go(function() c:recv() end) F = function() c() end",
      "local t = { chan() } go(function() t[1]:recv() end) Keep = t",
      "go(function() gort.time.sleep(60) end)",
      "go(function() chan():recv(60) end)",
      "go(function() gort.time.timer(60):recv() end)",
      "go(function() select { { recv = chan() }, { after = 60 } } end)",
      [[go(function()
          local ctx = gort.context.with_timeout(gort.context.background(), 60)
          chan():recv(ctx)
        end)]],
      [[local ctx, cancel = gort.context.with_cancel(gort.context.background())
        Keep = cancel
        go(function() chan():recv(ctx) end)]],
      [[local ctx, cancel = gort.context.with_cancel(gort.context.background())
        Keep = cancel
        ctx:go(function() chan():recv() end)]],
      [[local b = chan(1)
        local function f()
          local c = chan()
          b:send(c)
          go(function() c:recv() end)
        end
        f() Keep = b]],
      [[local function f()
          local c = chan()
          go(function() c:recv() end)
          go(function() gort.time.sleep(60) c:send(1) end)
        end
        f()]],
      [[local function f()
          local c = chan()
          go(function() c:recv() end)
          gort.time.after_func(60, function() c:send(1) end)
        end
        f()]],
      [[local a, b = chan(), chan()
        go(function() a:recv() b:send(1) end)
        go(function() b:recv() end) Keep = a]],
      "go(function() os.execute 'sleep 1' end)",
      [[local wg = gort.sync.waitgroup()
        wg:go(function() gort.time.sleep(9) end)
        go(function() wg:wait() end)]],
      "go(function() while true do local _ = {} end end)",
    }
    for i, body in ipairs(alive) do
      assert.equal("", leaks_of(body), i .. ": " .. body)
    end
  end)

  it("is main, nor who asks", within(5, function()
    assert.same({}, gort.runtime.leaks())
    local ch = chan()
    go(function() ch:send(#gort.runtime.leaks()) end)
    assert.equal(0, (ch:recv()))
  end))

  it("is found while handles move about", function()
    local r = run [[
      -- Workers hand channels round; each answers on the one it was given.
      local inbox, wg = {}, gort.sync.waitgroup()
      for i = 1, 8 do inbox[i] = chan(40) end
      for i = 1, 8 do
        local mine, next = inbox[i], inbox[i % 8 + 1]
        go(function()
          for m in mine do
            if m.left == 0 then
              m.reply:send(true)
            else
              next:send { reply = m.reply, left = m.left - 1 }
            end
          end
        end)
      end
      local first = inbox[1]
      for _ = 1, 40 do
        wg:go(function()
          for _ = 1, 100 do
            local back = chan()
            first:send { reply = back, left = 5 }
            back:recv()
          end
        end)
      end
      local over = false
      local done = chan()
      go(function() wg:wait() done:send(true) end)
      local looks, found = 0, 0
      repeat
        found = found + #gort.runtime.leaks()
        looks = looks + 1
        over = done:try_recv()
      until over
      print(found, looks > 1)]]
    assert.equal("", r.err)
    assert.equal("0\ttrue\n", r.out)
  end)
end)

describe("--leaks", function()
  it("shows them at the end", function()
    local r = run("go(function() chan():recv() end) gort.time.sleep(0.01)",
      { options = { "--leaks" } })
    assert.equal(0, r.status)
    assert.matches("^1 leaked:\n\ntask %d+ %[chan receive %(leaked%)%]:\n"
      .. "stack traceback:\n.*\ncreated at .*:1\n$", r.err)
  end)

  it("is silent when there are none", function()
    local r = run("go(function() end)", { options = { "--leaks" } })
    assert.equal("", r.err)
    assert.equal(0, r.status)
  end)
end)
