-- wordfreq.lua - the most frequent words in a set of files.
-- SPDX-License-Identifier: MIT
--
-- Shows fan-out and fan-in: one channel hands file names to as many workers
-- as there are cores, another brings their word counts back to main, which
-- adds them up. Nothing is shared, so nothing needs a lock: a worker's table
-- is copied when it is sent.
--
--   gort wordfreq.lua [file...]     without files: the system's licence texts

local DEFAULT_DIR = "/usr/share/common-licenses"
local TOP = 20

-- The regular files of a directory, sorted. Links are left out: GPL and
-- GPL-3 are one text.
local function files_in(dir)
  local files = {}
  local find = assert(io.popen("find " .. dir .. " -maxdepth 1 -type f"))
  for name in find:lines() do
    files[#files + 1] = name
  end
  find:close()
  table.sort(files)
  return files
end

-- word -> how often; or nil and why the file could not be read.
local function count_words(name)
  local file, why = io.open(name)
  if not file then return nil, why end
  local text, err = file:read "a"
  file:close()
  if not text then return nil, name .. ": " .. err end

  local counts = {}
  for word in text:lower():gmatch "%a+" do
    counts[word] = (counts[word] or 0) + 1
  end
  return counts
end

local files = #arg > 0 and { table.unpack(arg) } or files_in(DEFAULT_DIR)
if #files == 0 then
  io.stderr:write("wordfreq: no files in ", DEFAULT_DIR, "\n",
    "usage: gort wordfreq.lua [file...]\n")
  os.exit(1)
end

local names, results = chan(), chan()

go(function()
  for _, name in ipairs(files) do
    names:send(name)
  end
  names:close()
end)

local workers = gort.sync.waitgroup()
for _ = 1, gort.runtime.maxprocs() do
  workers:go(function()
    for name in names do
      local counts, err = count_words(name)
      results:send { counts = counts, err = err }
    end
  end)
end

-- Only when every worker is through is nobody left who could send.
go(function()
  workers:wait()
  results:close()
end)

local totals, failed = {}, false
for result in results do
  if result.err then
    io.stderr:write("wordfreq: ", result.err, "\n")
    failed = true
  else
    for word, n in pairs(result.counts) do
      totals[word] = (totals[word] or 0) + n
    end
  end
end

local words = {}
for word in pairs(totals) do
  words[#words + 1] = word
end
-- Words with the same count by name, so that every run prints the same.
table.sort(words, function(a, b)
  if totals[a] ~= totals[b] then return totals[a] > totals[b] end
  return a < b
end)

for i = 1, math.min(TOP, #words) do
  print(string.format("%7d  %s", totals[words[i]], words[i]))
end

if failed then os.exit(1) end
