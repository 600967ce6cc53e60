-- How the program ends: uncaught errors, deadlocks, main's return.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local function plain(s)
  return (s:gsub("%p", "%%%0"))
end

describe("an uncaught error in main", function()
  it("is printed with its traceback, status 1", function()
    local r = run "local function f()\n error 'oops'\nend\nf()\nprint 'no'"
    assert.equal(1, r.status)
    assert.equal("", r.out)
    assert.matches("^gort: " .. plain(r.script) .. ":2: oops\n"
      .. "stack traceback:\n", r.err)
    assert.matches(plain(r.script) .. ":4: in main chunk", r.err)
  end)

  it("may be nil, a table, a number, have __tostring", function()
    local cases = {
      ["error(nil)"] = "nil",
      ["error()"] = "nil",
      ["error {}"] = "%(error object is a table value%)",
      ["error(true)"] = "%(error object is a boolean value%)",
      ["error(42)"] = "42",
      ["error(setmetatable({}, { __tostring = function() "
        .. "return 'mine' end }))"] = "gort: mine",
      ["error(setmetatable({}, { __tostring = function() "
        .. "error 'again' end }))"] = "^gort: .",
    }
    for text, message in pairs(cases) do
      local r = run(text)
      assert.equal(1, r.status, text)
      assert.matches(message, r.err)
      r = run("go(function() " .. text .. " end) select {}")
      assert.equal(2, r.status, text)
      assert.matches(message:gsub("^gort: ", ""), r.err)
    end
  end)

  it("runs <close> variables first", function()
    local r = run [[
      local _ <close> = setmetatable({}, { __close = function(_, e)
        print("closed", e:match "oops")
      end })
      error "oops"]]
    assert.equal("closed\toops\n", r.out)
    assert.equal(1, r.status)
  end)

  it("ends other tasks at once", function()
    local r = run [[
      for _ = 1, 3 do go(function() while true do end end) end
      go(function() gort.time.sleep(100) end)
      error "oops"]]
    assert.equal(1, r.status)
    assert.matches("oops", r.err)
  end)

  it("runs out of stack like other errors", function()
    local r = run "local function f() return 1 + f() end f()"
    assert.equal(1, r.status)
    assert.matches("stack overflow", r.err)
    r = run [[
      go(function() local function f() return 1 + f() end f() end)
      select {}]]
    assert.equal(2, r.status)
    assert.matches("stack overflow", r.err)
  end)
end)

describe("an uncaught error in a task", function()
  it("is printed with traceback and origin, status 2", function()
    local r = run([[
      local function fail(x)
        error("oops " .. x)
      end
      local function start()
        go(function(x)
          fail(x)
        end, 5)
      end
      start()
      select {}]])
    assert.equal(2, r.status)
    assert.equal("", r.out)
    local s = plain(r.script)
    assert.matches("^gort: task %d+: " .. s .. ":2: oops 5\n"
      .. "stack traceback:\n", r.err)
    assert.matches("\n\t" .. s .. ":6: in function", r.err)
    assert.matches("created by task 1 at " .. s .. ":5\n$", r.err)
  end)

  it("names the task that created it", function()
    local r = run([[
      go(function()
        go(function() error "deep" end)
        select {}
      end)
      select {}]])
    local id = r.err:match "created by task (%d+) at [^\n]*:2\n$"
    assert.is_truthy(id)
    assert.not_equal("1", id)
  end)

  it("says so also for wg:go, after_func, C functions", function()
    for _, text in ipairs {
      "gort.sync.waitgroup():go(function() error 'oops' end) select {}",
      "gort.time.after_func(0, function() error 'oops' end) select {}",
      "go(error, 'oops') select {}",
      "go(function() coroutine.wrap(function() error 'oops' end)() end) "
        .. "select {}",
    } do
      local r = run(text)
      assert.equal(2, r.status)
      assert.matches("oops", r.err)
      assert.matches("created by task 1 at " .. plain(r.script) .. ":1\n$",
        r.err)
    end
  end)

  it("runs <close> variables of its own task only", function()
    local r = run [[
      local function closing(name)
        return setmetatable({}, { __close = function() print(name) end })
      end
      local _ <close> = closing "main"
      local ch = chan()
      go(function() local _ <close> = closing "other"; ch:recv() end)
      gort.time.sleep(0.01)
      go(function()
        local _ <close> = closing "failing"
        local _ <close> = closing "inner"
        error "oops"
      end)
      select {}]]
    assert.equal("inner\nfailing\n", r.out)
    assert.equal(2, r.status)
  end)

  it("wins against main returning right after", function()
    for _ = 1, 20 do
      local r = run [[
        local ch = chan()
        go(function() ch:send(1); error "oops" end)
        ch:recv()
        local stop = os.clock() + 0.02
        while os.clock() < stop do end]]
      assert.equal(2, r.status)
      assert.matches("oops", r.err)
    end
  end)

  it("wins also when its <close> variables take time", function()
    local r = run [[
      local ch = chan()
      go(function()
        local _ <close> = setmetatable({}, { __close = function()
          ch:send "closing"
          gort.time.sleep(0.05)
        end })
        error "oops"
      end)
      print((ch:recv()))]]
    assert.equal("closing\n", r.out)
    assert.matches("oops", r.err)
    assert.equal(2, r.status)
  end)

  it("that was caught is none", function()
    local r = run [[
      local ch = chan()
      go(function() ch:send(select(2, pcall(error, "caught"))) end)
      print((ch:recv()))
      go(function() print(select(2, pcall(error))); ch:send(1) end)
      ch:recv()]]
    assert.equal("caught\nnil\n", r.out)
    assert.equal(0, r.status)
  end)

  it("is reported once when several fail", function()
    local r = run [[
      for i = 1, 50 do go(function() error("oops " .. i, 0) end) end
      select {}]]
    assert.equal(2, r.status)
    local _, n = r.err:gsub("gort: task", "")
    assert.equal(1, n)
  end)
end)

describe("when main returns", function()
  it("the program ends at once", function()
    local r = run [[
      local function closing(name)
        return setmetatable({}, { __close = function() print(name) end })
      end
      for _ = 1, 4 do
        go(function() local _ <close> = closing "x"; while true do end end)
        go(function() local _ <close> = closing "y"; select {} end)
        go(function() gort.time.sleep(100); print "late" end)
      end
      gort.time.sleep(0.02)
      local _ <close> = closing "main"
      print "end"]]
    assert.equal("end\nmain\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.status)
  end)

  it("also while a task sits in C", function()
    local r = run([[
      go(function() os.execute "sleep 30" end)
      go(function() ("x"):rep(30):find(("x?"):rep(30) .. ("x"):rep(30)) end)
      gort.time.sleep(0.05)]], { limit = 10 })
    assert.equal(0, r.status)
  end)

  it("its finalizers run and what was written comes out", function()
    local r = run [[
      setmetatable({}, { __gc = function() print "gc" end })
      io.write "text "]]
    assert.equal("text gc\n", r.out)
  end)
end)

describe("a deadlock", function()
  local FATAL = "^fatal error: all tasks are asleep %- deadlock!\n\n"

  it("is reported with every task, status 2", function()
    local r = run([[
      local ch, wg = chan(), gort.sync.waitgroup()
      wg:add(1)
      go(function() ch:recv() end)
      go(function() wg:wait() end)
      go(function() select { { recv = ch } } end)
      go(function() select {} end)
      chan():send(1)]])
    assert.equal(2, r.status)
    assert.equal("", r.out)
    assert.matches(FATAL, r.err)
    local s = plain(r.script)
    for reason, line in pairs { ["chan receive"] = 3,
      ["sync.WaitGroup.Wait"] = 4, ["select"] = 5,
      ["select (no cases)"] = 6 } do
      assert.matches("task %d+ %[" .. plain(reason) .. "%]:\n"
        .. "stack traceback:\n[^\n]+\n\t" .. s .. ":" .. line .. ":[^\n]+\n"
        .. "[^c]*created by task 1 at " .. s .. ":" .. line .. "\n", r.err)
    end
    assert.matches("task 1 %[chan send%]:\n", r.err)
    assert.matches(s .. ":7: in main chunk", r.err)
  end)

  it("is found wherever main waits", function()
    for _, text in ipairs { "chan():recv()", "select {}",
      "select { { recv = false } }", "for _ in chan() do end",
      "local wg = gort.sync.waitgroup() wg:add(1) wg:wait()",
      "coroutine.wrap(function() chan():recv() end)()",
      "pcall(function() chan():recv() end)",
      "local t = gort.time.timer(1) t:stop() t:recv()",
      "gort.time.sleep(0.01) chan():recv()",
      "go(function() gort.time.sleep(0.01) end) chan():recv()",
      "os.execute 'true' chan():recv()" } do
      local r = run(text)
      assert.equal(2, r.status, text)
      assert.matches(FATAL, r.err)
      assert.matches("task 1 %[", r.err)
    end
  end)

  it("cannot be caught", function()
    local r = run "print(pcall(function() chan():recv() end))"
    assert.equal("", r.out)
    assert.equal(2, r.status)
  end)

  it("is none while something can still happen", function()
    for _, text in ipairs { "chan():recv(0.05)", "gort.time.sleep(0.05)",
      "local t = gort.time.timer(0.05) t:recv()",
      "select { { recv = chan() }, { after = 0.05 } }",
      "local c = chan() gort.time.after_func(0.05, function() c:send(1) end) "
        .. "c:recv()",
      "local c = chan() go(function() os.execute 'sleep 0.1' c:send(1) end) "
        .. "c:recv()",
      "local c = chan() go(function() gort.time.sleep(0.05) c:close() end) "
        .. "c:recv()",
      "for _ in gort.time.tick(0.01) do break end" } do
      local r = run(text)
      assert.equal(0, r.status, text)
      assert.equal("", r.err)
    end
  end)

  it("what was printed before comes first", function()
    local r = run "io.write 'before' chan():recv()"
    assert.equal("before", r.out)
    assert.equal(2, r.status)
  end)
end)
