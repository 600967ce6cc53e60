-- both: the same command under lua5.4 and under gort.
-- SPDX-License-Identifier: MIT
--
--   local theirs, ours = both("PROGRAM -e 'print(1)'")    .out .err .status
--   both.same "PROGRAM script.lua"   what they write, and the status, is equal
--
-- Addresses, and each program's own name, are made equal.

local assert = require "luassert"
local within = require "spec.support.within"
local run = require "spec.support.run"

local M = {}
local lua = "lua5.4"

-- Runs a shell command in which PROGRAM stands for each of the two.
local function both(_, command, limit)
  local results = {}
  for _, program in ipairs { lua, run.program } do
    local quoted = run.quote(program):gsub("%%", "%%%%")
    local line = command:gsub("PROGRAM", quoted)
    local r = run.shell(string.format("timeout -k 5 %d sh -c %s",
      (limit or 30) * within.factor, run.quote(line)))
    for _, stream in ipairs { "out", "err" } do
      r[stream] = r[stream]:gsub("0x%x+", "ADDRESS")
        :gsub(program:gsub("%p", "%%%0"), "PROGRAM")
    end
    r.err = ("\n" .. r.err):gsub("\ngort:", "\nPROGRAM:")
    results[#results + 1] = r
  end
  return table.unpack(results)
end

function M.same(command, limit)
  local theirs, ours = both(nil, command, limit)
  assert.equal(theirs.out, ours.out)
  assert.equal(theirs.err, ours.err)
  assert.equal(theirs.status, ours.status)
end

return setmetatable(M, { __call = both })
