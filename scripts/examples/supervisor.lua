-- supervisor.lua - supervised restart: let it fail, and begin anew.
-- SPDX-License-Identifier: MIT
--
-- A supervisor runs a function in a task and starts it again when it raises an
-- error, a little later each time, until it has failed too often: then the
-- supervisor itself fails, and whoever watches it may act. gort.async keeps an
-- error from ending the program.
--
--   gort supervisor.lua     a worker that stumbles over every third job

local time, sync = gort.time, gort.sync

-- Runs fn(...) until it returns; gives up after max failures.
local function supervise(max, fn, ...)
  local pause = 0.001
  for failure = 1, max do
    local f = gort.async(fn, ...)
    local ok, err = pcall(f.wait, f)
    if ok then return failure - 1 end
    print(("failure %d: %s"):format(failure, (err:gsub("^.-:%d+: ", ""))))
    time.sleep(pause)
    pause = pause * 2
  end
  error(("gave up after %d failures"):format(max), 0)
end

local jobs, results = chan(10), sync.map()
for i = 1, 10 do
  jobs:send(i)
end
jobs:close()

local function worker()
  for job in jobs do
    if job % 3 == 0 then
      error("cannot do job " .. job)
    end
    results:store(job, job * job)
  end
end

print("failures: " .. supervise(5, worker))
local done = {}
for job, result in results:range() do
  done[#done + 1] = ("%d: %d"):format(job, result)
end
table.sort(done, function(a, b)
  return tonumber(a:match "%d+") < tonumber(b:match "%d+")
end)
print(table.concat(done, "\n"))

print(select(2, pcall(supervise, 2, function()
  error "nothing works"
end)))
