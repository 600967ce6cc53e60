-- unequal.lua - how well tasks of unequal length fill two cores.
-- SPDX-License-Identifier: MIT
--
-- Eight tasks work 1, 2, ... 8 units. Two cores are full all the time when
-- the tasks take half of what one task needs for all the units; the result
-- is how many times as long they took. n sets the length of a unit.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 40))
if not n or n < 1 then
  io.stderr:write "usage: gort unequal.lua [count]\n"
  os.exit(1)
end

local TASKS, CORES = 8, 2

local function fib(i)
  if i < 2 then return i end
  return fib(i - 1) + fib(i - 2)
end

local function work(units)
  for _ = 1, units * n do
    fib(22)
  end
end

gort.runtime.maxprocs(CORES)

local start = time.monotonic()
for i = 1, TASKS do
  work(i)
end
local best = (time.monotonic() - start) / CORES

local wg = gort.sync.waitgroup()
start = time.monotonic()
for i = 1, TASKS do
  wg:go(function()
    work(i)
  end)
end
wg:wait()
local took = time.monotonic() - start

print(string.format("unequal %.3f", took / best))
