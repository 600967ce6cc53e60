-- ways: runs the rules of a spec file in this process; see crossing.lua.
-- SPDX-License-Identifier: MIT
--
--   gort spec/support/ways.lua FILE MODE
--
-- MODE is "main" (the rules run in the main task) or what GORT_PLACEMENT is
-- ("together", "apart": in another task). Writes a line for each rule.

-- luacheck: globals crossing_value

-- Short strings exist once in each vm, so their addresses tell where one is.
local function here()
  return string.format("%p", "a vm's own")
end

-- What a task does with the value that came to it.
local function use(check, v)
  if check then return table.pack(pcall(check, v)) end
  return { true, v, n = 2 }
end

-- Each way starts a task with a value, which answers on `back`.
local ways = {
  function(v, back, check) -- an argument of go
    go(function(x)
      back:send { here(), use(check, x) }
    end, v)
  end,
  function(v, back, check) -- a captured variable
    go(function()
      back:send { here(), use(check, v) }
    end)
  end,
  function(v, back, check) -- a global
    crossing_value = v
    go(function()
      back:send { here(), use(check, crossing_value) }
    end)
    crossing_value = nil
  end,
  function(v, back, check) -- through a channel
    local there = chan()
    go(function()
      back:send { here(), use(check, (there:recv())) }
    end)
    there:send(v)
  end,
  function(v, back, check) -- by select
    local there = chan()
    go(function()
      local _, x = select { { recv = there } }
      select { { send = back, value = { here(), use(check, x) } } }
    end)
    select { { send = there, value = v } }
  end,
}
local names = { "by argument", "as a capture", "as a global", "by channel",
  "by select" }

-- Collects what the file describes.
local function collect(file)
  local rules = {}
  local function describe(_, title, fn)
    local function add(ways_of)
      return function(name, body)
        rules[#rules + 1] = { title .. " " .. name, body, ways_of }
      end
    end
    fn(add(ways), add { false })
  end
  package.loaded["spec.support.crossing"] =
    setmetatable({}, { __call = describe })
  dofile(file)
  return rules
end

-- Gives a rule its `across`, which goes one way.
local function across_by(way, same)
  if not way then return end
  return function(v, check)
    local back = chan()
    way(v, back, check)
    local answer = back:recv()
    if (answer[1] == here()) ~= same then error "placed wrongly" end
    local results = answer[2]
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end
end

local function run(rule, same)
  local said = {} -- the ways in which it fails, by how
  for i, way in ipairs(rule[3]) do
    local ok, err = xpcall(rule[2], debug.traceback, across_by(way, same))
    if not ok then
      err = err:gsub("\n[^\n]*ways%.lua.*", "")
      local known = said[err]
      if not known then said[#said + 1] = err end
      said[err] = (known and known .. ", " or "") .. (way and names[i] or "")
    end
  end
  for i, err in ipairs(said) do said[i] = said[err] .. ": " .. err end
  return table.concat(said, "\n")
end

local function body(file, mode, done)
  for _, rule in ipairs(collect(file)) do
    local said = run(rule, mode == "together")
    io.write(string.format("%q %q\n", rule[1], said):gsub("\\\n", "\\n"), "\n")
    io.flush()
  end
  done:close()
end

local file, mode = arg[1], arg[2]
local done = chan()
if mode == "main" then
  body(file, mode, done)
else
  go(body, file, mode, done)
end
done:recv()
