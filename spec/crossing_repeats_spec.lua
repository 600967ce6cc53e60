-- Strings that cross again and again are copied once: nobody can tell.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local program = [=[
  local sizes = { 0, 1, 40, 41, 1000, 65536, 65537, 300000 }
  local texts = {}
  for i, size in ipairs(sizes) do
    texts[i] = (string.char(i, 0, 255) .. "xyz"):rep(size // 6 + 1):sub(1, size)
  end

  -- Echoes: what comes back is what was sent, in every order.
  local ask, answer = chan(4), chan(4)
  for _ = 1, 3 do
    go(function()
      for text in ask do
        answer:send { #text, text }
        answer:send(text)
      end
      answer:send(false)
    end)
  end
  local sent, got, size = {}, {}, {}
  go(function()
    local random = 1
    for i = 1, 2000 do
      random = random * 1103515245 + 12345 & 0x7FFFFFFF
      local which = i % 100 < 50 and i // 100 % #texts + 1
        or random // 65536 % #texts + 1
      ask:send(texts[which])
      if i % 7 == 0 then ask:send("own " .. i) end
      if i % 300 == 0 then collectgarbage() end
    end
    ask:close()
  end)
  local ended, n = 0, 0
  while ended < 3 do
    local message = answer:recv()
    if not message then
      ended = ended + 1
    elseif type(message) == "table" then
      assert(message[1] == #message[2])
      got[message[2]] = (got[message[2]] or 0) + 1
    else
      n = n + 1
      got[message] = (got[message] or 0) - 1
    end
    if n % 500 == 0 then collectgarbage() end
  end
  for text, count in pairs(got) do
    assert(count == 0, #text)
    size[#text] = true
  end
  for _, bytes in ipairs(sizes) do assert(size[bytes], bytes) end
  print(n)]=]

describe("a string that is sent again", function()
  for _, placement in ipairs { "together", "apart" } do
    for _, procs in ipairs { "1", "2", "8" } do
      it(("arrives whole: %s, %s"):format(placement, procs), function()
        local r = run(program, { options = { "--procs", procs },
          before = "export GORT_PLACEMENT=" .. placement })
        assert.equal("", r.err)
        assert.equal("2285\n", r.out)
      end)
    end
  end

  it("is let go by a collection", function()
    local r = run [[
      local ch = chan(1)
      local function bytes()
        collectgarbage() collectgarbage()
        return gort.runtime.stats().bytes
      end
      local before = bytes()
      for i = 1, 8 do
        local text = (i .. " "):rep(20000)
        for _ = 1, 5 do
          ch:send(text)
          assert(ch:recv() == text)
        end
      end
      local after = bytes()
      print(after - before < 20000 or after - before)]]
    assert.equal("", r.err)
    assert.equal("true\n", r.out)
  end)
end)
