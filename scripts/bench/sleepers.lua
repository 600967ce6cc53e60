-- sleepers.lua - many tasks that sleep a second.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 100000))
if not n or n < 1 then
  io.stderr:write "usage: gort sleepers.lua [count]\n"
  os.exit(1)
end

local wg = gort.sync.waitgroup()

local start = time.monotonic()
wg:add(n)
for _ = 1, n do
  go(function()
    time.sleep(1)
    wg:done()
  end)
end
wg:wait()

print(string.format("sleepers %.3f", time.monotonic() - start))
