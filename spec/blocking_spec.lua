-- Blocking from everywhere: where a task may park, and what blocks in C.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local everywhere = require "spec.support.everywhere"
local run = require "spec.support.run"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

describe("a task may block in", function()
  everywhere("pcall and xpcall", function()
    local sleep = gort.time.sleep
    local a = { pcall(function() sleep(0.001); return 1, 2 end) }
    local b = { xpcall(function() sleep(0.001); error("x", 0) end,
      function(e) return e .. "!" end) }
    local c = { pcall(sleep, 0.001) }
    return a[1], a[3], b[1], b[2], c[1], c[2]
  end, true, 2, false, "x!", true, true)

  everywhere("metamethods", function()
    local ch = chan(20)
    local function slow(v)
      return function() gort.time.sleep(0.0005); ch:send(1); return v end
    end
    local mt = { __index = slow "i", __newindex = slow(), __add = slow "a",
      __eq = slow(true), __lt = slow(true), __le = slow(false),
      __concat = slow "c", __len = slow(7), __call = slow "f",
      __unm = slow "u" }
    local t, u = setmetatable({}, mt), setmetatable({}, mt)
    t.x = 1
    return t.y, t + 1, t == u, t < u, t <= u, t .. "", #t, t(), -t, #ch
  end, "i", "a", true, true, false, "c", 7, "f", "u", 10)

  everywhere("for iterators and __pairs", function()
    local n = 0
    for i in function(_, i)
      gort.time.sleep(0.0005)
      return (i or 0) < 3 and (i or 0) + 1 or nil
    end do n = n + i end
    local t = setmetatable({}, { __pairs = function()
      gort.time.sleep(0.0005)
      return next, { a = 1 }, nil
    end })
    for _, v in pairs(t) do n = n + v end
    return n
  end, 7)

  everywhere("__close, also on an error", function()
    local log = {}
    local function scope(name)
      return setmetatable({}, { __close = function(_, err)
        gort.time.sleep(0.0005)
        log[#log + 1] = name .. tostring(err)
      end })
    end
    do
      local _ <close> = scope "a"
      local _ <close> = scope "b"
    end
    local ok, err = pcall(function()
      local _ <close> = scope "c"
      error("e", 0)
    end)
    return table.concat(log, " "), ok, err
  end, "bnil anil ce", false, "e")

  everywhere("dofile and a loaded chunk", function()
    local name = os.tmpname()
    local f <close> = io.open(name, "w")
    f:write "gort.time.sleep(0.001) return 'from file', ..."
    f:flush()
    local a = dofile(name)
    local b = loadfile(name)(5)
    os.remove(name)
    return a, b, load "gort.time.sleep(0.001) return 3"()
  end, "from file", "from file", 3)
end)

describe("require", function()
  it("may block, in main and in a task", function()
    local dir = run.directory()
    run.write(dir .. "/slow.lua", [[
      local ch = chan()
      go(function() ch:send "loaded" end)
      local v = ch:recv()
      gort.time.sleep(0.001)
      return { v = v, name = ... }]])
    local r = run([[
      local slow = require "slow"
      print(slow.v, slow.name, select(2, require "slow"))
      local ch = chan()
      go(function() ch:send(require "slow".v) end)
      print((ch:recv()))]], { dir = dir })
    run.remove(dir)
    assert.equal("", r.err)
    assert.equal("loaded\tslow\nloaded\n", r.out)
  end)

  it("may block where a module that crosses by name is loaded", function()
    local dir = run.directory()
    run.write(dir .. "/slow.lua", "gort.time.sleep(0.001) return { v = 1 }")
    local r = run([[
      local slow = require "slow"
      local ch, sum = chan(), 0
      for _ = 1, 8 do
        go(function() ch:send(slow.v) end)
      end
      for _ = 1, 8 do sum = sum + ch:recv() end
      print(sum)]], { dir = dir })
    run.remove(dir)
    assert.equal("", r.err)
    assert.equal("8\n", r.out)
  end)

  it("loads a module once for tasks that want it together", function()
    local dir = run.directory()
    run.write(dir .. "/slow.lua", [[
      gort.time.sleep(0.02)
      return {}]])
    local r = run([[
      local ch = chan()
      for _ = 1, 20 do
        go(function() ch:send(require "slow" == require "slow") end)
      end
      for _ = 1, 20 do assert(ch:recv()) end
      print "ok"]], { dir = dir })
    run.remove(dir)
    assert.equal("", r.err)
    assert.equal("ok\n", r.out)
  end)
end)

describe("blocking where Lua cannot yield is an error that names", function()
  local ways = {
    ["table.sort"] = function(f) table.sort({ 3, 2, 1 }, f) end,
    ["string.gsub"] = function(f) string.gsub("x", "x", f) end,
    ["tostring"] = function(f)
      return tostring(setmetatable({}, { __tostring = f }))
    end,
    ["load"] = function(f) assert(load(f)) end,
    ["table.concat"] = function(f)
      table.concat(setmetatable({}, { __index = f, __len = function()
        return 1
      end }))
    end,
  }

  for name, way in pairs(ways) do
    within.plain(way)
    local function attempt()
      local ch = chan()
      local ok, err = pcall(way, function() ch:recv() end)
      return ok, tostring(err), ch:try_send(1), ch:try_recv()
    end
    within.plain(attempt)
    for where, call in pairs { main = pcall, ["a task"] = tasks.run } do
      it(name .. ", in " .. where, within(5, function()
        local _, ok, err, sent, received = call(attempt)
        assert.is_false(ok)
        assert.matches(name, err, 1, true)
        assert.matches("block", err)
        -- It was raised before anything was queued.
        assert.is_false(sent)
        assert.is_false(received)
      end))
    end
  end

  it("every blocking operation alike", within(5, function()
    local ch, wg = chan(), gort.sync.waitgroup()
    wg:add(1)
    for _, op in ipairs {
      function() ch:recv() end,
      function() ch:recv(1) end,
      function() ch:send(1) end,
      function() for v in ch do print(v) end end,
      function() select { { recv = ch } } end,
      function() select { { recv = ch }, { after = 1 } } end,
      function() select {} end,
      function() gort.time.sleep(0.001) end,
      function() wg:wait() end,
    } do
      local ok, err = pcall(string.gsub, "x", "x", op)
      assert.is_false(ok)
      assert.matches("string.gsub", err, 1, true)
    end
    assert.is_false((ch:try_send(1)))
  end))

  it("but what can be done at once is done", within(5, function()
    local ch = chan(1)
    local s = string.gsub("ab", ".", function(c)
      ch:send(c)
      select { { recv = chan() }, default = true }
      gort.time.sleep(0)
      return (ch:recv()) .. "!"
    end)
    assert.equal("a!b!", s)
    string.gsub("x", "x", function()
      assert.same({ n = 3, nil, false, "timeout" }, table.pack(ch:recv(0)))
    end)
  end))

  it("in __gc it is an error, too", within(5, function()
    local out, ch = chan(1), chan()
    do
      setmetatable({}, { __gc = function()
        out:send { pcall(ch.recv, ch) }
      end })
    end
    collectgarbage()
    collectgarbage()
    local r = out:recv()
    assert.is_false(r[1])
    assert.matches("block", r[2])
  end))

  it("in a coroutine inside a callback, too", within(5, function()
    local ch = chan()
    local ok, err = pcall(string.gsub, "x", "x", function()
      return coroutine.wrap(function() return (ch:recv()) end)()
    end)
    assert.is_false(ok)
    assert.matches("block", err)
    -- User coroutines work there as in Lua.
    assert.equal("y", (string.gsub("x", "x", function()
      return coroutine.wrap(function() coroutine.yield "y" end)()
    end)))
  end))
end)

describe("os.execute", function()
  it("gives what Lua's gives", within(20, function()
    assert.same({ true, "exit", 0 }, { os.execute "true" })
    assert.same({ n = 3, nil, "exit", 3 }, table.pack(os.execute "exit 3"))
    assert.same({ n = 3, nil, "signal", 9 },
      table.pack(os.execute "kill -9 $$"))
    assert.is_true(os.execute())
    assert.same({ true, true, "exit", 0 }, { tasks.run(os.execute, ":") })
  end))

  it("parks the task: others go on", function()
    local r = run([[
      local time, done = gort.time, chan()
      for _ = 1, 4 do
        go(function() os.execute "sleep 0.4"; done:send(true) end)
      end
      time.sleep(0.05)
      local worst = 0
      for _ = 1, 10 do
        local due = time.monotonic() + 0.01
        time.sleep(0.01)
        worst = math.max(worst, time.monotonic() - due)
      end
      local before = time.monotonic()
      for _ = 1, 4 do done:recv() end
      print(worst, before)]], { options = { "--procs", "1" } })
    assert.equal("", r.err)
    local worst = tonumber(r.out:match "^%S+")
    assert.is_true(worst < 0.05 * within.factor, r.out)
  end)

  it("of several tasks run side by side", within(20, function()
    local start, wg = gort.time.monotonic(), gort.sync.waitgroup()
    for _ = 1, 8 do
      wg:go(function() os.execute "sleep 0.3" end)
    end
    wg:wait()
    assert.is_true(gort.time.monotonic() - start < 1.2 * within.factor)
  end))

  it("works in a callback, where nothing can park", within(20, function()
    assert.equal("true", (string.gsub("x", "x", function()
      return tostring(os.execute "true")
    end)))
  end))

  it("is no deadlock", function()
    local r = run "print(os.execute 'sleep 0.1')"
    assert.equal("true\texit\t0\n", r.out)
    assert.equal(0, r.status)
  end)
end)
