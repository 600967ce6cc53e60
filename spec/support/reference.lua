-- reference: what the pages document, by its names.
-- SPDX-License-Identifier: MIT
--
--   reference.needed()      a set of names: all that gort has
--   reference.documented()  name to a list of { section, code }
--   reference.parameters("ch:send(value [, limit])")
--                           { { name = "value" }, { name = "limit",
--                           optional = true } }
--
-- A method has the name of the object that the pages call so: ch:send.

local doc = require "spec.support.doc"
local reality = require "spec.support.reality"

local M = {}

-- What the pages call an object of each type.
M.OBJECTS = { channel = "ch", future = "f", timer = "t", context = "ctx",
  ["context's end"] = "done", ["cancel function"] = "cancel",
  ["error group"] = "g", ["wait group"] = "wg", mutex = "mu", rwmutex = "rw",
  cond = "cond", semaphore = "sem", atomic = "n", map = "m", once = "once",
  singleflight = "sf" }

-- Names of what is no method, NAME being the object.
local METAMETHODS = { __len = "#NAME", __close = "local _ <close> = NAME",
  __call = "NAME()" }

-- Headings that show how a thing is used.
local USES = {
  ["for value in ch do"] = "ch()",
  ["for tick in t do"] = "t()",
  ["for _ in done do"] = "done()",
  ["for key, value in m:range() do"] = "m:range",
  ["local g <close>"] = "local _ <close> = g",
  ["local _ <close> = mu:guard()"] = "local _ <close> = mu",
  ["local _ <close> = rw:rguard()"] = "local _ <close> = rw",
}

-- What only the module for a stock Lua has.
M.ELSEWHERE = { ["gort.run"] = true }

function M.needed()
  local set = {}
  for module, fields in pairs(reality.modules()) do
    set[module] = true
    for _, field in ipairs(fields) do set[module .. "." .. field] = true end
  end
  for type, has in pairs(reality.types()) do
    local object = M.OBJECTS[type] or error("nobody documents a " .. type)
    for _, method in ipairs(has.methods) do
      set[object .. ":" .. method] = true
    end
    for _, name in ipairs(has.metamethods) do
      set[METAMETHODS[name]:gsub("NAME", object)] = true
    end
  end
  return set
end

-- gort.time.sleep(seconds [, limit]) is called gort.time.sleep.
local function name_of(code)
  if USES[code] then return USES[code] end
  local name = code:match "^([%w_.:]+)%(.+%)$" or code:match "^([%w_.:]+) {"
    or code:match "^([%w_]+[.:][%w_.]+)%(%)$" or code
  local global = name == "go" or name == "chan" or name == "select"
  return global and "gort." .. name or name
end

function M.documented()
  local found = {}
  for _, page in ipairs(doc.pages()) do
    for _, section in ipairs(page.sections) do
      for _, code in ipairs(section.names) do
        local name = name_of(code)
        found[name] = found[name] or {}
        table.insert(found[name], { section = section, code = code })
      end
    end
  end
  return found
end

function M.parameters(code)
  local list, depth = {}, 0
  local args = code:match "%((.*)%)$" or ""
  for sign, name in args:gmatch "([%[%],%s]*)([%w_.]*)" do
    depth = depth + select(2, sign:gsub("%[", "")) -
      select(2, sign:gsub("%]", ""))
    if name ~= "" then
      list[#list + 1] = { name = name, optional = depth > 0 }
    end
  end
  return list
end

return M
