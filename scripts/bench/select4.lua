-- select4.lua - four producers, one consumer that selects.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort select4.lua [count]\n"
  os.exit(1)
end

local each = (n + 3) // 4
n = 4 * each

local function produce(ch)
  for i = 1, each do
    ch:send(i)
  end
end

local start = time.monotonic()
local a, b, c, d = chan(), chan(), chan(), chan()
go(produce, a)
go(produce, b)
go(produce, c)
go(produce, d)
local sum = 0
for _ = 1, n do
  local _, v = select {
    { recv = a },
    { recv = b },
    { recv = c },
    { recv = d },
  }
  sum = sum + v
end
local ns = (time.monotonic() - start) * 1e9

assert(sum == 2 * each * (each + 1), "a value got lost")
print(string.format("select4 %.1f", ns / n))
