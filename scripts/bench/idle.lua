-- idle.lua - CPU time of a program that only sleeps, in per cent.
-- SPDX-License-Identifier: MIT
--
-- os.clock is the CPU time of the whole process: every thread counts.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 20))
if not n or n < 1 then
  io.stderr:write "usage: gort idle.lua [count]\n"
  os.exit(1)
end

local SECONDS = 5

local wg = gort.sync.waitgroup()

local start, cpu = time.monotonic(), os.clock()
for _ = 1, n do
  wg:go(function()
    time.sleep(SECONDS)
  end)
end
wg:wait()
local share = (os.clock() - cpu) / (time.monotonic() - start)

print(string.format("idle %.3f", share * 100))
