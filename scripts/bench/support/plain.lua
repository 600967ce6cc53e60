-- plain.lua - gort beside lua5.4, where no task runs.
-- SPDX-License-Identifier: MIT

local process = require "support.process"
local report = require "support.report"

local M = { title = "Without a task, beside lua5.4" }

M.list = {
  { name = "startup", unit = "us", count = 100, ratio = 2.0 },
  { name = "fib", unit = "ms", count = 32, ratio = 1.03 },
  { name = "nbody", unit = "ms", count = 150000, ratio = 1.03 },
  { name = "strings", unit = "ms", count = 150000, ratio = 1.03 },
  { name = "tables", unit = "ms", count = 40, ratio = 1.03 },
}

local STARTS = [[
start=$(date +%%s%%N); i=0
while [ $i -lt %d ]; do %s -e "" || exit; i=$((i + 1)); done
end=$(date +%%s%%N)
echo startup $(((end - start) / %d / 1000))]]

local function command(w, program, options)
  program = process.quote(program)
  if w.name == "startup" then
    local n = options.quick and w.count // 10 or w.count
    return "sh -c " .. process.quote(STARTS:format(n, program, n))
  end
  -- A tenth of fib's number is no tenth of its work.
  local n = not options.quick and w.count
    or w.name == "fib" and w.count - 5 or w.count // 10
  return program .. " " .. process.quote(options.root .. "/scripts/bench/plain/"
    .. w.name .. ".lua") .. " " .. n
end

local FORMAT = "%-22s %-22s %-25s %6s  %-13s %s"

function M.head()
  report.row(FORMAT, "program", "gort", "lua5.4", "ratio", "goal", "")
end

function M.run(w, options)
  local title = w.name .. " (" .. w.unit .. ")"
  local programs = {
    { who = "gort", name = w.name, command = command(w, options.gort,
      options) },
    { who = "lua5.4", name = w.name, command = command(w, "lua5.4", options) },
  }
  -- The differences are small: more rounds.
  local ok, err = process.rounds(programs, options.quick and options.runs
    or 3 * options.runs)
  if not ok then return report.failure(title, err) end
  local a, b = programs[1].summary, programs[2].summary
  local ratio = a.median / b.median
  report.row(FORMAT, title, report.cell(a), report.cell(b),
    string.format("%.3f", ratio), string.format("ratio <= %.2f", w.ratio),
    report.verdict(ratio <= w.ratio))
end

return M
