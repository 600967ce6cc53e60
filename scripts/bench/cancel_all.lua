-- cancel_all.lua - one context is cancelled under which many tasks wait.
-- SPDX-License-Identifier: MIT
--
--   gort cancel_all.lua [tasks]      prints seconds until the last has ended
local n = math.tointeger(tonumber(arg and arg[1])) or 100000
local now = gort.time.monotonic
local ctx, cancel = gort.context.with_cancel(gort.context.background())
local ch, waiting, wg = chan(), gort.sync.waitgroup(), gort.sync.waitgroup()

waiting:add(n)
for _ = 1, n do
  wg:go(function()
    waiting:done()
    ch:recv(ctx)
  end)
end
waiting:wait()
gort.time.sleep(0.05)

local start = now()
cancel()
wg:wait()
print(string.format("cancel_all %.3f", now() - start))
