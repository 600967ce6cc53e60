-- Bound tasks of every kind, ended again and again at any moment.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local script = [[
local context, time = gort.context, gort.time
local closed, ch, other = gort.sync.waitgroup(), chan(), chan(3)

local function guard()
  return setmetatable({}, { __close = function()
    if math.random(2) == 1 then gort.time.sleep(0.0001) end
    closed:done()
  end })
end

local function compute()
  while true do
    local _ = {}
  end
end

local forms = {
  function() while true do ch:recv() end end,
  function() while true do ch:send(1) end end,
  function()
    while true do
      pcall(select, { { recv = ch }, { send = other, value = 2 },
        { after = 0.001 } })
    end
  end,
  function() while true do gort.time.sleep(0.0005) end end,
  compute,
  function() while true do pcall(compute) end end,
  function()
    while true do
      pcall(coroutine.wrap(function()
        for _ in ch do gort.runtime.yield() end
      end))
    end
  end,
  function()
    while true do
      pcall(function()
        local _ <close> = setmetatable({}, { __close = function()
          pcall(other.try_recv, other)
        end })
        ch:recv()
      end)
    end
  end,
  function()
    while true do
      gort.context.shield(function() ch:recv(0.001) end)
      gort.runtime.yield()
    end
  end,
  function()
    for _ = 1, 20 do go(function() pcall(gort.time.sleep, 10) end) end
    select {}
  end,
}

for _ = 1, 5 do
  local ctx, cancel = context.with_cancel(context.background())
  for _ = 1, 5 do
    for _, form in ipairs(forms) do
      closed:add(1)
      ctx:go(function()
        local _ <close> = guard()
        form()
      end)
    end
  end
  time.sleep(math.random() * 0.02)
  cancel()
  if not closed:wait(15) then
    io.stderr:write(gort.runtime.stack(true))
    os.exit(1)
  end
end
for _ = 1, 1000 do
  time.sleep(0.005)
  if gort.runtime.numtasks() == 1 then break end
end
print(gort.runtime.numtasks())]]

describe("bound tasks of every kind", function()
  for _, procs in ipairs { 1, 2, 8 } do
    it("end, each once, on " .. procs .. " workers", function()
      local r = run(script, { options = { "--procs", tostring(procs) } })
      assert.equal("", r.err)
      assert.equal("1\n", r.out)
      assert.equal(0, r.status)
    end)
  end
end)
