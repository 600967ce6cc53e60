-- The module gort in a stock lua5.4: a script there is what a program is here.
-- SPDX-License-Identifier: MIT

local config = os.getenv "GORT_CONFIG" or "release"
local build = "build/" .. config .. "/stock/?.so"

-- Sanitizers must be there from the process's start, and lua5.4 has none.
if config ~= "release" and config ~= "debug" then
  pending("gort in a stock lua, under a sanitizer", function() end)
  return
end

local function lua(code, ...)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(code)
  f:close()
  local command = "LUA_CPATH='%s' timeout 60 lua5.4 %s %s 2>&1"
  if code:find "^%-%-perturbed" then
    command = "MALLOC_PERTURB_=165 " .. command
  end
  local p = assert(io.popen(command:format(build, path,
    table.concat({ ... }, " "))))
  local out = p:read "a"
  local _, _, status = p:close()
  os.remove(path)
  return out, status
end

-- The same where memory that has been freed does not stay as it was.
local function lua_perturbed(code)
  return lua("--perturbed\n" .. code)
end

describe("gort in a stock lua", function()
  it("runs a function as the main task and gives its results", function()
    local out = lua [[
      local gort = require "gort"
      print(gort.run(function(a, b)
        local c = gort.chan()
        for i = 1, 4 do gort.go(function() c:send(i * a) end) end
        local sum = 0
        for _ = 1, 4 do sum = sum + c:recv() end
        return sum, b, nil
      end, 10, "x"))]]
    assert.are.equal("100\tx\tnil\n", out)
  end)

  it("leaves the globals alone", function()
    local out = lua [[
      local gort = require "gort"
      print(go, chan, select("#", 1, 2), rawget(_G, "gort"))
      gort.run(function()
        local c = gort.chan(1)
        gort.go(function() c:send(tostring(go) .. type(require "gort".go)) end)
        print(c:recv())
      end)]]
    assert.are.equal("nil\tnil\t2\tnil\nnilfunction\ttrue\n", out)
  end)

  it("shares the script's globals and upvalues with the main task", function()
    local out = lua [[
      x = 1
      local y, gort = 2, require "gort"
      gort.run(function() x, y = x + 1, y + 1 end)
      print(x, y)]]
    assert.are.equal("2\t3\n", out)
  end)

  it("captures what the script defined before and after require", function()
    local out = lua [[
      function before(n) return n + 1 end
      string.trim = function(s) return s:match "^%s*(.-)%s*$" end
      local gort = require "gort"
      function after(n) return n + 2 end
      string.twice = function(s) return s .. s end
      gort.run(function()
        local c = gort.chan()
        gort.go(function()
          c:send((" a "):trim():twice() .. before(1) .. after(1))
        end)
        print((c:recv()))
      end)]]
    assert.are.equal("aa23\n", out)
  end)

  it("ends all tasks with the main one, and runs again", function()
    local out = lua [[
      local gort = require "gort"
      local kept = gort.chan(1)
      for i = 1, 20 do
        gort.run(function()
          gort.go(function() while true do end end)
          gort.go(function() gort.chan():recv() end)
          if i == 3 then kept:send(i) end
          gort.time.sleep(0.001)
        end)
      end
      print(kept:try_recv())]]
    assert.are.equal("true\t3\ttrue\n", out)
  end)

  it("raises what the function raises, the object itself", function()
    local out = lua [[
      local gort = require "gort"
      local t = {}
      print(select(2, pcall(gort.run, function() error(t) end)) == t)
      print(pcall(gort.run, function() error("oh", 0) end))
      print(gort.run(function() return "on" end))]]
    assert.are.equal("true\nfalse\toh\non\n", out)
  end)

  it("raises a task's error and a deadlock", function()
    local out = lua [[
      local gort = require "gort"
      print(select(2, pcall(gort.run, function()
        gort.go(function() error "bad" end)
        gort.chan():recv()
      end)))
      print(select(2, pcall(gort.run, function() gort.chan():recv() end)))]]
    assert.truthy(out:find "bad\nstack traceback:.-created by task %d+ at ")
    assert.truthy(out:find("all tasks are asleep - deadlock!", 1, true))
    assert.truthy(out:find("[chan receive]", 1, true))
  end)

  it("works in coroutines that are older than it", function()
    local out = lua [[
      local co = coroutine.wrap(function()
        local gort = coroutine.yield()
        local ok, r = pcall(gort.run, function() return 5 end)
        local c = gort.chan(1)
        c:send(r)
        coroutine.yield(ok, (c:recv()))
      end)
      co()
      print(co(require "gort"))]]
    assert.are.equal("true\t5\n", out)
  end)

  it("says where tasks cannot be", function()
    local out = lua [[
      local gort = require "gort"
      print(pcall(gort.go, print))
      print(pcall(gort.chan().recv, gort.chan()))
      print(pcall(gort.run))
      gort.run(function() print(pcall(gort.run, print)) end)]]
    assert.truthy(out:find "false\tcannot start task: only inside gort.run\n")
    assert.truthy(out:find "false\tcannot block here: only inside gort.run\n")
    assert.truthy(out:find "bad argument #1 to ")
    assert.truthy(out:find "gort.run: a run is under way")
  end)

  it("exits from any task", function()
    local _, status = lua [[
      local gort = require "gort"
      gort.run(function()
        gort.go(function() os.exit(7) end)
        gort.time.sleep(10)
      end)]]
    assert.are.equal(7, status)
  end)

  it("closes with handles, timers and contexts still there", function()
    local out, status = lua [[
      local gort = require "gort"
      ctx = gort.context.with_timeout(gort.context.background(), 100)
      gort.run(function()
        t = gort.time.timer(100)
        c2, cancel2 = gort.context.with_cancel(ctx)
      end)
      cancel2()
      print(c2:err())]]
    assert.are.equal("context canceled\n", out)
    assert.are.equal(0, status or 0)
  end)

  it("is there for finalizers that are older than it", function()
    local out, status = lua_perturbed [[
      local gort
      -- A global: is finalized when the state closes, not before.
      late = setmetatable({}, { __gc = function()
        print(pcall(late.chan.try_recv, late.chan))
        print(gort.sendable { {}, { "x" } })
        print(gort.sendable(function() return gort end))
        local c = gort.chan(1)
        print(coroutine.resume(coroutine.create(c.try_send), c, 1))
        print(c:recv())
        local ctx, cancel = gort.context.with_timeout(
          gort.context.background(), 100)
        cancel()
        print(ctx:err())
        print(gort.time.timer(100):stop())
        print(gort.runtime.numtasks())
        print(pcall(gort.go, print))
        print(pcall(gort.time.sleep, 1))
        print(pcall(gort.run, print))
        print(load "return 1 + 1"())
        collectgarbage()
      end })
      gort = require "gort"
      late.chan = gort.chan(1)
      gort.run(function()
        local c = gort.chan(1)
        gort.go(function() c:send { {} } end)
        c:recv()
        late.chan:send(1)
      end)]]
    local expected = {
      "false\tthis channel has been collected",
      "true",
      "true",
      "true\ttrue",
      "1\ttrue",
      "context canceled",
      "true",
      "0",
      "false\tcannot start task: only inside gort.run",
      "false\tcannot block here: only inside gort.run",
      "false\tgort.run: gort has ended",
      "2",
      "",
    }
    assert.are.equal(table.concat(expected, "\n"), out)
    assert.are.equal(0, status or 0)
  end)

  it("closes the state in a run", function()
    local out, status = lua_perturbed [[
      older = setmetatable({}, { __gc = function() print "older" end })
      local gort = require "gort"
      younger = setmetatable({}, { __gc = function() print "younger" end })
      gort.run(function()
        local c <close> = setmetatable({}, {
          __close = function() print "closed" end,
        })
        gort.go(function() gort.chan():recv() end)
        os.exit(3, true)
      end)]]
    assert.are.equal("closed\nyounger\nolder\n", out)
    assert.are.equal(3, status)
  end)
end)
