-- Keys that are sent again and again become numbers: nobody can tell.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

-- Records of all shapes go to an echo and come back as they were.
local program = [=[
  local keys = { "", "_", "_x", "\0", "a\0b", "a", 1.5, true, -1, 7 }
  for _, n in ipairs { 31, 32, 33, 40, 41, 200 } do
    keys[#keys + 1] = ("k"):rep(n)
    keys[#keys + 1] = ("k"):rep(n - 1) .. "\255"
  end
  -- More than a vm has room for.
  for i = 1, 300 do keys[#keys + 1] = "field" .. i end

  local function same(a, b)
    for k, v in pairs(a) do if b[k] ~= v then return false end end
    for k in pairs(b) do if a[k] == nil then return false end end
    return true
  end

  local ask, answer = chan(8), chan(8)
  for _ = 1, 3 do
    go(function()
      for t in ask do answer:send(t) end
      answer:send(false)
    end)
  end

  local N = 6000
  local function record(i)
    local t = { id = i, [1] = "one" }
    local random = i
    for j = 1, i % 6 do
      random = random * 1103515245 + 12345 & 0x7FFFFFFF
      -- Some all the time, the others now and then.
      local most = j % 2 == 0 and 12 or #keys
      t[keys[random // 8 % most + 1]] = j
    end
    return t
  end
  go(function()
    for i = 1, N do
      ask:send(record(i))
      if i % 500 == 0 then collectgarbage() end
    end
    ask:close()
  end)
  local seen, ended = 0, 0
  while ended < 3 do
    local t = answer:recv()
    if not t then
      ended = ended + 1
    else
      assert(same(t, record(t.id)), t.id)
      seen = seen + 1
      if seen % 700 == 0 then collectgarbage() end
    end
  end
  assert(seen == N)
  print "same"]=]

-- More keys than there are numbers, each of them often enough for one.
local many = [=[
  local ch = chan(32)
  go(function()
    for i = 1, 6000 do
      for _ = 1, 20 do ch:send { ["key" .. i] = i, often = true } end
    end
    ch:close()
  end)
  local n = 0
  for t in ch do
    local k, v = next(t)
    if k == "often" then k, v = next(t, k) end
    assert(k == "key" .. v and t.often, k)
    n = n + 1
  end
  print(n)]=]

-- What makes a class of a table, and what does not, however often it is sent.
local class = [=[
  local ch = chan(4)
  local Point = {}
  Point.__index = Point
  function Point:sum() return self.x + self.y end
  go(function()
    for i = 1, 100 do
      ch:send(setmetatable({ x = i, y = 1 }, Point))
      ch:send { __name = "n", __index = i, x = i }
    end
    ch:close()
  end)
  local first, n = nil, 0
  for p in ch do
    n = n + 1
    if getmetatable(p) then
      first = first or getmetatable(p)
      assert(getmetatable(p) == first and p:sum() == p.x + 1)
    else
      assert(p.__name == "n" and p.__index == p.x)
    end
  end
  print(n)]=]

describe("a key that is sent again", function()
  for _, placement in ipairs { "together", "apart" } do
    for _, procs in ipairs { "1", "2", "8" } do
      it(("is the same key: %s, %s"):format(placement, procs), function()
        local r = run(program, { options = { "--procs", procs },
          before = "export GORT_PLACEMENT=" .. placement })
        assert.equal("", r.err)
        assert.equal("same\n", r.out)
      end)
    end
  end

  it("may have come too late for a number", function()
    local r = run(many)
    assert.equal("", r.err)
    assert.equal("120000\n", r.out)
  end)

  it("makes a class of a table as the first one does", function()
    local r = run(class)
    assert.equal("", r.err)
    assert.equal("200\n", r.out)
  end)
end)
