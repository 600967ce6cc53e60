-- run.lua - runs the benchmarks and prints their tables.
-- SPDX-License-Identifier: MIT
--
--   lua5.4 run.lua [--gort PATH] [--runs N] [--quick] [name...]
--
-- Runs with gort or a stock Lua; README.md says how to read the tables.

local root = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/../.."
package.path = root .. "/scripts/bench/?.lua;" .. package.path

local process = require "support.process"
local report = require "support.report"

local SECTIONS = {
  workloads = require "support.workloads",
  sweeps = require "support.sweeps",
  plain = require "support.plain",
}
local ORDER = { "workloads", "sweeps", "plain" }

local USAGE = [[
usage: run.lua [--gort PATH] [--runs N] [--quick] [name...]
  --gort PATH   the program to measure (default: build/gort of this tree)
  --runs N      how often each program runs (default: 5)
  --quick       a tenth of the work, one run: does everything work?
  name...       only these; a whole table: workloads, sweeps, plain]]

local function fail(message)
  io.stderr:write("run.lua: ", message, "\n")
  os.exit(1)
end

local function usage(message)
  fail(message .. "\n" .. USAGE)
end

local function parse(args)
  local options = { root = root, gort = root .. "/build/gort", names = {} }
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

-- For each section the rows named, in the order of its table; all when none
-- is.
local function chosen(names)
  local wanted, lists, known = {}, {}, {}
  for _, name in ipairs(names) do
    wanted[name] = true
  end
  for _, section in ipairs(ORDER) do
    local list = {}
    for _, w in ipairs(SECTIONS[section].list) do
      known[#known + 1] = w.name
      if #names == 0 or wanted[section] or wanted[w.name] then
        list[#list + 1] = w
      end
    end
    lists[section] = list
  end
  for _, name in ipairs(known) do
    wanted[name] = nil
  end
  for _, section in ipairs(ORDER) do
    wanted[section] = nil
  end
  local unknown = next(wanted)
  if unknown then
    fail("nothing is named '" .. unknown .. "'; there are: "
      .. table.concat(ORDER, " ") .. " " .. table.concat(known, " "))
  end
  return lists
end

local options = parse(arg)
local lists = chosen(options.names)
local _, runnable = process.capture("command -v "
  .. process.quote(options.gort))
if not runnable then
  fail("cannot run " .. options.gort .. ": build it with make, or name it "
    .. "with --gort")
end
local go_version
go_version, options.have_go = process.capture "go version"

print(string.format("%d run%s of each program%s; %s cores; %s", options.runs,
  options.runs == 1 and "" or "s",
  options.quick and ", a tenth of the work" or "",
  process.first_line(process.capture "nproc"),
  options.have_go and process.first_line(go_version)
    or "no Go here, so its columns stay empty"))

for _, name in ipairs(ORDER) do
  local section, list = SECTIONS[name], lists[name]
  if #list > 0 then
    report.title(section.title)
    section.head()
    for _, w in ipairs(list) do
      section.run(w, options)
    end
  end
end

print(string.format("\n%d goals reached, %d missed; %d programs failed",
  report.held, report.missed, report.failed))
if report.failed > 0 then os.exit(1) end
