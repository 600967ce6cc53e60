-- A task that starts others gives way not only to them but also to whom they
-- have woken: a receiver does not starve while the senders pile up.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

-- Tasks that take long hold their starter up no longer: so do all under a
-- sanitizer.
local config = os.getenv "GORT_CONFIG" or "release"
if config ~= "release" and config ~= "debug" then
  pending("a task that starts tasks, under a sanitizer", function() end)
  return
end

describe("a task that starts tasks on and on", function()
  it("leaves their receiver its turn", function()
    local r = run([[
      local ch, most = chan(), 0
      go(function()
        for i = 1, 500000 do go(function() ch:send(i) end) end
      end)
      for i = 1, 500000 do
        ch:recv()
        if i % 100 == 0 then
          most = math.max(most, gort.runtime.numtasks())
        end
      end
      print(most < 20000 or most)]], { options = { "--procs", "1" } })
    assert.equal("", r.err)
    assert.equal("true\n", r.out)
  end)

  for _, procs in ipairs { "1", "2" } do
    it("for ever lets all of them begin, and others: on " .. procs, function()
      local r = run([[
        local stop, most = gort.sync.atomic(), 0
        go(function()
          while stop:load() == 0 do go(function() end) end
        end)
        for _ = 1, 300 do
          local done = chan()
          go(function()
            gort.runtime.yield()
            done:send(true)
          end)
          done:recv()
          gort.time.sleep(0.001)
          most = math.max(most, gort.runtime.numtasks())
        end
        stop:add(1)
        print(most < 3000 or most)]], { options = { "--procs", procs } })
      assert.equal("", r.err)
      assert.equal("true\n", r.out)
    end)
  end
end)
