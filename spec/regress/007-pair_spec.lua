-- Two tasks that hand over to each other all the time leave others their turn,
-- those that are to start and those that have given way.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local program = [=[
  local stop, there, back, done =
    gort.sync.atomic(), chan(), chan(), chan()
  go(function()
    local i = 0
    while stop:load() == 0 do
      i = i + 1
      there:send(i)
      back:recv()
    end
    there:close()
  end)
  go(function()
    for i in there do back:send(i) end
  end)
  gort.time.sleep(0.01)
  for _ = 1, 20 do
    go(function()
      for _ = 1, 5 do gort.runtime.yield() end
      done:send(true)
    end)
  end
  for _ = 1, 20 do done:recv() end
  stop:add(1)
  print "done"]=]

describe("two tasks that only talk", function()
  for _, procs in ipairs { "1", "2", "8" } do
    it("are not alone on " .. procs, function()
      local r = run(program, { options = { "--procs", procs }, limit = 60 })
      assert.equal("", r.err)
      assert.equal("done\n", r.out)
    end)
  end
end)
