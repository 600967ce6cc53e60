-- jobs.lua - CPU time only: n equal jobs, a task each.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 64))
if not n or n < 1 then
  io.stderr:write "usage: gort jobs.lua [count]\n"
  os.exit(1)
end

local function fib(i)
  if i < 2 then return i end
  return fib(i - 1) + fib(i - 2)
end

local results = chan(n)

local start = time.monotonic()
for _ = 1, n do
  go(function()
    results:send(fib(25))
  end)
end
for _ = 1, n do
  assert(results:recv() == 75025, "fib(25) is wrong")
end
print(string.format("jobs %.1f", (time.monotonic() - start) * 1e3))
