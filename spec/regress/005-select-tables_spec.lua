-- A select waits for what its table named when it began: whatever becomes of
-- the table meanwhile (tasks of one vm share those of modules) no channel
-- goes away under it.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

-- Makes n cases; the first is of a channel that is no longer held elsewhere.
local module = [[
local M = { cases = {}, weak = setmetatable({}, { __mode = "v" }) }
function M.wait(ch, n, op)
  M.weak[1] = ch
  for i = 1, n do M.cases[i] = { recv = chan() } end
  M.cases[1] = { [op] = ch, value = op == "send" and "sent" or nil }
  M.cases[n + 1] = { after = 60 }
  ch = nil
  return select(M.cases)
end
return M
]]

describe("a table of cases that changes while a task waits", function()
  local dir = run.directory()
  run.write(dir .. "/shared.lua", module)
  teardown(function() run.remove(dir) end)

  local function program(text, expected)
    local r = run([[package.path = "./?.lua"
      local shared, done = require "shared", chan()
      local n, op = tonumber(arg[1]), arg[2]
      ]] .. text, { dir = dir, args = expected.args,
        before = "export GORT_PLACEMENT=together" })
    assert.equal("", r.err)
    assert.equal(expected[1], r.out)
    assert.equal(0, r.status)
  end

  -- Starts the waiting task, and change(ch) in the same vm when it waits.
  local waiting = [[
    local waits = chan()
    go(function()
      go(function()
        local shared = require "shared"
        while not shared.cases[n + 1] do gort.runtime.yield() end
        gort.runtime.yield()
        local ch = shared.weak[1]
        change(ch)
        waits:send(true)
      end)
      local shared = require "shared"
      done:send(table.pack(shared.wait(chan(), n, op)))
    end)
    waits:recv()
    local got = done:recv()
    print(table.unpack(got, 1, got.n))]]

  for _, n in ipairs { 1, 3, 15, 16, 40 } do
    for _, op in ipairs { "recv", "send" } do
      local args = { tostring(n), op }
      local got = op == "recv" and "1\ta value\ttrue\n" or "1\n"

      it(("keeps the channel: %d, %s"):format(n, op), function()
        program([[
          function change(ch)
            local shared = require "shared"
            shared.cases[1][op] = nil
            ch = nil
            collectgarbage() collectgarbage()
            ch = shared.weak[1]
            if op == "send" then ch:recv() else ch:send "a value" end
          end]] .. waiting, { got, args = args })
      end)

      it(("may lose the case: %d, %s"):format(n, op), function()
        program([[
          function change(ch)
            local shared = require "shared"
            shared.cases[1] = nil
            if op == "send" then ch:recv() else ch:send "a value" end
          end]] .. waiting, { got, args = args })
      end)
    end
  end
end)
