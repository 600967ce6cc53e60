-- A worker that takes a task up just when the runtime stops is told to end it.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local config = os.getenv "GORT_CONFIG" or "release"

if config ~= "release" and config ~= "debug" then
  pending("gort in a stock lua, under a sanitizer", function() end)
  return
end

describe("a runtime that stops", function()
  it("ends tasks that have just been started", function()
    local name = os.tmpname()
    run.write(name, [[
      local gort = require "gort"
      for _ = 1, 1000 do
        gort.run(function()
          gort.go(function() while true do end end)
          gort.go(function() gort.chan():recv() end)
          gort.time.sleep(0.001)
        end)
      end
      print "done"]])
    local r = run.shell(("LUA_CPATH='build/%s/stock/?.so' timeout 60 lua5.4 %s")
      :format(config, name))
    os.remove(name)
    assert.equal("done\n", r.out)
    assert.equal("", r.err)
  end)
end)
