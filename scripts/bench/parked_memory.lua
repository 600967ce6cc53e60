-- parked_memory.lua - bytes per parked task.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort parked_memory.lua [count]\n"
  os.exit(1)
end

local function rss()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmRSS:%s+(%d+)"
    if kb then return tonumber(kb) * 1024 end
  end
  error "no VmRSS in /proc/self/status"
end

-- The resident size once every task has started and parked: when it has not
-- moved by more than 1 MB for half a second. A wait group would say so too,
-- but every task would have to hold it.
local function settled_rss()
  local last, still = rss(), 0
  while still < 5 do
    time.sleep(0.1)
    local now = rss()
    still = math.abs(now - last) < 2 ^ 20 and still + 1 or 0
    last = now
  end
  return last
end

local ch = chan()

local before = settled_rss()
for _ = 1, n do
  go(function()
    ch:recv()
  end)
end
local bytes = settled_rss() - before

print(string.format("parked_memory %.1f", bytes / n))
