-- report.lua - lines of the tables, and the count of what was missed.
-- SPDX-License-Identifier: MIT

local M = { failed = 0, missed = 0, held = 0 }

function M.number(v)
  local size = math.abs(v)
  return string.format(size < 10 and "%.2f" or size < 100 and "%.1f"
    or "%.0f", v)
end

-- A summary: median (smallest-largest).
function M.cell(s)
  if not s then return "-" end
  return string.format("%s (%s-%s)", M.number(s.median), M.number(s.min),
    M.number(s.max))
end

-- Rows come out as they are ready, so the columns have fixed widths.
function M.row(format, ...)
  local line = string.format(format, ...)
  print((line:gsub("%s+$", "")))
  io.stdout:flush()
end

function M.title(text)
  print("\n" .. text .. "\n")
end

-- The word for a goal that is held, missed, or cannot be judged (nil).
function M.verdict(holds)
  if holds == nil then return "" end
  if holds then
    M.held = M.held + 1
    return "ok"
  end
  M.missed = M.missed + 1
  return "MISS"
end

function M.failure(title, err)
  M.failed = M.failed + 1
  M.row("%-22s FAILED  %s", title, err)
end

return M
