-- with_timeout.lua - a context with a timeout is made and cancelled.
-- SPDX-License-Identifier: MIT
--
--   gort with_timeout.lua [contexts]      prints ns per context
local n = math.tointeger(tonumber(arg and arg[1])) or 1000000
local context, now = gort.context, gort.time.monotonic
local background = context.background()

local start = now()
for _ = 1, n do
  local _, cancel = context.with_timeout(background, 60)
  cancel()
end
print(string.format("with_timeout %.1f", (now() - start) * 1e9 / n))
