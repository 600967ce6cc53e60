-- life.lua - a barrier: workers that go on together, step by step.
-- SPDX-License-Identifier: MIT
--
-- Conway's game of life on a torus, cut into bands of rows with a worker for
-- each. All have to be done with a generation before anyone may begin the next
-- one: they meet at a barrier, which is a mutex, a condition and two numbers.
-- The rows, as strings, are in a shared map.
--
--   gort life.lua [generations] [workers]     a glider on its way (20, 4)

local sync = gort.sync
local SIZE = 16

local generations = math.tointeger(tonumber(arg[1] or 20))
local workers = math.tointeger(tonumber(arg[2] or 4))
if not (generations and workers) or generations < 0 or workers < 1
  or workers > SIZE or #arg > 2 then
  io.stderr:write "usage: gort life.lua [generations] [workers]\n"
  os.exit(1)
end

-- A function that returns when n tasks have called it; again and again.
local function barrier(n)
  local mu, waiting, round = sync.mutex(), sync.atomic(), sync.atomic()
  local turn = sync.cond(mu)
  return function()
    local _ <close> = mu:guard()
    local mine = round:load()
    if waiting:add(1) == n then
      waiting:store(0)
      round:add(1)
      turn:broadcast()
    end
    while round:load() == mine do
      turn:wait()
    end
  end
end

local function alive(row, x)
  return row:byte((x - 1) % SIZE + 1) == 35 and 1 or 0 -- "#"
end

local function next_row(above, row, below)
  local cells = {}
  for x = 1, SIZE do
    local n = alive(row, x - 1) + alive(row, x + 1)
    for dx = -1, 1 do
      n = n + alive(above, x + dx) + alive(below, x + dx)
    end
    local lives = n == 3 or n == 2 and alive(row, x) == 1
    cells[x] = lives and "#" or "."
  end
  return table.concat(cells)
end

local rows = sync.map()
for y = 1, SIZE do
  rows:store(y, ("."):rep(SIZE))
end
for y, row in ipairs { ".#", "..#", "###" } do -- a glider
  rows:store(y, row .. ("."):rep(SIZE - #row))
end

local meet = barrier(workers)
local all = sync.waitgroup()
for w = 1, workers do
  all:go(function()
    local first, last = (w - 1) * SIZE // workers + 1, w * SIZE // workers
    for _ = 1, generations do
      local band = {}
      for y = first, last do
        band[y] = next_row(rows:load((y - 2) % SIZE + 1), rows:load(y),
          rows:load(y % SIZE + 1))
      end
      meet() -- everybody has read this generation
      for y, row in pairs(band) do
        rows:store(y, row)
      end
      meet() -- everybody has written the next
    end
  end)
end
all:wait()

for y = 1, SIZE do
  print((rows:load(y)))
end
