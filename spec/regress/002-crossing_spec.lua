-- Code of the script's own in the middle of a crossing; classes that change;
-- what modules have from the script. A process for each, as some crashed it.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

-- Sanitizers keep what is freed: there memory tells nothing.
local sanitized = (os.getenv "GORT_CONFIG" or ""):find "san" ~= nil

local function output(text, options)
  local r = run(text, options)
  assert.equal("", r.err)
  assert.equal(0, r.status)
  return r.out
end

describe("a metamethod of _G that is asked during a crossing", function()
  it("may send an object of the very class", function()
    assert.equal("true true\n", output [[
      local C = {} C.__index = C
      function C.f() return zzz end
      local obj, ch, once = setmetatable({}, C), chan(10), false
      setmetatable(_G, { __index = function(_, k)
        if k == "zzz" and not once then once = true ch:send(obj) end
      end })
      ch:send(obj)
      print(getmetatable(ch:recv()) == C, getmetatable(ch:recv()) == C)]]
      :gsub("\t", " "))
  end)

  it("may make the function's own code garbage", function()
    assert.equal("ok\n", output [[
      local function mk(n) return function() return what, n end end
      local ch, depth = chan(100), 0
      local first = mk(1)
      gort.sendable(first)
      first = nil
      setmetatable(_G, { __index = function()
        depth = depth + 1
        if depth > 3 then return nil end
        collectgarbage() collectgarbage()
        ch:send(mk(2))
      end })
      go(mk(3))
      print "ok"]])
  end)

  it("may add to the standard tables and start tasks", function()
    assert.equal("ok\n", output [[
      string.foo = function() return 1 end
      local once = false
      setmetatable(_G, { __index = function(_, k)
        if k == "zzz" and not once then
          once = true
          string.bar = function() return 2 end
          go(function() end)
        end
      end })
      go(function() return zzz end)
      print "ok"]])
  end)
end)

describe("a finalizer", function()
  it("may cross functions at any time", function()
    assert.equal("ok\n", output [[
      collectgarbage("incremental", 10, 1000, 1)
      local pool = {}
      local mt = { __gc = function()
        local f = load "return 1"
        pool[#pool + 1] = f
        gort.sendable(f)
      end }
      for i = 1, 300 do
        for _ = 1, 2 do setmetatable({}, mt) end
        local f = load "return 2"
        pool[#pool + 1] = f
        gort.sendable(f)
        if i % 100 == 0 then pool = {} end
      end
      print "ok"]])
  end)
end)

describe("classes that refer to each other and change in turn", function()
  it("leave no old versions", function()
    local out = output([[
      local A, B = {}, {}
      A.__index, B.__index, A.b, B.a = A, B, B, A
      local a, b, ch = setmetatable({}, A), setmetatable({}, B), chan(1)
      local function rss()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "VmRSS:%s+(%d+)"
          if kb then return tonumber(kb) end
        end
      end
      local function rounds(n)
        for i = 1, n do
          A.n = (A.n or 0) + i ch:send(a) ch:recv()
          B.n = (B.n or 0) + i ch:send(b) ch:recv()
        end
      end
      rounds(2000)
      local before = rss()
      rounds(20000)
      print(rss() - before < 20000)]], { limit = 60 })
    if not sanitized then assert.equal("true\n", out) end
  end)

  it("arrive as they are, through a channel too", function()
    assert.equal("1 nil 2 2 hi\n", output [[
      local Base = {} Base.__index = Base
      local Sub = setmetatable({}, Base) Sub.__index = Sub
      Sub.n = 1
      local ch, back = chan(), chan()
      go(function()
        for o in ch do back:send { o.n, o.hi and o:hi() } end
      end)
      local function ask()
        ch:send(setmetatable({}, Sub))
        local r = back:recv()
        return r[1], r[2]
      end
      local a, b = ask()
      Sub.n = 2
      local c = ask()
      function Base:hi() return "hi" end
      print(a, b, c, ask())]]:gsub("\t", " "))
  end)
end)

describe("data", function()
  it("is no class because of its names", function()
    assert.equal("1\n1\n", output [[
      local Point = {} Point.__index = Point
      for _, t in ipairs { setmetatable({ __class = Point, x = 1 }, Point),
        { __name = "div", x = 1 } } do
        local ch, seen, n = chan(), {}, 0
        for _ = 1, 60 do
          go(function() t.x = t.x + 1 ch:send(t.x) end)
        end
        for _ = 1, 60 do
          local x = ch:recv()
          if not seen[x] then seen[x] = true n = n + 1 end
        end
        print(n)
      end]])
  end)
end)

describe("a method", function()
  it("sets globals of the task that calls it", function()
    assert.equal("1 nil\n", output [[
      local C = {}
      C.__index = C
      function C.set(v) leaked = v end
      local ch = chan()
      go(function() C.set(1) ch:send(leaked) end)
      print(ch:recv() .. " " .. tostring(leaked))]])
  end)

  it("sees globals that were set after its class had crossed", function()
    assert.equal("nil 2\n", output [[
      local C = {}
      C.__index = C
      function C.get() return cfg end
      local ch = chan()
      go(function() ch:send { C.get() } end)
      local a = ch:recv()[1]
      cfg = 2
      go(function() local _ = cfg ch:send { C.get() } end)
      print(tostring(a) .. " " .. ch:recv()[1])]])
  end)
end)

describe("what a module has from the script", function()
  local dir = run.directory()
  run.write(dir .. "/from.lua", [[
    local log = mylog
    local function f() return log end
    return { f = f, log2 = mylog2, table = app.config }]])
  run.write(dir .. "/slow.lua", [[
    gort.time.sleep(0.02)
    return {}]])
  teardown(function() run.remove(dir) end)

  it("crosses by value", function()
    assert.equal("log 1\nlog2 2\n5\n", output([[
      package.path = "./?.lua"
      function mylog(s) return "log " .. s end
      function mylog2(s) return "log2 " .. s end
      app = { config = { port = 5 } }
      local from = require "from"
      local log2, config, ch = from.log2, from.table, chan()
      go(function() ch:send(mylog(1)) end)
      print((ch:recv()))
      go(function() ch:send(log2(2)) end)
      print((ch:recv()))
      go(function() ch:send(config.port) end)
      print((ch:recv()))]], { dir = dir }))
  end)

  it("is loaded once in a vm, also when loading blocks", function()
    local out = output([[
      package.path = "./?.lua"
      local ch, seen = chan(), {}
      for _ = 1, 60 do
        go(function()
          ch:send(string.format("%p", require "slow"))
          ch:send(string.format("%p", string))
        end)
      end
      for _ = 1, 120 do
        local s = ch:recv()
        seen[s] = true
      end
      local n = 0
      for _ in pairs(seen) do n = n + 1 end
      print(n % 2 == 0)]], { dir = dir })
    assert.equal("true\n", out)
  end)
end)

describe("a message that cannot be decoded", function()
  it("does not stay", function()
    local dir = run.directory()
    run.write(dir .. "/pm.lua",
      "local M = {} if here then function M.f() end end return M")
    local out = output([[
      package.path = "./?.lua"
      here = true
      local f = require "pm".f
      local ch, done = chan(1), chan()
      local function rss()
        for line in io.lines "/proc/self/status" do
          local kb = line:match "VmRSS:%s+(%d+)"
          if kb then return tonumber(kb) end
        end
      end
      go(function()
        local failed = 0
        for _ = 1, 200 do
          if not pcall(ch.recv, ch) then failed = failed + 1 end
        end
        done:send(failed)
      end)
      local big = ("x"):rep(1 << 20)
      for _ = 1, 200 do ch:send { big, f } end
      print((done:recv()))
      print(rss() < 150000)]], { dir = dir, limit = 60 })
    assert.matches(sanitized and "^200\n" or "^200\ntrue\n", out)
    run.remove(dir)
  end)
end)
