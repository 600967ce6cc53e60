-- stock.lua - gort as a module of a stock lua5.4.
-- SPDX-License-Identifier: MIT
--
--   lua5.4 stock.lua [N]        primes up to N, on every core

local gort = require "gort"

local function is_prime(n)
  for d = 2, math.floor(n ^ 0.5) do
    if n % d == 0 then return false end
  end
  return n > 1
end

local limit = tonumber(arg and arg[1]) or 20000

local count = gort.run(function()
  local step = 1000
  local counts = gort.chan(16)
  local parts = 0
  for from = 1, limit, step do
    parts = parts + 1
    gort.go(function()
      local n = 0
      for i = from, math.min(from + step - 1, limit) do
        if is_prime(i) then n = n + 1 end
      end
      counts:send(n)
    end)
  end
  local total = 0
  for _ = 1, parts do total = total + counts:recv() end
  return total
end)

print(("%d primes up to %d"):format(count, limit))
