-- fib.lua - calls and integers, for gort and a stock Lua.
-- SPDX-License-Identifier: MIT

local n = math.tointeger(tonumber(arg[1] or 32))

local function fib(i)
  if i < 2 then return i end
  return fib(i - 1) + fib(i - 2)
end

local start = os.clock()
local result = fib(n)
print(string.format("fib %.2f", (os.clock() - start) * 1e3))
assert(result > 0)
