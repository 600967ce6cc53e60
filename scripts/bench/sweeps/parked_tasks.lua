-- parked_tasks.lua - round trips of two tasks while n others are parked.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000))
if not n or n < 1 then
  io.stderr:write "usage: gort parked_tasks.lua [count [rounds]]\n"
  os.exit(1)
end

local rounds = math.tointeger(tonumber(arg[2] or 500000))

local never, parked = chan(), gort.sync.waitgroup()
parked:add(n)
for _ = 1, n do
  go(function()
    parked:done()
    never:recv()
  end)
end
parked:wait()

local ping, pong = chan(), chan()
local wg = gort.sync.waitgroup()

local start = time.monotonic()
wg:go(function()
  for i = 1, rounds do
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
print(string.format("parked_tasks %.1f", ns / rounds))
