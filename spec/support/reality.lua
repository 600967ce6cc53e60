-- reality: what the program really has, for what is told about it.
-- SPDX-License-Identifier: MIT
--
--   reality.modules()  { gort = { "async", ... }, ["gort.time"] = { ... } }
--   reality.types()    { channel = { methods = { "send", ... },
--                        metamethods = { "__len", ... } }, ... }
--
-- Names are sorted. What scripts never see is left out.

local M = {}

-- Every object has them.
local COMMON = { __gc = true, __index = true, __name = true,
  __metatable = true, __tostring = true }

-- What context.after_func gives is a function that holds one of these.
local HIDDEN = { after_func = true }

local function add_names(list, t)
  for name in pairs(t) do
    if not COMMON[name] then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

function M.modules()
  local gort = require "gort"
  local list = { gort = add_names({}, gort) }
  -- go, chan and select are there by __index, for the sake of messages.
  add_names(list.gort, getmetatable(gort).__index)
  for _, name in ipairs(list.gort) do
    local value = gort[name]
    if type(value) == "table" then
      assert(require("gort." .. name) == value)
      list["gort." .. name] = add_names({}, value)
    end
  end
  return list
end

-- Two types are called cancel function: what holds for one holds for both.
function M.types()
  local list = {}
  for key, meta in pairs(debug.getregistry()) do
    if math.type(key) == "integer" and type(meta) == "table"
      and meta.__metatable == false and not HIDDEN[meta.__name] then
      list[meta.__name] = { methods = add_names({}, meta.__index),
        metamethods = add_names({}, meta) }
    end
  end
  return list
end

return M
