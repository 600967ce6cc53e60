-- run.lua - runs the benchmarks, gort beside Go, and prints one table.
-- SPDX-License-Identifier: MIT
--
--   lua5.4 run.lua [--gort PATH] [--runs N] [--quick] [name...]
--
-- Runs with gort or a stock Lua; README.md says how to read the table. A
-- round is one run of each program (gort, Go on one core, Go on two), so that
-- whatever else the machine does meets all of them alike.

local USAGE = [[
usage: run.lua [--gort PATH] [--runs N] [--quick] [name...]
  --gort PATH   the program to measure (default: build/gort of this tree)
  --runs N      how often each program runs (default: 5)
  --quick       a tenth of the work, one run: does everything work?
  name...       only these workloads]]

local TIME_LIMIT = 300 -- seconds for one run of one program
local GO_PROCS = { 1, 2 }

-- Bounds: ratio is to Go's median, max and min are for the value itself.
local WORKLOADS = {
  { name = "spawn", unit = "ns", count = 1000000, go = true, ratio = 2.0 },
  { name = "spawn_send", unit = "ns", count = 1000000, go = true,
    ratio = 1.0 },
  { name = "pingpong", unit = "ns", count = 2000000, go = true, ratio = 1.5 },
  { name = "parked_memory", unit = "bytes", count = 1000000, go = true,
    ratio = 0.6 },
  { name = "fib_speedup", unit = "x", count = 64, go = true, min = 1.85 },
  { name = "unequal", unit = "x best", count = 40, max = 1.15 },
  { name = "timer_busy", unit = "ms", count = 20, max = 50 },
  { name = "blocking_c", unit = "ms", count = 10, max = 50 },
  { name = "idle", unit = "% CPU", count = 20, below = 0.5 },
  { name = "buffered", unit = "ns", count = 5000000, go = true },
  { name = "table5", unit = "ns", count = 1000000, go = true },
  { name = "string1k", unit = "ns", count = 1000000, go = true },
  { name = "select4", unit = "ns", count = 1000000, go = true },
  { name = "sieve", unit = "us", count = 2000, go = true },
  { name = "ring", unit = "ns", count = 1000000, go = true },
  { name = "skynet", unit = "ns", count = 1000000, go = true },
  { name = "mutex", unit = "ns", count = 10000000, go = true, max = 60 },
  { name = "contended", unit = "ns", count = 4000000, go = true },
  { name = "sleepers", unit = "s", count = 100000, go = true, ratio = 1.0 },
  { name = "with_timeout", unit = "ns", count = 1000000, go = true,
    ratio = 1.0 },
  { name = "cancel_all", unit = "s", count = 100000, go = true, max = 0.5 },
}

local function fail(message)
  io.stderr:write("run.lua: ", message, "\n")
  os.exit(1)
end

local function usage(message)
  fail(message .. "\n" .. USAGE)
end

local function parse(args, root)
  local options = { gort = root .. "/build/gort", names = {} }
  local i = 1
  while i <= #args do
    local a = args[i]
    if a == "--gort" then
      i = i + 1
      options.gort = args[i] or usage "--gort needs a path"
    elseif a == "--runs" then
      i = i + 1
      options.runs = math.tointeger(tonumber(args[i]))
      if not options.runs or options.runs < 1 then
        usage "--runs needs a number of at least 1"
      end
    elseif a == "--quick" then
      options.quick = true
    elseif a == "--help" or a == "-h" then
      print(USAGE)
      os.exit(0)
    elseif a:sub(1, 1) == "-" then
      usage("unknown option " .. a)
    else
      options.names[#options.names + 1] = a
    end
    i = i + 1
  end
  options.runs = options.runs or (options.quick and 1 or 5)
  return options
end

-- The workloads named, in the order of the table; all when none is.
local function chosen(names)
  if #names == 0 then return WORKLOADS end
  local wanted, list, known = {}, {}, {}
  for _, name in ipairs(names) do
    wanted[name] = true
  end
  for _, w in ipairs(WORKLOADS) do
    if wanted[w.name] then list[#list + 1] = w end
    wanted[w.name] = nil
    known[#known + 1] = w.name
  end
  local unknown = next(wanted)
  if unknown then
    fail("no workload '" .. unknown .. "'; there are: "
      .. table.concat(known, " "))
  end
  return list
end

local function quote(word)
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

-- What a shell command prints, its errors included, and whether it
-- succeeded, and its exit status.
local function capture(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local output = pipe:read "a"
  local ok, _, status = pipe:close()
  return output, ok, status
end

local function first_line(text)
  return text:match "[^\n]+" or "no output"
end

-- Runs a program: the number it prints; or nil and what went wrong.
local function measure(name, command)
  local output, ok, status =
    capture("timeout " .. TIME_LIMIT .. " " .. command)
  if status == 124 then
    return nil, "took longer than " .. TIME_LIMIT .. " s"
  elseif not ok then
    return nil, "status " .. tostring(status) .. ": " .. first_line(output)
  end
  local who, number = output:match "^(%S+) (%S+)\n$"
  local value = tonumber(number)
  -- A NaN is equal to nothing, an infinity is no measurement either.
  if who ~= name or not value or value ~= value
    or math.abs(value) == math.huge then
    return nil, "printed nonsense: " .. first_line(output)
  end
  return value
end

-- Builds the Go twin of a workload: the program; or nil and why not.
local function build_go(root, w)
  local out = root .. "/build/bench"
  local env = "GO111MODULE=off "
  if not (os.getenv "HOME" or os.getenv "GOCACHE"
    or os.getenv "XDG_CACHE_HOME") then
    local where = capture("cd " .. quote(root) .. " && pwd"):gsub("\n", "")
    env = env .. "GOCACHE=" .. quote(where .. "/build/bench/gocache") .. " "
  end
  local program = out .. "/" .. w.name
  local source = root .. "/scripts/bench/go/" .. w.name .. ".go"
  local output, ok = capture("mkdir -p " .. quote(out) .. " && " .. env
    .. "go build -o " .. quote(program) .. " " .. quote(source))
  if ok then return program end
  return nil, "go build: " .. (output:match "\n([^\n]+)" or first_line(output))
end

local function summary(values)
  table.sort(values)
  local n = #values
  return {
    median = (values[(n + 1) // 2] + values[n // 2 + 1]) / 2,
    min = values[1],
    max = values[n],
  }
end

-- All rounds of one workload: gort's and Go's summaries (Go's is nil without
-- Go); or nil, nil and what went wrong.
local function run(w, options, root, have_go)
  local n = options.quick and math.max(1, w.count // 10) or w.count
  local programs = {
    { who = "gort", values = {}, command = quote(options.gort) .. " "
      .. quote(root .. "/scripts/bench/" .. w.name .. ".lua") .. " " .. n },
  }
  if have_go and w.go then
    local program, err = build_go(root, w)
    if not program then return nil, nil, err end
    for _, procs in ipairs(GO_PROCS) do
      programs[#programs + 1] = {
        who = "Go", values = {}, procs = procs,
        command = "env GOMAXPROCS=" .. procs .. " " .. quote(program)
          .. " " .. n,
      }
    end
  end

  for _ = 1, options.runs do
    for _, p in ipairs(programs) do
      local value, err = measure(w.name, p.command)
      if not value then return nil, nil, p.who .. ": " .. err end
      p.values[#p.values + 1] = value
    end
  end

  local gort_result, go_result = summary(programs[1].values), nil
  for i = 2, #programs do
    local s = summary(programs[i].values)
    s.procs = programs[i].procs
    -- Only where there is a minimum is more better.
    if not go_result or (w.min and s.median > go_result.median)
      or (not w.min and s.median < go_result.median) then
      go_result = s
    end
  end
  return gort_result, go_result
end

local function number(v)
  local size = math.abs(v)
  return string.format(size < 10 and "%.2f" or size < 100 and "%.1f"
    or "%.0f", v)
end

local function cell(s)
  if not s then return "-" end
  return string.format("%s (%s-%s)%s", number(s.median), number(s.min),
    number(s.max), s.procs and " @" .. s.procs or "")
end

-- The bound as text, and whether it holds: nil when that can't be said.
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

-- Rows come out as they are ready, so the columns have fixed widths.
local function row(...)
  local line = string.format("%-22s %-22s %-25s %6s  %-12s %s", ...)
  print((line:gsub("%s+$", "")))
  io.stdout:flush()
end

local root = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/../.."
local options = parse(arg, root)
local workloads = chosen(options.names)
local _, runnable = capture("command -v " .. quote(options.gort))
if not runnable then
  fail("cannot run " .. options.gort .. ": build it with make, or name it "
    .. "with --gort")
end
local go_version, have_go = capture "go version"

print(string.format("%d run%s of each program%s; %s cores; %s\n", options.runs,
  options.runs == 1 and "" or "s",
  options.quick and ", a tenth of the work" or "",
  first_line(capture "nproc"),
  have_go and first_line(go_version)
    or "no Go here, so its columns stay empty"))
row("workload", "gort", "Go @GOMAXPROCS", "ratio", "bound", "")

local failed, missed = 0, 0
for _, w in ipairs(workloads) do
  local title = w.name .. " (" .. w.unit .. ")"
  local result, go_result, err = run(w, options, root, have_go)
  if not result then
    failed = failed + 1
    print(string.format("%-22s FAILED  %s", title, err))
    io.stdout:flush()
  else
    local ratio = go_result and result.median / go_result.median
    local bound, holds = judge(w, result.median, ratio)
    if holds == false then missed = missed + 1 end
    row(title, cell(result), cell(go_result),
      ratio and string.format("%.2f", ratio) or "-", bound,
      holds == nil and "" or holds and "ok" or "MISS")
  end
end

print(string.format("\n%d workloads: %d failed, %d missed their bound",
  #workloads, failed, missed))
if failed > 0 then os.exit(1) end
