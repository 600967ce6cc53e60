-- everywhere(name, fn, ...): a spec that runs in main and again in a task. Both
-- times fn() must give these values.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local it = require "busted".it
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

return function(name, fn, ...)
  local expected = table.pack(...)
  within.plain(fn)
  it(name .. ", in main", within(5, function()
    assert.same(expected, table.pack(fn()))
  end))
  it(name .. ", in a task", within(5, function()
    local r = table.pack(tasks.run(fn))
    assert.same(table.pack(true, table.unpack(expected, 1, expected.n)), r)
  end))
end
