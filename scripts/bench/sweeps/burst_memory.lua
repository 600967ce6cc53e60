-- burst_memory.lua - what is left of the memory of n tasks.
-- SPDX-License-Identifier: MIT
--
-- Before is after a small burst, so that the interpreters are there. The
-- result is the resident size a second after a collection that follows the
-- large one, divided by what it was before.

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort burst_memory.lua [count]\n"
  os.exit(1)
end

local function rss()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmRSS:%s+(%d+)"
    if kb then return tonumber(kb) end
  end
  error "no VmRSS in /proc/self/status"
end

-- That many tasks, all of them parked at the same time.
local function burst(tasks)
  local never, parked = chan(), gort.sync.waitgroup()
  local over = gort.sync.waitgroup()
  parked:add(tasks)
  over:add(tasks)
  for _ = 1, tasks do
    go(function()
      parked:done()
      never:recv()
      over:done()
    end)
  end
  parked:wait()
  never:close()
  over:wait()
end

local function settled()
  collectgarbage()
  time.sleep(1)
  return rss()
end

burst(1000)
local before = settled()
burst(n)
print(string.format("burst_memory %.2f", settled() / before))
