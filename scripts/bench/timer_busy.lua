-- timer_busy.lua - how late a timer is while every core is busy.
-- SPDX-License-Identifier: MIT
--
-- As many tasks as there are cores loop for ever; main waits n times for a
-- timer of 1 ms. The result is the worst delay in ms.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 20))
if not n or n < 1 then
  io.stderr:write "usage: gort timer_busy.lua [count]\n"
  os.exit(1)
end

local DELAY = 0.001

for _ = 1, gort.runtime.maxprocs() do
  go(function()
    while true do end
  end)
end
time.sleep(0.1) -- let them take the cores

local worst = 0
for _ = 1, n do
  local start = time.monotonic()
  time.after(DELAY):recv()
  worst = math.max(worst, time.monotonic() - start - DELAY)
end

print(string.format("timer_busy %.3f", worst * 1e3))
