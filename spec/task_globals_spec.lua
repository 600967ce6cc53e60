-- What tasks see of globals, and print.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

describe("globals", function()
  local function output(text)
    local r = run(text)
    assert.equal("", r.err)
    assert.equal(0, r.status)
    return r.out
  end

  it("that a function names come along, and what these name", function()
    assert.equal("7 s\n", output [[
      n, s, unused = 3, "s", io.stdout
      function double(x) return x * 2 end
      function work() return double(n) + 1 end
      local ch = chan()
      go(function() ch:send(work() .. " " .. s) end)
      print((ch:recv()))]])
  end)

  it("of one task are not those of another", function()
    assert.equal("1 1 1\nnil\n", output [[
      local ch = chan()
      for i = 1, 3 do
        go(function() x = (x or 0) + 1; ch:send(x) end)
      end
      print(ch:recv() .. " " .. ch:recv() .. " " .. ch:recv())
      print(x)]])
  end)

  it("that are set in a task last as long as the task", function()
    assert.equal("3 nil 5\n", output [[
      local ch = chan()
      go(function()
        x = 3
        gort.runtime.yield()
        local function f() return x end
        y = 5
        ch:send { f(), rawget(_G, "z"), _G.y }
      end)
      local r = ch:recv()
      print(r[1], r[2], r[3])]]:gsub("\t", " "))
  end)

  it("are seen by load and dofile in the task", function()
    assert.equal("42 6 8\n", output [[
      factor = 2
      local ch = chan()
      go(function()
        six = factor * 3
        load "made = 42"()
        local name = os.tmpname()
        local f = io.open(name, "w")
        f:write "return six + 2"
        f:close()
        local eight = dofile(name)
        os.remove(name)
        ch:send(made .. " " .. load "return six"() .. " " .. eight)
      end)
      print((ch:recv()))]])
  end)

  it("added to the standard tables are seen", function()
    assert.equal("x true\n", output [[
      function string.trim(s) return s:match "^%s*(.-)%s*$" end
      math.answer = 42
      local ch = chan()
      go(function()
        ch:send((" x "):trim() .. " " .. tostring(math.answer == 42))
      end)
      print((ch:recv()))]])
  end)
end)

describe("print", function()
  it("writes whole lines from every task", function()
    local r = run [[
      local wg = gort.sync.waitgroup()
      for i = 1, 4 do
        wg:go(function()
          for _ = 1, 100 do print(("x"):rep(50), i, ("y"):rep(50)) end
        end)
      end
      wg:wait()]]
    local n = 0
    for line in r.out:gmatch "[^\n]*\n" do
      n = n + 1
      assert.matches("^x+\t%d\ty+\n$", line)
    end
    assert.equal(400, n)
  end)
end)
