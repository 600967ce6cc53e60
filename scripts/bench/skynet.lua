-- skynet.lua - a tree of tasks, ten below each.
-- SPDX-License-Identifier: MIT

local time = gort.time

local n = math.tointeger(tonumber(arg[1] or 1000000))
if not n or n < 1 then
  io.stderr:write "usage: gort skynet.lua [count]\n"
  os.exit(1)
end

-- The tree is even only with a power of ten: the next one.
local leaves = 1
while leaves < n do
  leaves = leaves * 10
end

local function skynet(parent, num, size)
  if size == 1 then
    parent:send(num)
    return
  end
  local children = chan()
  local below = size // 10
  for i = 0, 9 do
    go(skynet, children, num + i * below, below)
  end
  local sum = 0
  for _ = 1, 10 do
    sum = sum + children:recv()
  end
  parent:send(sum)
end

local start = time.monotonic()
local root = chan()
go(skynet, root, 0, leaves)
local sum = root:recv()
local ns = (time.monotonic() - start) * 1e9

assert(sum == leaves * (leaves - 1) // 2, "a leaf got lost")
print(string.format("skynet %.1f", ns / leaves))
