-- spawn.lua - n tasks that only say they are done.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort spawn.lua [count]\n"
  os.exit(1)
end

local wg = gort.sync.waitgroup()

local start = time.monotonic()
wg:add(n)
for _ = 1, n do
  go(function()
    wg:done()
  end)
end
wg:wait()

local ns = (time.monotonic() - start) * 1e9
print(string.format("spawn %.1f", ns / n))
