-- primes.lua - the concurrent prime sieve.
-- SPDX-License-Identifier: MIT
--
-- Shows tasks as a chain of filters: every prime found adds one task, which
-- lets through what it does not divide. What comes out at the end of the
-- chain is the next prime. The tasks never end; they go when main returns.
--
--   gort primes.lua [n]             the first n primes (100)

local n = math.tointeger(tonumber(arg[1] or 100))
if not n or n < 0 or #arg > 1 then
  io.stderr:write("primes: n must be an integer of at least 0\n",
    "usage: gort primes.lua [n]\n")
  os.exit(1)
end

-- 2, 3, 4, ... for ever
local function generate(out)
  local i = 2
  while true do
    out:send(i)
    i = i + 1
  end
end

-- What prime does not divide.
local function filter(input, out, prime)
  for i in input do
    if i % prime ~= 0 then
      out:send(i)
    end
  end
end

local ch = chan()
go(generate, ch)
for _ = 1, n do
  local prime = ch:recv()
  print(prime)
  local rest = chan()
  go(filter, ch, rest, prime)
  ch = rest
end
