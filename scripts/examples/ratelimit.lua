-- ratelimit.lua - a rate limiter: so many a second, with bursts.
-- SPDX-License-Identifier: MIT
--
-- A token bucket is a buffered channel. A ticker drops a token into it, unless
-- it is full; whoever wants to do something takes one first. A burst spends
-- what has gathered, then the ticker sets the pace.
--
--   gort ratelimit.lua [requests] [rate] [burst]   20, 100 a second, 5 at once

local time, context = gort.time, gort.context

local requests = math.tointeger(tonumber(arg[1] or 20))
local rate = tonumber(arg[2] or 100)
local burst = math.tointeger(tonumber(arg[3] or 5))
if not (requests and rate and burst) or requests < 0 or rate <= 0
  or burst < 1 or #arg > 3 then
  io.stderr:write "usage: gort ratelimit.lua [requests] [rate] [burst]\n"
  os.exit(1)
end

-- A function that waits for its turn: true; or false and why not.
local function limiter(ctx, per_second, at_once)
  local tokens = chan("boolean", at_once)
  for _ = 1, at_once do
    tokens:send(true)
  end
  ctx:go(function() -- ends with ctx
    for _ in time.ticker(1 / per_second) do
      tokens:try_send(true)
    end
  end)
  return function(limit)
    local _, ok, err = tokens:recv(limit)
    return ok, err
  end
end

local ctx, cancel = context.with_cancel(context.background())
local _ <close> = cancel
local wait = limiter(ctx, rate, burst)
local start = time.monotonic()

local done = chan()
for i = 1, requests do
  go(function()
    wait()
    done:send { i, time.monotonic() - start }
  end)
end

for n = 1, requests do
  local request = done:recv()
  print(("%3d  request %3d at %.3f s"):format(n, request[1], request[2]))
end
