-- shutdown.lua - graceful shutdown: finish what was begun, but not for ever.
-- SPDX-License-Identifier: MIT
--
-- The end of a context says that no new work is to be taken; the workers
-- finish what they have. Whoever is still at it after the grace period is
-- stopped, since the workers are bound to a second context: their <close>
-- variables run, so nothing is left half done.
--
--   gort shutdown.lua [grace]     seconds for what was begun (0.2)

local time, context, sync = gort.time, gort.context, gort.sync

local grace = tonumber(arg[1] or 0.2)
if not grace or grace < 0 or #arg > 1 then
  io.stderr:write "usage: gort shutdown.lua [grace]\n"
  os.exit(1)
end

local jobs, log = chan(), chan(100)
local accepting, stop_accepting = context.with_cancel(context.background())
local working, stop_working = context.with_cancel(context.background())
local workers = sync.waitgroup()

local function work(id)
  local state <close> = setmetatable({ job = "nothing" }, {
    __close = function(self)
      log:send(("worker %d: leaves, at work on %s"):format(id, self.job))
      workers:done()
    end,
  })
  while true do
    local job, ok = jobs:recv(accepting)
    if not ok then return end
    state.job = job.name
    time.sleep(job.seconds)
    log:send(("worker %d: %s done"):format(id, job.name))
    state.job = "nothing"
  end
end

workers:add(2)
working:go(work, 1)
working:go(work, 2)

jobs:send { name = "a short job", seconds = 0.02 }
jobs:send { name = "an endless job", seconds = 1e9 }

stop_accepting() -- here a signal would have come
local in_time = workers:wait(grace)
stop_working()
workers:wait()

log:close()
local lines = {}
for line in log do
  lines[#lines + 1] = line:gsub("worker %d", "a worker")
end
table.sort(lines)
print(table.concat(lines, "\n"))
print(in_time and "all finished in time" or "some had to be stopped")
