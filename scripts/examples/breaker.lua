-- breaker.lua - a circuit breaker: leave a broken service alone for a while.
-- SPDX-License-Identifier: MIT
--
-- Calls go through while the breaker is closed. After some failures in a row
-- it opens: calls fail at once. When it has cooled down one call is let through
-- as a trial, and its outcome closes the breaker or opens it again. The state
-- is two numbers that all tasks share; cas decides whose call is the trial.
--
--   gort breaker.lua     a service that is down for a while

local time, sync = gort.time, gort.sync

-- Calls fn(...) through the breaker: its results, or nil, err.
local function breaker(failures, cooling)
  local failed = sync.atomic()  -- in a row
  local open_until = sync.atomic() -- ns of the monotonic clock; 0: closed
  local function now()
    return math.floor(time.monotonic() * 1e9)
  end
  return function(fn, ...)
    local opened = open_until:load()
    if opened > 0 then
      local later = now() + math.floor(cooling * 1e9)
      if now() < opened or not open_until:cas(opened, later) then
        return nil, "the circuit is open"
      end
    end
    local results = table.pack(fn(...))
    if results[1] ~= nil then
      failed:store(0)
      open_until:store(0)
    elseif failed:add(1) >= failures then
      open_until:store(now() + math.floor(cooling * 1e9))
    end
    return table.unpack(results, 1, results.n)
  end
end

-- Works twice, is down for five calls, and works again.
local calls = sync.atomic()
local function service(what)
  local n = calls:add(1)
  if n > 2 and n <= 7 then return nil, "service is down" end
  return what .. " done"
end

local call = breaker(3, 0.05)
local job = 0
repeat
  job = job + 1
  local result, err = call(service, "job " .. job)
  print(result or ("job %d: %s"):format(job, err))
  time.sleep(err and 0.02 or 0)
until result and calls:load() > 7
print("calls that reached the service: " .. calls:load())
