-- checksums.lua - bounded parallelism: many files, a few at a time.
-- SPDX-License-Identifier: MIT
--
-- An error group with a limit: go waits until one of the tasks is done, so no
-- more than so many files are open, and the first error ends it all. Each
-- task returns nothing but sends its line; the lines come in any order, so
-- they carry the place where they belong.
--
--   gort checksums.lua [-n] file...     as cksum does; n at a time (8)

local limit = 8
if arg[1] and arg[1]:match "^%-%d+$" then
  limit = tonumber(table.remove(arg, 1):sub(2))
end
if #arg == 0 or limit < 1 then
  io.stderr:write "usage: gort checksums.lua [-n] file...\n"
  os.exit(1)
end

-- The CRC of POSIX: most significant bit first, the length at the end.
local crc_table = {}
for i = 0, 255 do
  local c = i << 24
  for _ = 1, 8 do
    c = c & 0x80000000 ~= 0 and (c << 1) ~ 0x04C11DB7 or c << 1
  end
  crc_table[i] = c & 0xFFFFFFFF
end

local function cksum(text)
  local crc, len = 0, #text
  for i = 1, len do
    crc = (crc << 8 & 0xFFFFFFFF) ~ crc_table[crc >> 24 ~ text:byte(i)]
  end
  while len > 0 do
    crc = (crc << 8 & 0xFFFFFFFF) ~ crc_table[crc >> 24 ~ (len & 0xFF)]
    len = len >> 8
  end
  return ~crc & 0xFFFFFFFF
end

local lines = chan(#arg)
local group = gort.errgroup.new()
group:set_limit(limit)

for i, name in ipairs(arg) do
  group:go(function()
    local file, err = io.open(name, "rb")
    if not file then return nil, err end
    local text = file:read "a"
    file:close()
    if not text then return nil, name .. ": cannot be read" end
    lines:send { i, ("%d %d %s"):format(cksum(text), #text, name) }
  end)
end

local ok, err = group:wait()
lines:close()

local sorted = {}
for line in lines do
  sorted[line[1]] = line[2]
end
for i = 1, #arg do
  if sorted[i] then print(sorted[i]) end
end
if not ok then
  io.stderr:write("checksums: ", err, "\n")
  os.exit(1)
end
