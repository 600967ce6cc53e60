-- workerpool.lua - a fixed number of workers for any number of jobs.
-- SPDX-License-Identifier: MIT
--
-- Shows the worker pool of Go by Example with jobs that keep a core busy:
-- workers take jobs from one channel and send results on another. Results
-- arrive in the order in which they get ready; the job's id puts them back in
-- place. The same jobs then go to a pool of one, to see what the cores gave.
--
--   gort workerpool.lua [workers] [jobs]    one worker per core, 24 jobs

local time = gort.time

local function usage(message)
  io.stderr:write("workerpool: ", message, "\n",
    "usage: gort workerpool.lua [workers] [jobs]\n")
  os.exit(1)
end

local workers = math.tointeger(tonumber(arg[1] or gort.runtime.maxprocs()))
local jobs = math.tointeger(tonumber(arg[2] or 24))
if not workers or workers < 1 then
  usage "workers must be an integer of at least 1"
end
if not jobs or jobs < 1 then usage "jobs must be an integer of at least 1" end
if #arg > 2 then usage "too many arguments" end

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

-- Computes fib of every number in the list: a list of { value, worker } in
-- the same order, and the seconds it took.
local function run(pool_size, numbers)
  local start = time.monotonic()
  local queue, results = chan(), chan()

  for worker = 1, pool_size do
    go(function()
      for job in queue do
        results:send { id = job.id, value = fib(job.n), worker = worker }
      end
    end)
  end

  go(function()
    for id, n in ipairs(numbers) do
      queue:send { id = id, n = n }
    end
    queue:close()
  end)

  local done = {}
  for _ = 1, #numbers do
    local result = results:recv()
    done[result.id] = result
  end
  return done, time.monotonic() - start
end

-- Jobs of very different length: fib(28) takes 18 times as long as fib(22).
local numbers = {}
for id = 1, jobs do
  numbers[id] = 22 + id % 7
end

local results, pooled = run(workers, numbers)
for id, result in ipairs(results) do
  print(string.format("job %3d: fib(%d) = %6d  by worker %d", id,
    numbers[id], result.value, result.worker))
end

local _, alone = run(1, numbers)
print(string.format("%d workers: %.3f s, one: %.3f s, speed-up %.2f",
  workers, pooled, alone, alone / pooled))
