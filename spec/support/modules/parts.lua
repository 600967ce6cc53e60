-- parts: a module of many parts, for specs of how modules cross.
-- SPDX-License-Identifier: MIT

local Hidden = {}
Hidden.__index = Hidden

function Hidden:get()
  return self.n
end

local function helper(s)
  return "<" .. s .. ">"
end

local n = 0
local M = { a = { b = { c = { d = helper } } }, [1] = "one", name = "parts" }

function M.next()
  n = n + 1
  return n
end

function M.hide(v)
  return setmetatable({ n = v }, Hidden)
end

function M.is_hidden(o)
  return getmetatable(o) == Hidden
end

function M.wrap(s)
  return helper(s)
end

-- A closure is no part of the module, though its code is.
function M.adder(i)
  return function(j) return i + j end
end

M.Point = { __index = { norm = function(p) return p.x + p.y end } }
M.same = M.a.b

return setmetatable(M, {
  __call = function(_, s) return "called " .. s end,
  __index = function(_, k) return "no " .. k end,
})
