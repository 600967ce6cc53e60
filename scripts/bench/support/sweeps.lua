-- sweeps.lua - what a thing costs as there is more of something.
-- SPDX-License-Identifier: MIT
--
-- A sweep is a program that is run with several sizes, in turns. Its limit
-- says what a size may cost, from what the base size costs.

local process = require "support.process"
local report = require "support.report"

local M = { title = "Sweeps" }

local MILLION = { 1, 1000, 10000, 100000, 1000000 }

-- May cost so many times what the base costs.
local function times(factor)
  return function(_, _, value)
    return factor * value
  end
end

-- Likewise; fewer workers than the base have that much less of the machine.
local function workers(size, base, value)
  return 1.3 * value * math.max(1, base / size)
end

-- A case more must not cost more than those of the base.
local function linear(size, base, value)
  return value * size / base
end

-- A doubling may add what a doubling cost up to the base.
local function logarithmic(size, base, value)
  return value * math.log(size) / math.log(base)
end

local function sweep(row)
  row.program = "sweeps/" .. row.name .. ".lua"
  return row
end

M.list = {
  sweep { name = "select_cases", unit = "ns per select", sizes = { 2, 10,
    100, 1000 }, limit = linear, goal = "linear: a case <= one of 2" },
  sweep { name = "channels", unit = "ns per send and receive",
    sizes = MILLION, limit = times(1.3), goal = "flat: <= 1.3 x that of 1" },
  sweep { name = "parked_tasks", unit = "ns per round trip",
    sizes = MILLION, limit = times(1.3), goal = "flat: <= 1.3 x that of 1" },
  sweep { name = "timers", unit = "ns per reset and stop", sizes = MILLION,
    base = 1000, limit = logarithmic, goal = "logarithmic, by that of 1000" },
  sweep { name = "burst_memory", unit = "x of before", sizes = { 1000000 },
    max = 1.3, goal = "<= 1.3" },
}

-- The workloads that are run with several numbers of workers.
local BY_WORKERS = {
  { "spawn", "ns", 500000 }, { "spawn_send", "ns", 500000 },
  { "pingpong", "ns", 1000000 }, { "buffered", "ns", 2000000 },
  { "select4", "ns", 500000 }, { "sieve", "us", 1000 },
  { "ring", "ns", 500000 }, { "skynet", "ns", 100000 },
  { "contended", "ns", 2000000 }, { "jobs", "ms", 64, "sweeps/jobs.lua" },
}
for _, w in ipairs(BY_WORKERS) do
  M.list[#M.list + 1] = {
    name = "workers_" .. w[1], prints = w[1], unit = w[2], count = w[3],
    program = w[4] or w[1] .. ".lua", sizes = { 1, 2, 4, 8 }, base = 2,
    limit = workers, goal = "no collapse: <= 1.3 x that of 2",
  }
end

local function programs_of(w, options)
  local file = process.quote(options.root .. "/scripts/bench/" .. w.program)
  local gort, programs = process.quote(options.gort), {}
  for i, size in ipairs(w.sizes) do
    -- In a hurry: without the largest one.
    if i < #w.sizes or i == 1 or not options.quick then
      local p = { who = tostring(size), name = w.prints or w.name,
        size = size }
      if w.count then
        local n = options.quick and w.count // 10 or w.count
        p.command = gort .. " --procs " .. size .. " " .. file .. " " .. n
      else
        p.command = gort .. " " .. file .. " " .. size
      end
      programs[#programs + 1] = p
    end
  end
  return programs
end

local FORMAT = "%-22s %10s  %-24s %7s  %-9s %s"

function M.head()
  report.row(FORMAT, "sweep", "size", "gort", "to base", "at most", "")
end

function M.run(w, options)
  local programs = programs_of(w, options)
  local ok, err = process.rounds(programs, options.runs)
  if not ok then return report.failure(w.name, err) end
  local base, value = w.base or w.sizes[1], nil
  for _, p in ipairs(programs) do
    if p.size == base then value = p.summary.median end
  end
  report.row("%s (%s; %s)", w.name, w.unit, w.goal)
  for _, p in ipairs(programs) do
    local median, limit, holds = p.summary.median, w.max, nil
    if w.limit and p.size ~= base
      and (w.limit ~= logarithmic or p.size > base) then
      limit = w.limit(p.size, base, value)
    end
    if limit then holds = median <= limit end
    report.row(FORMAT, "", p.size, report.cell(p.summary),
      #w.sizes > 1 and string.format("%.2f", median / value) or "",
      limit and report.number(limit) or "-", report.verdict(holds))
  end
end

return M
