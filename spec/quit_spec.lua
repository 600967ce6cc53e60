-- SIGQUIT: every task's stack, and the end.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

-- Runs a script, sends it SIGQUIT once it has printed "ready".
local function quit(text)
  local name, out = os.tmpname(), os.tmpname()
  run.write(name, text)
  local r = run.shell(string.format([[
    timeout -k 5 %d %s %s >%s & p=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      grep -q ready %s && break; sleep 0.1; done
    sleep 0.2; pkill -QUIT -P $p; wait $p]], 20 * within.factor,
    run.quote(run.program), name, out, out))
  r.script = name
  os.remove(name)
  os.remove(out)
  return r
end

describe("SIGQUIT", function()
  it("shows every task and ends with 2", function()
    local r = quit [[
      go(function() chan():recv() end)
      go(function() gort.time.sleep(100) end)
      print "ready"
      io.stdout:flush()
      select {}]]
    assert.equal(2, r.status)
    assert.matches("^SIGQUIT: quit\n\ntask 1 %[select", r.err)
    assert.matches("task %d+ %[chan receive", r.err)
    assert.matches("task %d+ %[sleep", r.err)
    assert.matches("created by task 1 at " .. r.script:gsub("%p", "%%%0")
      .. ":2", r.err)
  end)

  it("does not wait for those that compute", function()
    local r = quit [[
      for _ = 1, 4 do go(function() while true do local _ = {} end end) end
      go(function() chan():send(1) end)
      print "ready"
      io.stdout:flush()
      while true do local _ = {} end]]
    assert.equal(2, r.status)
    assert.matches("task %d+ %[runn", r.err)
    assert.matches("task %d+ %[chan send", r.err)
  end)
end)
