-- luals: the annotations for editors, taken apart.
-- SPDX-License-Identifier: MIT
--
--   for _, file in ipairs(luals.files()) do ... end
--
--   file.path, file.text, file.module   "gort.time", from its ---@meta
--   file.functions   name to { line, parameters, documented }, where a method's
--                    name has its class: gort.Channel:send
--   file.classes     name to { line, fields, operators, calls }
--
-- Parameters are those of the code, in the form of reference.parameters; the
-- documented ones are those of its annotations.

local doc = require "spec.support.doc"
local reference = require "spec.support.reference"

local M = { folder = doc.folder .. "/luals" }

local function parameter(line)
  local name, optional = line:match "^%-%-%-@param ([%w_.]+)(%??)"
  return name and { name = name, optional = optional == "?" }
end

local function read_class(file, line, number)
  local name = line:match "^%-%-%-@class ([%w_.]+)"
  if not name then return end
  local class = { line = number, fields = {}, operators = {}, calls = false }
  file.classes[name] = class
  return name, class
end

local function read_class_line(class, line)
  local field = line:match "^%-%-%-@field ([%w_]+)"
  local operator = line:match "^%-%-%-@operator ([%w_]+)"
  if field then table.insert(class.fields, field) end
  if operator then table.insert(class.operators, operator) end
  if line:find "^%-%-%-@overload fun" then class.calls = true end
end

-- function channel:send(value, limit) end
local function read_function(file, owners, line, number, documented)
  local owner, sign, name, args =
    line:match "^function ([%w_]+)([.:]?)([%w_]*)(%(.*%)) end$"
  if not owner then return end
  local full = owner
  if sign ~= "" then full = owners[owner] .. sign .. name end
  file.functions[full] = { line = number, documented = documented,
    parameters = reference.parameters(args) }
end

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  local file = { path = path, text = f:read "a", functions = {},
    classes = {} }
  file.module = file.text:match "^%-%-%-@meta ([%w_.]+)\n"
  local owners, number, documented = {}, 0, {}
  local name, class
  for line in file.text:gmatch "([^\n]*)\n" do
    number = number + 1
    local new_name, new_class = read_class(file, line, number)
    if new_name then name, class = new_name, new_class end
    local owner = line:match "^local ([%w_]+) = {}$"
    if owner then owners[owner] = name end
    documented[#documented + 1] = parameter(line)
    if class then read_class_line(class, line) end
    read_function(file, owners, line, number, documented)
    if not line:find "^%-%-%-" then class, documented = nil, {} end
  end
  return file
end

function M.files()
  local p <close> = io.popen("find " .. M.folder .. " -name '*.lua' | sort")
  local list = {}
  for path in p:lines() do list[#list + 1] = read(path) end
  return list
end

return M
