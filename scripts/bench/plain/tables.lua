-- tables.lua - arrays, fields, sorting, many small tables, n times.
-- SPDX-License-Identifier: MIT

local n = math.tointeger(tonumber(arg[1] or 40))

local function round(seed)
  local list, count = {}, {}
  for i = 1, 5000 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    list[i] = { key = seed % 1000, value = i }
  end
  table.sort(list, function(a, b)
    if a.key ~= b.key then return a.key < b.key end
    return a.value < b.value
  end)
  for _, item in ipairs(list) do
    count[item.key] = (count[item.key] or 0) + 1
  end
  local total = 0
  for _, c in pairs(count) do
    total = total + c
  end
  assert(total == #list)
  while #list > 4000 do
    table.remove(list)
  end
  table.insert(list, 1, list[#list])
  return seed
end

local start = os.clock()
local seed = 1
for _ = 1, n do
  seed = round(seed)
end
print(string.format("tables %.2f", (os.clock() - start) * 1e3))
