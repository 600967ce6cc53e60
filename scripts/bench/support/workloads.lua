-- workloads.lua - gort beside Go: the table of workloads, and how one is run.
-- SPDX-License-Identifier: MIT

local process = require "support.process"
local report = require "support.report"

local M = { title = "Workloads, beside Go" }

local GO_PROCS = { 1, 2 }

-- Goals: ratio is to Go's median, max and min are for the value itself.
M.list = {
  { name = "spawn", unit = "ns", count = 1000000, go = true, ratio = 1.0 },
  { name = "spawn_send", unit = "ns", count = 1000000, go = true,
    ratio = 0.6 },
  { name = "parked_memory", unit = "bytes", count = 1000000, go = true,
    ratio = 0.5 },
  { name = "pingpong", unit = "ns", count = 2000000, go = true, ratio = 1.0 },
  { name = "buffered", unit = "ns", count = 5000000, go = true, ratio = 2.5 },
  { name = "table5", unit = "ns", count = 1000000, go = true, ratio = 1.0 },
  { name = "string1k", unit = "ns", count = 1000000, go = true, ratio = 0.5 },
  { name = "select4", unit = "ns", count = 1000000, go = true, ratio = 1.0 },
  { name = "sieve", unit = "us", count = 2000, go = true, ratio = 1.3 },
  { name = "ring", unit = "ns", count = 1000000, go = true, ratio = 1.0 },
  { name = "skynet", unit = "ns", count = 1000000, go = true, ratio = 1.0 },
  { name = "fib_speedup", unit = "x", count = 64, go = true, min = 1.95 },
  { name = "sleepers", unit = "s", count = 100000, go = true, ratio = 1.0 },
  { name = "mutex", unit = "ns", count = 10000000, go = true, max = 60 },
  { name = "contended", unit = "ns", count = 4000000, go = true },
  { name = "with_timeout", unit = "ns", count = 1000000, go = true,
    ratio = 1.0 },
  { name = "cancel_all", unit = "s", count = 100000, go = true, max = 0.5 },
  { name = "unequal", unit = "x best", count = 40, max = 1.15 },
  { name = "timer_busy", unit = "ms", count = 20, max = 50 },
  { name = "blocking_c", unit = "ms", count = 10, max = 50 },
  { name = "idle", unit = "% CPU", count = 20, below = 0.5 },
}

-- Builds the Go twin of a workload: the program; or nil and why not.
local function build_go(options, w)
  local quote, root = process.quote, options.root
  local out = root .. "/build/bench"
  local env = "GO111MODULE=off "
  if not (os.getenv "HOME" or os.getenv "GOCACHE"
    or os.getenv "XDG_CACHE_HOME") then
    local where = process.capture("cd " .. quote(root) .. " && pwd")
    env = env .. "GOCACHE="
      .. quote(where:gsub("\n", "") .. "/build/bench/gocache") .. " "
  end
  local program = out .. "/" .. w.name
  local source = root .. "/scripts/bench/go/" .. w.name .. ".go"
  local output, ok = process.capture("mkdir -p " .. quote(out) .. " && " .. env
    .. "go build -o " .. quote(program) .. " " .. quote(source))
  if ok then return program end
  return nil, "go build: "
    .. (output:match "\n([^\n]+)" or process.first_line(output))
end

-- All rounds of one workload: gort's summary and the better one of Go's (nil
-- without Go), with its procs; or nil, nil and what went wrong.
local function measure(w, options)
  local n = options.quick and math.max(1, w.count // 10) or w.count
  local programs = {
    { who = "gort", name = w.name, command = process.quote(options.gort) .. " "
      .. process.quote(options.root .. "/scripts/bench/" .. w.name .. ".lua")
      .. " " .. n },
  }
  if options.have_go and w.go then
    local program, err = build_go(options, w)
    if not program then return nil, nil, err end
    for _, procs in ipairs(GO_PROCS) do
      programs[#programs + 1] = {
        who = "Go", name = w.name, procs = procs,
        command = "env GOMAXPROCS=" .. procs .. " " .. process.quote(program)
          .. " " .. n,
      }
    end
  end
  local ok, err = process.rounds(programs, options.runs)
  if not ok then return nil, nil, err end

  local best
  for i = 2, #programs do
    local s = programs[i].summary
    s.procs = programs[i].procs
    -- Only where there is a minimum is more better.
    if not best or (w.min and s.median > best.median)
      or (not w.min and s.median < best.median) then
      best = s
    end
  end
  return programs[1].summary, best
end

-- The goal as text, and whether it is reached: nil when that can't be said.
local function judge(w, value, ratio)
  if w.ratio then
    local holds
    if ratio then holds = ratio <= w.ratio end
    return string.format("ratio <= %.1f", w.ratio), holds
  elseif w.min then
    return ">= " .. w.min, value >= w.min
  elseif w.max then
    return "<= " .. w.max, value <= w.max
  elseif w.below then
    return "< " .. w.below, value < w.below
  end
  return "-", nil
end

local FORMAT = "%-22s %-22s %-25s %6s  %-12s %s"

function M.head()
  report.row(FORMAT, "workload", "gort", "Go @GOMAXPROCS", "ratio", "goal", "")
end

function M.run(w, options)
  local title = w.name .. " (" .. w.unit .. ")"
  local s, go_s, err = measure(w, options)
  if not s then return report.failure(title, err) end
  local ratio = go_s and s.median / go_s.median
  local goal, holds = judge(w, s.median, ratio)
  report.row(FORMAT, title, report.cell(s),
    report.cell(go_s) .. (go_s and " @" .. go_s.procs or ""),
    ratio and string.format("%.2f", ratio) or "-", goal,
    report.verdict(holds))
end

return M
