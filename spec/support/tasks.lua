-- Small tools for specs about tasks.
-- SPDX-License-Identifier: MIT
--
-- In a module, so that the functions see plain globals and not busted's.

local M = {}

-- A value's way to another task and back, by channels.
function M.by_channel(v)
  local there, back = chan(), chan()
  go(function() back:send((there:recv())) end)
  there:send(v)
  return (back:recv())
end

-- A value's way to a task as an argument of go, and back.
function M.by_go(v)
  local back = chan()
  go(function(x) back:send(x) end, v)
  return (back:recv())
end

-- A value's way to a task as a captured variable, and back.
function M.by_capture(v)
  local back = chan()
  go(function() back:send(v) end)
  return (back:recv())
end

-- Runs fn(...) in a task: whether it ended well, and its results or its error.
function M.run(fn, ...)
  local ch = chan(1)
  go(function(...) ch:send(table.pack(pcall(fn, ...))) end, ...)
  local results = ch:recv()
  return table.unpack(results, 1, results.n)
end

-- A part of stack(true): of a task that watches a spec, or looks as this does.
local function is_ours(part)
  return part:find "\ncreated by task %d+ at [^\n]*within%.lua:"
    or part:find("in function 'gort.runtime.stack'", 1, true)
end

-- Waits until n tasks are parked for this reason ("chan send").
function M.until_parked(n, reason)
  local head = "^%[" .. reason:gsub("%p", "%%%0") .. "[],]"
  local found
  repeat
    found = 0
    local stacks = gort.runtime.stack(true) .. "\n"
    for part in stacks:gmatch "task %d+ (%[.-\n)\n" do
      if part:find(head) and not is_ours(part) then found = found + 1 end
    end
    gort.runtime.yield()
  until found >= n
end

-- Yields until fn() is true.
function M.until_true(fn)
  while not fn() do
    gort.runtime.yield()
  end
end

-- Waits until there are just this task and the one that watches it.
function M.until_alone()
  M.until_true(function() return gort.runtime.numtasks() <= 2 end)
end

-- Calls fn(...), which must fail: the message, without its place.
function M.error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("no error", 2) end
  return type(err) == "string" and err:gsub("^[^\n:]+:%d+: ", "") or err
end

return M
