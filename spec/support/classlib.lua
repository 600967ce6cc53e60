-- Class libraries in a few lines, after the habits of those in use.
-- SPDX-License-Identifier: MIT
--
-- In text, for scripts to load as they like: M.closures (functions that hold
-- class tables in upvalues, fields like __instance and __declared, metatables
-- of classes), M.copies (fields of the parent are copied) and M.plain.

local M = {}

-- A class has three tables: what its objects inherit, what was declared, and
-- itself; additions go through __newindex to all subclasses.
M.closures = [[
local lib = {}
local metamethods = { "__tostring", "__call", "__eq", "__lt", "__le",
  "__add", "__concat", "__len", "__unm", "__gc" }

local function lookup(dict, parent)
  return function(_, k)
    local v = rawget(dict, k)
    if v == nil and parent then v = parent.__instance[k] end
    return v
  end
end

local function spread(class, k, v)
  class.__instance[k] = v
  for sub in pairs(class.subclasses) do
    if rawget(sub.__declared, k) == nil then spread(sub, k, v) end
  end
end

local function declare(class, k, v)
  class.__declared[k] = v
  spread(class, k, v)
end

function lib.class(name, parent)
  local instance = {}
  instance.__index = instance
  local class = { name = name, parent = parent, static = {},
    __instance = instance, __declared = {},
    subclasses = setmetatable({}, { __mode = "k" }) }
  if parent then
    for _, m in ipairs(metamethods) do instance[m] = parent.__instance[m] end
    setmetatable(instance, { __index = parent.__instance })
    parent.subclasses[class] = true
  end
  setmetatable(class.static, { __index = lookup(instance, parent) })
  class.static.new = function(self, ...)
    local o = setmetatable({ class = self }, self.__instance)
    if o.init then o:init(...) end
    return o
  end
  class.static.extend = function(self, sub) return lib.class(sub, self) end
  class.static.is = function(o, other)
    local c = o.class
    while c do
      if c == other then return true end
      c = c.parent
    end
    return false
  end
  instance.is = class.static.is
  return setmetatable(class, { __index = class.static, __newindex = declare,
    __tostring = function(c) return "class " .. c.name end,
    __call = function(c, ...) return c:new(...) end })
end

return setmetatable(lib, {
  __call = function(_, ...) return lib.class(...) end })
]]

-- A subclass starts as a copy of its parent's metamethods; its metatable is
-- its parent, objects' metatable is their class.
M.copies = [[
local Object = {}
Object.__index = Object

function Object:new() end

function Object:extend()
  local class = {}
  for k, v in pairs(self) do
    if k:find "^__" then class[k] = v end
  end
  class.__index, class.super = class, self
  return setmetatable(class, self)
end

function Object:implement(...)
  for _, other in pairs { ... } do
    for k, v in pairs(other) do
      if self[k] == nil and type(v) == "function" then self[k] = v end
    end
  end
end

function Object:is(class)
  local meta = getmetatable(self)
  while meta do
    if meta == class then return true end
    meta = getmetatable(meta)
  end
  return false
end

function Object:__tostring() return "an object" end

function Object:__call(...)
  local o = setmetatable({}, self)
  o:new(...)
  return o
end

return Object
]]

return M
