-- Much, deep and often: what crosses is bounded by memory only, and code that
-- is made again and again leaves nothing behind.
-- SPDX-License-Identifier: MIT
--
-- Each runs in a process of its own. Under sanitizers all is a hundredth, and
-- memory is not measured: theirs grows by itself.
local assert = require "luassert"
local run = require "spec.support.run"
local within = require "spec.support.within"

local sanitized = within.factor > 1

-- Scripts get N and say "ok"; check(v) in the task says how much it found.
local prelude = [[
  local N, sanitized = tonumber(arg[1]), arg[2] == "true"
  local MB <const> = 1 << 20

  local function there(v, check)
    local ch, back = chan(), chan()
    go(function() back:send(check((ch:recv()))) end)
    ch:send(v)
    return (back:recv())
  end

  local function memory()
    collectgarbage()
    for line in io.lines "/proc/self/status" do
      local kb = line:match "VmRSS:%s+(%d+)"
      if kb then return tonumber(kb) * 1024 end
    end
  end

  -- Runs round(i) N times: memory may grow while the first fifth runs.
  local function flat(round)
    local before
    for i = 1, N do
      round(i)
      if i == N // 5 then before = memory() end
    end
    local more = memory() - before
    if more > 24 * MB and not sanitized then
      error("grows by " .. more // MB .. " MB")
    end
  end
]]

local function strong(name, n, text, modes)
  for _, mode in ipairs(modes or { "together", "apart" }) do
    it(name .. " (" .. mode .. ")", function()
      local size = sanitized and n // 100 or n
      -- Not in the main task, which has a vm to itself.
      local body = "local done = chan() go(function() " .. text ..
        "\nprint 'ok' done:close() end) done:recv()"
      local r = run(prelude .. body, { limit = 100,
        args = { tostring(size), tostring(sanitized) },
        before = "export GORT_PLACEMENT=" .. mode })
      assert.equal("", r.err)
      assert.equal("ok\n", r.out)
      assert.equal(0, r.status)
    end)
  end
end

describe("one message may hold", function()
  strong("1 GiB of strings", 1 << 30, [[
    local list, size = {}, N // 64
    for i = 1, 64 do list[i] = string.char(64 + i):rep(size) end
    assert(there(list, function(v)
      local n = 0
      for i = 1, #v do
        local first, last = v[i]:byte(), v[i]:byte(-1)
        if first == 64 + i and last == first then n = n + #v[i] end
      end
      return n
    end) == 64 * size)]], { "apart" })

  strong("10,000,000 entries, one half an array", 10000000, [[
    local t, half = {}, N // 2
    for i = 1, half do t[i], t[i + 0.5] = i, i end
    assert(there(t, function(v)
      local n, sum = 0, 0
      for k, i in pairs(v) do
        if k == i or k == i + 0.5 then n, sum = n + 1, sum + i end
      end
      return #v == half and n == 2 * half and sum
    end) == half * (half + 1))]], { "apart" })

  strong("200,000 strings as keys and values", 200000, [[
    local t = {}
    for i = 1, N do t["key " .. i] = i .. " value" end
    assert(there(t, function(v)
      local n = 0
      for i = 1, N do
        if v["key " .. i] == i .. " value" then n = n + 1 end
      end
      return n
    end) == N)]])

  strong("1,000,000 tables, one in another", 1000000, [[
    local t = { "end" }
    for _ = 1, N do t = { t } end
    assert(there(t, function(v)
      local n = 0
      while v[1] ~= "end" do v, n = v[1], n + 1 end
      return n
    end) == N)]])

  strong("1,000,000 tables, one as a key of another", 1000000, [[
    local t = {}
    for _ = 1, N do t = { [t] = true } end
    assert(there(t, function(v)
      local n = 0
      v = next(v)
      while v do v, n = next(v), n + 1 end
      return n
    end) == N)]], { "apart" })

  strong("1,000,000 functions, one in another", 1000000, [[
    local f
    for _ = 1, N do
      local inner = f
      f = function() return inner end
    end
    assert(there(f, function(v)
      local n = 0
      while v do v, n = v(), n + 1 end
      return n
    end) == N)]], { "apart" })

  strong("1,000,000 objects in a list", 1000000, [[
    local Node = {}
    Node.__index = Node
    function Node:value() return self.v end
    local list
    for i = 1, N do list = setmetatable({ next = list, v = i }, Node) end
    assert(there(list, function(v)
      local n = 0
      while v do
        if v:value() == N - n and getmetatable(v) == Node then n = n + 1 end
        v = v.next
      end
      return n
    end) == N)]], { "apart" })

  strong("100,000 shared references", 100000, [[
    local shared, t = {}, {}
    for i = 1, N do t[i], t[-i] = shared, { shared } end
    assert(there(t, function(v)
      local n = 0
      for i = 1, N do
        if v[i] == v[1] and v[-i][1] == v[1] and v[-i] ~= v[1] then
          n = n + 1
        end
      end
      return n
    end) == N)]])

  strong("100,000 tables, each shared and in a cycle", 100000, [[
    local t = {}
    for i = 1, N do t[i] = { all = t, before = t[i - 1] } end
    t[1].before = t[N]
    assert(there(t, function(v)
      local n = 0
      for i = 1, N do
        if v[i].all == v and v[i].before == (v[i - 1] or v[N]) then
          n = n + 1
        end
      end
      return n
    end) == N)]])

  strong("100,000 functions that share a variable", 100000, [[
    local list, x = {}, 0
    for i = 1, N do list[i] = function() x = x + i return x end end
    assert(there(list, function(v)
      local last
      for i = 1, N do last = v[i]() end
      return last
    end) == N * (N + 1) // 2 and x == 0)]])

  strong("100,000 channels", 100000, [[
    local list = {}
    for i = 1, N do list[i] = chan(1) end
    assert(there(list, function(v)
      for i = 1, N do v[i]:send(i) end
      return #v
    end) == N)
    for i = 1, N do assert(list[i]:recv() == i) end]])
end)

describe("memory stays", function()
  strong("when 100,000 functions from load are started", 100000, [[
    local wg = gort.sync.waitgroup()
    flat(function(i)
      wg:go(load("local x = " .. i .. " return function() return x end"))
      if i % 100 == 0 then wg:wait() end
    end)
    wg:wait()]])

  strong("when 100,000 functions from load are sent", 100000, [[
    local ch, back = chan(), chan()
    go(function()
      for f in ch do back:send(f()) end
      back:close()
    end)
    flat(function(i)
      ch:send(load("return " .. i))
      assert(back:recv() == i)
    end)]])

  strong("when 25,000 new classes are sent", 25000, [[
    local ch, back = chan(), chan()
    go(function()
      for o in ch do back:send(o:get()) end
    end)
    flat(function(i)
      local C = { n = i }
      C.__index = C
      function C:get() return self.v + i end
      ch:send(setmetatable({ v = 1 }, C))
      assert(back:recv() == i + 1)
    end)]])

  strong("when 25,000 new classes are captured", 25000, [[
    local wg = gort.sync.waitgroup()
    flat(function(i)
      local C = { n = i }
      C.__index = C
      function C.get() return i end
      local o = setmetatable({}, C)
      wg:go(function() assert(o.get() == i and getmetatable(o) == C) end)
      if i % 100 == 0 then wg:wait() end
    end)
    wg:wait()]])

  strong("when 100,000 messages cannot be sent", 100000, [[
    local t = { ("x"):rep(100), chan(), { io.stdout }, function() end }
    local ch = chan(1)
    flat(function(i)
      t[5] = load("return " .. i % 100)
      assert(not gort.sendable(t) and not pcall(ch.send, ch, t))
    end)]], { "apart" })

  strong("when 100,000 globals and fields come with tasks", 100000, [[
    local wg = gort.sync.waitgroup()
    function helper(i) return state[i % 10 + 1] end
    flat(function(i)
      state = { i, i, i, i, i, i, i, i, i, i }
      wg:go(function() made = helper(i) assert(made == i) end)
      if i % 100 == 0 then wg:wait() end
    end)
    wg:wait()]])
end)
