-- What parallel tasks write: nothing gets in between the pieces of one call.
-- SPDX-License-Identifier: MIT

local run = require "spec.support.run"

local TASKS, LINES = 8, 400

-- Every line is "<task> <n> <letters> <letters>", the letters being the task's
-- own; long ones do not fit into the stream's buffer.
local program = [[
  local how, tasks, lines = ...
  local wg = gort.sync.waitgroup()
  for task = 1, tasks do
    wg:go(function()
      local letter = string.char(96 + task)
      for n = 1, lines do
        local text = letter:rep(n % 50 == 0 and 9000 or n % 60)
        if how == "print" then
          print(task, n, text, text)
        elseif how == "io.write" then
          io.write(task, "\t", n, "\t", text, "\t", text, "\n")
        elseif how == "mixed" and n % 2 == 0 then
          print(task, n, text, text)
        elseif how == "stderr" then
          io.stderr:write(task, "\t", n, "\t", text, "\t", text, "\n")
        elseif how == "warn" then
          warn(task .. "\t", n .. "\t", text .. "\t", text)
        else
          io.stdout:write(task, "\t", n, "\t", text, "\t", text, "\n")
        end
      end
    end)
  end
  wg:wait()]]

local function check(text, skip)
  local seen = {}
  for line in text:gmatch "([^\n]*)\n" do
    local task, n, one, two = line:sub(skip + 1)
      :match "^(%d+)\t(%d+)\t(%l*)\t(%l*)$"
    assert.truthy(task, line)
    assert.equal(one, two)
    assert.equal(string.char(96 + task):rep(#one), one)
    seen[task] = (seen[task] or 0) + 1
    assert.equal(seen[task], tonumber(n)) -- a task's own lines are in order
  end
  for task = 1, TASKS do
    assert.equal(LINES, seen[tostring(task)])
  end
end

describe("the calls of many tasks stay whole:", function()
  for how, stream in pairs { print = "out", ["io.write"] = "out", mixed = "out",
    ["file:write"] = "out", stderr = "err", warn = "err" } do
    it(how, function()
      for _, procs in ipairs { "1", "2", "8" } do
        local r = run(program, { options = { "-W", "--procs", procs },
          args = { how, tostring(TASKS), tostring(LINES) }, limit = 60 })
        assert.equal(0, r.status)
        check(r[stream], how == "warn" and #"Lua warning: " or 0)
        assert.equal("", r[stream == "out" and "err" or "out"])
      end
    end)
  end
end)

describe("a call that is wrong", function()
  it("writes what comes before the wrong argument", function()
    local r = run [[
      print(pcall(io.write, "a", 1, {}, "b"))
      print(pcall(print, "c", setmetatable({}, { __tostring = function()
        error("no text", 0)
      end })))
      io.write("d\n")]]
    assert.matches("^a1false\tbad argument #3 to 'io.write' %(string expected, "
      .. "got table%)\nfalse\tno text\nd\n$", r.out)
  end)

  it("leaves the stream to others", function()
    local r = run [[
      local done = chan()
      go(function() pcall(io.write, {}) pcall(print, setmetatable({},
        { __tostring = function() error "x" end })) done:close() end)
      done:recv()
      print "still here"]]
    assert.equal("still here\n", r.out)
  end)
end)
