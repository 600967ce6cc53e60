-- sieve.lua - the concurrent prime sieve.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 2000))
if not n or n < 1 then
  io.stderr:write "usage: gort sieve.lua [count]\n"
  os.exit(1)
end

local function generate(out)
  local i = 2
  while true do
    out:send(i)
    i = i + 1
  end
end

local function filter(input, out, prime)
  for i in input do
    if i % prime ~= 0 then
      out:send(i)
    end
  end
end

local start = time.monotonic()
local ch = chan()
go(generate, ch)
for _ = 1, n do
  local prime = ch:recv()
  local rest = chan()
  go(filter, ch, rest, prime)
  ch = rest
end

local us = (time.monotonic() - start) * 1e6
print(string.format("sieve %.2f", us / n))
