-- timers.lua - a timer is set and stopped while n others are set.
-- SPDX-License-Identifier: MIT
--
-- It is due before all others, so each time it goes through the whole heap.
-- Timers that call a function are in the heap though nobody waits for them.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000))
if not n or n < 1 then
  io.stderr:write "usage: gort timers.lua [count [rounds]]\n"
  os.exit(1)
end

local rounds = math.tointeger(tonumber(arg[2] or 1000000))
local HOUR = 3600

local function nothing() end

math.randomseed(1)
local others = {}
for i = 1, n do
  others[i] = time.after_func(HOUR + HOUR * math.random(), nothing)
end
local timer = time.after_func(HOUR, nothing)
collectgarbage()

local start = time.monotonic()
for i = 1, rounds do
  timer:reset(HOUR / 2 - i * 1e-6)
  timer:stop()
end
local ns = (time.monotonic() - start) * 1e9

assert(others[n]:stop(), "a timer got lost")
print(string.format("timers %.1f", ns / rounds))
