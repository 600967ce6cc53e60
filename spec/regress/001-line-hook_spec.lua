-- A task with a line hook was preempted between its count hook and its line
-- hook: the line hook ran in a coroutine that had yielded, and the number of
-- values it had yielded was garbage.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

describe("a line hook", function()
  it("sees its lines in a task that is preempted again and again", function()
    local r = run([[
      local time = gort.time
      for _ = 1, 3 do go(function() while true do end end) end
      local lines = 0
      debug.sethook(function() lines = lines + 1 end, "l")
      local stop = time.monotonic() + 0.6
      while time.monotonic() < stop do
        local a = 1
        local b = a + 1
      end
      debug.sethook()
      print(lines > 1000, gort.runtime.stats().preemptions > 3)]],
      { options = { "--procs", "1" } })
    assert.equal("", r.err)
    assert.equal(0, r.status)
    assert.equal("true\ttrue\n", r.out)
  end)
end)
