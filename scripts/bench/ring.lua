-- ring.lua - a token that goes round a thousand tasks.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort ring.lua [count]\n"
  os.exit(1)
end

local SIZE = 1000 -- main is one of them

local laps = (n + SIZE - 1) // SIZE
local hops = laps * SIZE

local function pass(input, out)
  for token in input do
    out:send(token + 1)
  end
end

local first = chan()
local last = first
for _ = 2, SIZE do
  local out = chan()
  go(pass, last, out)
  last = out
end

-- The first lap starts the tasks and does not count.
first:send(0)
last:recv()

local start = time.monotonic()
local token = 0
for _ = 1, laps do
  first:send(token + 1)
  token = last:recv()
end
local ns = (time.monotonic() - start) * 1e9

assert(token == hops, "the token was not everywhere")
print(string.format("ring %.1f", ns / hops))
