-- strings.lua - format, find, gsub, concatenation, n times.
-- SPDX-License-Identifier: MIT

local n = math.tointeger(tonumber(arg[1] or 150000))

local start = os.clock()
local size, parts = 0, {}
for i = 1, n do
  local line = string.format("%d,%s,%5.2f;", i, "name" .. i % 100, i / 7)
  local name = line:match "^%d+,(%a+%d+)"
  local loud = name:upper():gsub("%d", "<%0>")
  if line:find("99", 1, true) then size = size + #loud end
  parts[#parts + 1] = loud .. line:sub(-3)
  if #parts == 100 then
    size = size + #table.concat(parts, "\n")
    parts = {}
  end
end
print(string.format("strings %.2f", (os.clock() - start) * 1e3))
assert(size > n)
