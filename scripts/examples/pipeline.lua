-- pipeline.lua - stages connected by channels.
-- SPDX-License-Identifier: MIT
--
--   generate --> square --> merge --> sum
--           \--> square --/
--
-- Shows the pipelines of Go's blog: a stage is a function that takes the
-- channel it reads from and returns the one it writes to; its work is done by
-- a task of its own. Each stage closes its output when its input is closed
-- and drained, so the end of the numbers travels down the pipeline by itself.
--
--   gort pipeline.lua [n] [squarers]    1^2 + ... + n^2 (1000) by 4 squarers

local function usage(message)
  io.stderr:write("pipeline: ", message, "\n",
    "usage: gort pipeline.lua [n] [squarers]\n")
  os.exit(1)
end

local n = math.tointeger(tonumber(arg[1] or 1000))
local squarers = math.tointeger(tonumber(arg[2] or 4))
if not n or n < 0 then usage "n must be an integer of at least 0" end
if not squarers or squarers < 1 then
  usage "squarers must be an integer of at least 1"
end
if #arg > 2 then usage "too many arguments" end

local function generate(last)
  local out = chan()
  go(function()
    for i = 1, last do
      out:send(i)
    end
    out:close()
  end)
  return out
end

local function square(input)
  local out = chan()
  go(function()
    for i in input do
      out:send(i * i)
    end
    out:close()
  end)
  return out
end

-- One channel with everything that comes out of several.
local function merge(inputs)
  local out = chan()
  local open = gort.sync.waitgroup()
  for _, input in ipairs(inputs) do
    open:go(function()
      for v in input do
        out:send(v)
      end
    end)
  end
  -- out may close only after the last input has: a send on a closed channel
  -- is an error.
  go(function()
    open:wait()
    out:close()
  end)
  return out
end

local numbers = generate(n)
local squares = {}
for i = 1, squarers do
  -- All read from one channel: each number goes to whoever is free.
  squares[i] = square(numbers)
end

local sum = 0
for v in merge(squares) do
  sum = sum + v
end
print(string.format("the squares of 1 to %d add up to %d", n, sum))
