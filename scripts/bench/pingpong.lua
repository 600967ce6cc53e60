-- pingpong.lua - round trips between two tasks.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 2000000))
if not n or n < 1 then
  io.stderr:write "usage: gort pingpong.lua [count]\n"
  os.exit(1)
end

local ping, pong = chan(), chan()
local wg = gort.sync.waitgroup()

local start = time.monotonic()
wg:go(function()
  for i = 1, n do
    ping:send(i)
    pong:recv()
  end
  ping:close()
end)
wg:go(function()
  for i in ping do
    pong:send(i)
  end
end)
wg:wait()

local ns = (time.monotonic() - start) * 1e9
print(string.format("pingpong %.1f", ns / n))
