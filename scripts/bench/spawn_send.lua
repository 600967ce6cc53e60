-- spawn_send.lua - n tasks, one send each; main collects meanwhile.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort spawn_send.lua [count]\n"
  os.exit(1)
end

local ch = chan()

local start = time.monotonic()
go(function()
  for i = 1, n do
    go(function()
      ch:send(i)
    end)
  end
end)
local sum = 0
for _ = 1, n do
  sum = sum + ch:recv()
end
local ns = (time.monotonic() - start) * 1e9

assert(sum == n * (n + 1) // 2, "a value got lost")
print(string.format("spawn_send %.1f", ns / n))
