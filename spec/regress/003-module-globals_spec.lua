-- A module that sets a global to itself while it loads is one all the same.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

describe("a module that is a global, too", function()
  local dir = run.directory()
  run.write(dir .. "/sets.lua", "sets = { n = 1 } return sets")
  teardown(function() run.remove(dir) end)

  it("crosses by name", function()
    local r = run([[
      package.path = "./?.lua"
      local sets, lfs = require "sets", require "lfs"
      local ch, back = chan(1), chan()
      for _, module in ipairs { sets, lfs } do
        ch:send(module)
        print(ch:recv() == module)
      end
      go(function()
        back:send(sets == require "sets")
        local n = 0
        for _ in lfs.dir "." do n = n + 1 end
        back:send(n)
      end)
      print((back:recv()))
      print(back:recv() >= 3)]], { dir = dir,
        before = "export GORT_PLACEMENT=apart" })
    assert.equal("", r.err)
    assert.equal(("true\n"):rep(4), r.out)
  end)
end)
