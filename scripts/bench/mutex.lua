-- mutex.lua - lock and unlock of a mutex that nobody else wants.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 10000000))
if not n or n < 1 then
  io.stderr:write "usage: gort mutex.lua [count]\n"
  os.exit(1)
end

local mu = gort.sync.mutex()

local start = time.monotonic()
for _ = 1, n do
  mu:lock()
  mu:unlock()
end

local ns = (time.monotonic() - start) * 1e9
print(string.format("mutex %.1f", ns / n))
