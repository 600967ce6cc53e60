-- fib_speedup.lua - what a second core gives CPU-bound jobs.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 64))
if not n or n < 1 then
  io.stderr:write "usage: gort fib_speedup.lua [count]\n"
  os.exit(1)
end

local WANT = 196418 -- fib(27)

local function fib(i)
  if i < 2 then return i end
  return fib(i - 1) + fib(i - 2)
end

-- Seconds for all jobs, a task each, on so many cores.
local function seconds(procs, jobs)
  gort.runtime.maxprocs(procs)
  local results = chan(jobs)

  local start = time.monotonic()
  for _ = 1, jobs do
    go(function()
      results:send(fib(27))
    end)
  end
  for _ = 1, jobs do
    assert(results:recv() == WANT, "fib(27) is wrong")
  end
  return time.monotonic() - start
end

local one = seconds(1, n)
local two = seconds(2, n)
print(string.format("fib_speedup %.3f", one / two))
