-- Bad input, and the ends of memory: clear errors, no crash, no hang.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

describe("chan refuses", function()
  it("capacities that are negative, fractional, not numbers", function()
    assert.matches("capacity must not be negative", error_of(chan, -1))
    assert.matches("capacity must not be negative",
      error_of(chan, math.mininteger))
    for _, n in ipairs { 1.5, 0 / 0, math.huge, {}, print, true } do
      assert.matches("bad argument #1 to '", error_of(chan, n))
    end
    assert.matches("bad argument #2 to '", error_of(chan, "integer", -1))
    assert.matches("bad argument #2 to '", error_of(chan, "integer", "x"))
  end)

  it("capacities that are huge", function()
    for _, n in ipairs { 1 << 53, 1 << 62, math.maxinteger } do
      local message = error_of(chan, n)
      assert.matches(tostring(n), message)
      assert.is_true(message:find "size out of range" ~= nil
        or message:find "not enough memory" ~= nil, message)
    end
  end)

  it("types there are not", function()
    for _, name in ipairs { "int", "Integer", "", "nil", "userdata",
      "any\0", "thread" } do
      assert.matches("unknown type", error_of(chan, name))
    end
  end)
end)

describe("go refuses", function()
  it("what is not a function", function()
    for _, v in ipairs { 1, "x", {}, true, chan() } do
      assert.matches("bad argument #1 to '[%w.]*go' %(function expected",
        error_of(go, v))
    end
    assert.matches("function expected", error_of(go))
    assert.matches("function expected", error_of(go, nil))
  end)
end)

describe("durations and timeouts refuse NaN and other things", function()
  local nan = 0 / 0
  local ch, wg, time = chan(), gort.sync.waitgroup(), gort.time
  local calls = {
    recv = function(t) ch:recv(t) end,
    send = function(t) ch:send(1, t) end,
    wait = function(t) wg:wait(t) end,
    sleep = function(t) time.sleep(t) end,
    ["sleep's timeout"] = function(t) time.sleep(1, t) end,
    after = function(t) time.after(t) end,
    timer = function(t) time.timer(t) end,
    reset = function(t) time.timer(1):reset(t) end,
    ticker = function(t) time.ticker(t) end,
    tick = function(t) time.tick(t) end,
    after_func = function(t) time.after_func(t, print) end,
    ["select's after"] = function(t) select { { after = t } } end,
  }
  for name, call in pairs(calls) do
    it("in " .. name, function()
      assert.matches("NaN", error_of(call, nan))
      for _, t in ipairs { "soon", {}, true, print } do
        assert.has_error(function() call(t) end)
      end
    end)
  end

  it("and a string that looks like a number is no timeout", function()
    assert.has_error(function() ch:recv "0" end)
    assert.has_error(function() select { { after = "0" } } end)
  end)
end)

describe("select refuses", function()
  local ch = chan()

  it("unknown keys", function()
    assert.matches("case 1.*unknown key 'rcv'", error_of(function()
      select { { rcv = ch } }
    end))
    assert.matches("case 2.*unknown key 'timeout'", error_of(function()
      select { { recv = ch }, { send = ch, value = 1, timeout = 1 } }
    end))
    assert.matches("case 1.*unknown key", error_of(function()
      select { { recv = ch, nil, print } }
    end))
    assert.matches("unknown key 'defualt'", error_of(function()
      select { { recv = ch }, defualt = true }
    end))
    for _, key in ipairs { 0, -1, 1.5, {}, true } do
      assert.matches("unknown key", error_of(function()
        select { [key] = { recv = ch } }
      end))
    end
  end)

  it("cases that are not tables, or are several", function()
    for _, case in ipairs { 1, "x", ch, print, true } do
      assert.matches("case 1", error_of(function() select { case } end))
    end
    for _, case in ipairs { { recv = ch, send = ch }, { recv = ch, after = 1 },
      { send = ch, after = 1 }, { recv = ch, value = 1 },
      { recv = ch, "not a function" }, { after = 1, 5 } } do
      assert.matches("case 1", error_of(function() select { case } end))
    end
  end)

  it("what cannot be received from or sent to, by its name", function()
    local function refused(case)
      return error_of(function() select { case } end)
    end
    assert.equal("select: case 1: cannot receive from a number",
      refused { recv = 1 })
    assert.equal("select: case 1: cannot receive from a map",
      refused { recv = gort.sync.map() })
    assert.equal("select: case 1: cannot receive from an atomic",
      refused { recv = gort.sync.atomic() })
    assert.equal("select: case 1: cannot receive from an rwmutex",
      refused { recv = gort.sync.rwmutex() })
    assert.equal("select: case 1: cannot send to an error group",
      refused { send = gort.errgroup.new(), value = 1 })
    assert.equal("select: case 1: cannot send to a number",
      refused { send = 1, value = 1 })
    assert.equal("select: case 1: cannot send to a timer",
      refused { send = gort.time.timer(1), value = 1 })
  end)

  it("a default that is neither function nor boolean", function()
    for _, v in ipairs { 1, "x", {}, ch } do
      assert.matches("default", error_of(function()
        select { default = v }
      end))
    end
  end)

  it("numbers and others as Lua's select does", function()
    assert.has_error(function() select(0) end)
    assert.has_error(function() select(1.5) end)
    assert.has_error(function() select(nil) end)
    assert.has_error(function() select(ch) end)
  end)

  it("a bad case without doing a good one", function()
    local full = chan(1)
    full:send(1)
    assert.has_error(function()
      select { { recv = full }, { rcv = ch } }
    end)
    assert.has_error(function()
      select { { recv = full }, { send = ch, value = io.stdout } }
    end)
    assert.equal(1, #full)
  end)
end)

describe("select with 1,000 cases", function()
  it("finds the one that is ready", within(20, function()
    local cases, chans = {}, {}
    for i = 1, 1000 do
      chans[i] = chan(1)
      cases[i] = { recv = chans[i] }
    end
    for _, i in ipairs { 1, 500, 1000 } do
      chans[i]:send(i)
      assert.same({ i, i, true }, { select(cases) })
    end
  end))

  it("waits for all of them, and of them twice", within(20, function()
    local cases, chans = {}, {}
    for i = 1, 500 do
      chans[i] = chan()
      cases[i] = { recv = chans[i] }
      cases[1001 - i] = { send = chan(), value = { i } }
    end
    for _ = 1, 20 do
      go(function() chans[250]:send "x" end)
      assert.same({ 250, "x", true }, { select(cases) })
    end
  end))
end)

describe("big things:", function()
  it("a task with thousands of arguments", within(20, function()
    local ch, list = chan(), {}
    for i = 1, 5000 do list[i] = i end
    go(function(...) ch:send(select("#", ...)) end, table.unpack(list))
    assert.equal(5000, (ch:recv()))
  end))

  it("a function with 255 captures", within(20, function()
    local parts = { "local ch = ... " }
    for i = 1, 3 do
      parts[#parts + 1] = "local t" .. i .. " = {} "
    end
    local names = {}
    for i = 1, 150 do names[i] = "a" .. i end
    parts[#parts + 1] = "local " .. table.concat(names, ",") .. " = 1 "
    parts[#parts + 1] = "return function() local " .. "b = 0 "
      .. "return function() "
    parts[#parts + 1] = "ch:send(" .. table.concat(names, ",", 1, 1)
      .. ") return " .. table.concat(names, ",") .. ",b end end"
    local ch = chan(1)
    go(load(table.concat(parts))(ch)())
    assert.equal(1, (ch:recv()))
  end))

  it("100,000 parked tasks", within(60, function()
    local ch, wg = chan(), gort.sync.waitgroup()
    for _ = 1, 100000 do
      wg:go(function() ch:recv() end)
    end
    ch:close()
    assert.is_true((wg:wait()))
  end))

  it("a million values in a channel", within(60, function()
    local ch = chan(1000000)
    for i = 1, 1000000 do ch:send(i) end
    assert.equal(1000000, #ch)
    assert.equal(1, (ch:recv()))
  end))
end)

local sanitized = within.factor > 1

-- Their shadow memory does not fit under a limit.
describe("out of memory", sanitized and function() end or function()
  local scripts = {
    ["in main"] = "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) "
      .. "t[#t] = t[#t] .. #t end",
    ["in a task"] = "go(function() local t = {} while true do "
      .. "t[#t + 1] = ('x'):rep(1e6) .. #t end end) select {}",
    ["in small pieces"] = "local t = {} while true do t = { t } end",
    ["by tasks"] = "local c = chan() while true do "
      .. "go(function() c:recv() end) end",
    ["by records"] = "while true do go(function() end, ('x'):rep(1e5)) "
      .. "while true do go(function() while true do end end, {}) end end",
    ["by a channel's buffer"] = "local l = {} while true do "
      .. "l[#l + 1] = chan(1e5) end",
    ["by values in channels"] = "local c = chan(1e6) while true do "
      .. "c:send(('x'):rep(1e5)) end",
    ["by tables in channels"] = "local c, t = chan(1e6), {} "
      .. "for i = 1, 1e4 do t[i] = {} end while true do c:send(t) end",
    ["by a deep message"] = "local t = {} for i = 1, 6e5 do t = { t } end "
      .. "local c = chan(1000) while true do c:send(t) end",
    ["by timers"] = "local l = {} while true do "
      .. "l[#l + 1] = gort.time.timer(1000) end",
    ["by a big select"] = "local c, l = chan(), {} for i = 1, 1e6 do "
      .. "l[i] = { recv = c } end select(l)",
    ["by coroutines"] = "local l = {} while true do "
      .. "local f = coroutine.wrap(function() coroutine.yield() end) f() "
      .. "l[#l + 1] = f end",
    ["by handles"] = "local l = {} while true do l[#l + 1] = chan() end",
    ["by sleepers"] = "while true do "
      .. "go(function() gort.time.sleep(1000) end) end",
  }
  for name, text in pairs(scripts) do
    it(name .. " is an error", function()
      local r = run(text, { before = "ulimit -v 150000", limit = 60 })
      assert.is_true(r.status == 1 or r.status == 2,
        "status " .. r.status .. ": " .. r.err:sub(1, 300))
      assert.matches("not enough memory", r.err)
    end)
  end

  it("can be caught", function()
    for _, piece in ipairs { "chan(1e5)", "('x'):rep(1e6) .. #l" } do
      local r = run([[
        local ok, err = pcall(function()
          local l = {}
          while true do l[#l + 1] = ]] .. piece .. [[ end
        end)
        collectgarbage()
        print(ok, err)
        local ch = chan(1)
        go(function() ch:send "and on" end)
        print((ch:recv()))]], { before = "ulimit -v 300000", limit = 60 })
      assert.equal("", r.err)
      assert.equal(0, r.status)
      assert.matches("^false\t.*not enough memory\nand on\n$", r.out)
    end
  end)

  it("at the start is an error", function()
    for _, kb in ipairs { 3000, 6000, 10000, 20000, 30000 } do
      local r = run("print 'ran'", { before = "ulimit -v " .. kb })
      assert.is_true(r.out == "ran\n" or r.status == 1 or r.status == 127
        or r.status == 126 or r.status == 2, kb .. " KB: status " .. r.status
        .. ": " .. r.err:sub(1, 200))
    end
  end)
end)
