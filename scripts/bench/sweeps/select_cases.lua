-- select_cases.lua - one select with n cases, of which one is ready.
-- SPDX-License-Identifier: MIT
--
-- The cases are made once. Which one is ready changes from select to select.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 10))
if not n or n < 1 then
  io.stderr:write "usage: gort select_cases.lua [count [rounds]]\n"
  os.exit(1)
end

local rounds = math.tointeger(tonumber(arg[2]))
  or math.max(2000, 2000000 // n)

local cases, chans = {}, {}
for i = 1, n do
  chans[i] = chan(1)
  cases[i] = { recv = chans[i] }
end

local start = time.monotonic()
for r = 1, rounds do
  local i = r * 7 % n + 1
  chans[i]:send(r)
  local which, v = select(cases)
  assert(which == i and v == r)
end
local ns = (time.monotonic() - start) * 1e9

print(string.format("select_cases %.1f", ns / rounds))
