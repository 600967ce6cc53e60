-- blocking_c.lua - how late tasks are while one is stuck in C.
-- SPDX-License-Identifier: MIT
--
-- n tasks sleep 10 ms again and again while another one sits in os.execute
-- for a second. The result is the worst delay in ms. The sleepers run first,
-- so that the task that blocks finds them started.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 10))
if not n or n < 1 then
  io.stderr:write "usage: gort blocking_c.lua [count]\n"
  os.exit(1)
end

local DELAY = 0.010

local stop, worsts = chan(), chan()

for _ = 1, n do
  go(function()
    local worst = 0
    repeat
      local start = time.monotonic()
      time.sleep(DELAY)
      worst = math.max(worst, time.monotonic() - start - DELAY)
    until stop:try_recv() -- ready once it is closed
    worsts:send(worst)
  end)
end
time.sleep(5 * DELAY)

go(function()
  assert(os.execute "sleep 1")
  stop:close()
end)

local worst = 0
for _ = 1, n do
  worst = math.max(worst, (worsts:recv()))
end
print(string.format("blocking_c %.3f", worst * 1e3))
