-- firstmatch.lua - fan-in with cancellation: the first answer ends the rest.
-- SPDX-License-Identifier: MIT
--
-- A task for each file sends its matches on one channel. When enough have
-- come the context is cancelled: senders give up, and readers that are in
-- the middle of a large file are stopped, for the tasks are bound to it.
--
--   gort firstmatch.lua [-n] pattern file...     the first n matches (1)

local context = gort.context

local wanted = 1
if arg[1] and arg[1]:match "^%-%d+$" then
  wanted = tonumber(table.remove(arg, 1):sub(2))
end
local pattern = table.remove(arg, 1)
if not pattern or #arg == 0 then
  io.stderr:write "usage: gort firstmatch.lua [-n] pattern file...\n"
  os.exit(1)
end

-- All that the functions send, until they have returned or ctx is done.
local function fan_in(ctx, functions)
  local out, working = chan(), gort.sync.waitgroup()
  working:add(#functions)
  for _, fn in ipairs(functions) do
    ctx:go(function()
      local _ <close> = setmetatable({}, { __close = function()
        working:done()
      end })
      fn(out)
    end)
  end
  go(function()
    working:wait()
    out:close()
  end)
  return out
end

local searches = {}
for i, name in ipairs(arg) do
  searches[i] = function(out)
    local n = 0
    for line in io.lines(name) do
      n = n + 1
      if line:find(pattern) then
        out:send(("%s:%d: %s"):format(name, n, line))
      end
    end
  end
end

local ctx, cancel = context.with_cancel(context.background())
local matches = fan_in(ctx, searches)
local found = 0
while found < wanted do
  local line, ok = matches:recv()
  if not ok then break end
  print(line)
  found = found + 1
end
cancel()
for _ in matches do end -- until all have ended
os.exit(found > 0 and 0 or 1)
