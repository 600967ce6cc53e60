-- buffered.lua - integers through a buffered channel.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 5000000))
if not n or n < 1 then
  io.stderr:write "usage: gort buffered.lua [count]\n"
  os.exit(1)
end

local ch = chan(128)

local start = time.monotonic()
go(function()
  for i = 1, n do
    ch:send(i)
  end
  ch:close()
end)
local sum = 0
for v in ch do
  sum = sum + v
end
local ns = (time.monotonic() - start) * 1e9

assert(sum == n * (n + 1) // 2, "a value got lost")
print(string.format("buffered %.1f", ns / n))
