-- contended.lua - eight tasks that want the same mutex all the time.
-- SPDX-License-Identifier: MIT

local time = gort.time
local TASKS = 8

local n = math.tointeger(tonumber(arg[1] or 4000000))
if not n or n < 1 then
  io.stderr:write "usage: gort contended.lua [count]\n"
  os.exit(1)
end

local each = (n + TASKS - 1) // TASKS
local mu, sum = gort.sync.mutex(), gort.sync.atomic()
local wg = gort.sync.waitgroup()

local start = time.monotonic()
for _ = 1, TASKS do
  wg:go(function()
    for _ = 1, each do
      mu:lock()
      sum:store(sum:load() + 1)
      mu:unlock()
    end
  end)
end
wg:wait()
assert(sum:load() == each * TASKS)

local ns = (time.monotonic() - start) * 1e9
print(string.format("contended %.1f", ns / (each * TASKS)))
