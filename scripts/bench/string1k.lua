-- string1k.lua - copies of 1 KiB through a channel.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort string1k.lua [count]\n"
  os.exit(1)
end

local ch = chan(128)
local text = ("x"):rep(1024)

local start = time.monotonic()
go(function()
  for _ = 1, n do
    ch:send(text)
  end
  ch:close()
end)
local size = 0
for message in ch do
  size = size + #message
end
local ns = (time.monotonic() - start) * 1e9

assert(size == n * #text, "a message got lost")
print(string.format("string1k %.1f", ns / n))
