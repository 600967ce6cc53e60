-- table5.lua - copies of a five-field table through a channel.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort table5.lua [count]\n"
  os.exit(1)
end

local ch = chan(128)

local start = time.monotonic()
go(function()
  local record = { id = 1, x = 10, y = 20, width = 30, height = 40 }
  for _ = 1, n do
    ch:send(record)
  end
  ch:close()
end)
local sum = 0
for message in ch do
  sum = sum + message.id
end
local ns = (time.monotonic() - start) * 1e9

assert(sum == n, "a message got lost")
print(string.format("table5 %.1f", ns / n))
