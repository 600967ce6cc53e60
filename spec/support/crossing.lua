-- crossing: rules about what crosses, tried in every way and placement.
-- SPDX-License-Identifier: MIT
--
--   crossing("scalars cross:", function(rule, once)
--     rule("integers", function(across)
--       assert.equal(1, across(1))
--     end)
--     once("what happens to it is told", function() ... end)
--   end)
--
-- A rule runs with each way that a value can take to another task: argument of
-- go, captured variable, global, channel, select. across(v) gives v after its
-- way there and back; across(v, fn) gives what fn(v) returns in the task (and
-- raises its error). `once` is for what has ways of its own.
--
-- Each runs in three processes, one for all rules of the file: from the main
-- task, from another to tasks in its own vm, and to tasks in other vms. There
-- the file is a plain script (ways.lua): it sees no busted and no _G but its
-- own, so that what it needs must be required within it.

local run = require "spec.support.run"

local MODES = { "main", "together", "apart" }
local results = {} -- by file and mode: what the process said of each rule

local function start(file, mode)
  local r = run.gort({ "spec/support/ways.lua", file, mode },
    { limit = 100, before = "export GORT_PLACEMENT=" .. mode })
  local said = { status = r.status, rest = r.err }
  for line in r.out:gmatch "[^\n]+" do
    local name, text = load("local a, b = " ..
      line:gsub('" "', '", "', 1) .. " return a, b")()
    said[name] = text
  end
  return said
end

local function result(file, mode, name)
  local key = file .. " " .. mode
  results[key] = results[key] or start(file, mode)
  local said = results[key]
  local text = said[name] or
    string.format("status %s: %s", said.status, said.rest)
  if text ~= "" then error(text, 0) end
end

local function crossing(_, title, fn)
  local caller = debug.getinfo(2, "Sf") -- a spec file's chunk
  local file = caller.source:sub(2)
  local _, busted = debug.getupvalue(caller.func, 1)
  local function add(name)
    for _, mode in ipairs(MODES) do
      busted.it(name .. " (" .. mode .. ")", function()
        result(file, mode, title .. " " .. name)
      end)
    end
  end
  busted.describe(title, function() fn(add, add) end)
end

return setmetatable({}, { __call = crossing })
