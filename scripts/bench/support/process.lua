-- process.lua - runs programs that measure themselves, in turns.
-- SPDX-License-Identifier: MIT

local M = {}

local TIME_LIMIT = 300 -- seconds for one run of one program

function M.quote(word)
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

-- What a shell command prints, its errors included, and whether it
-- succeeded, and its exit status.
function M.capture(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local output = pipe:read "a"
  local ok, _, status = pipe:close()
  return output, ok, status
end

function M.first_line(text)
  return text:match "[^\n]+" or "no output"
end

-- Runs a program: the number it prints after its name; or nil and what went
-- wrong.
local function measure(name, command)
  local output, ok, status =
    M.capture("timeout " .. TIME_LIMIT .. " " .. command)
  if status == 124 then
    return nil, "took longer than " .. TIME_LIMIT .. " s"
  elseif not ok then
    return nil, "status " .. tostring(status) .. ": " .. M.first_line(output)
  end
  local who, number = output:match "^(%S+) (%S+)\n$"
  local value = tonumber(number)
  -- A NaN is equal to nothing, an infinity is no measurement either.
  if who ~= name or not value or value ~= value
    or math.abs(value) == math.huge then
    return nil, "printed nonsense: " .. M.first_line(output)
  end
  return value
end

local function summary(values)
  table.sort(values)
  local n = #values
  return {
    median = (values[(n + 1) // 2] + values[n // 2 + 1]) / 2,
    min = values[1],
    max = values[n],
  }
end

-- Runs programs - tables with name (what they print), command, who - in turns,
-- so that what else the machine does meets all alike; gives each its summary
-- (median, min, max). Gives nil and a message when one fails.
function M.rounds(programs, runs)
  for _, p in ipairs(programs) do
    p.values = {}
  end
  for _ = 1, runs do
    for _, p in ipairs(programs) do
      local value, err = measure(p.name, p.command)
      if not value then return nil, p.who .. ": " .. err end
      p.values[#p.values + 1] = value
    end
  end
  for _, p in ipairs(programs) do
    p.summary = summary(p.values)
  end
  return true
end

return M
