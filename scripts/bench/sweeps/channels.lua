-- channels.lua - a send and a receive while there are n channels.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000))
if not n or n < 1 then
  io.stderr:write "usage: gort channels.lua [count [rounds]]\n"
  os.exit(1)
end

local rounds = math.tointeger(tonumber(arg[2] or 2000000))

local all = {}
for i = 1, n do
  all[i] = chan(1)
end
local ch = all[n // 2 + 1]
collectgarbage()

local start = time.monotonic()
local sum = 0
for i = 1, rounds do
  ch:send(i)
  sum = sum + ch:recv()
end
local ns = (time.monotonic() - start) * 1e9

assert(sum == rounds * (rounds + 1) // 2, "a value got lost")
print(string.format("channels %.1f", ns / rounds))
