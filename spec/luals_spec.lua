-- The annotations for editors say what there is, as the reference does.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local luals = require "spec.support.luals"
local reality = require "spec.support.reality"
local reference = require "spec.support.reference"

-- Their classes of gort's types.
local CLASSES = { channel = "gort.Channel", future = "gort.Future",
  timer = "gort.Timer", context = "gort.Context",
  ["context's end"] = "gort.Done", ["error group"] = "gort.ErrGroup",
  ["wait group"] = "gort.WaitGroup", mutex = "gort.Mutex",
  rwmutex = "gort.RWMutex", cond = "gort.Cond",
  semaphore = "gort.Semaphore", atomic = "gort.Atomic", map = "gort.Map",
  once = "gort.Once", singleflight = "gort.Singleflight",
  ["cancel function"] = "gort.Cancel" }

local files = luals.files()
local functions, classes, by_module = {}, {}, {}
for _, file in ipairs(files) do
  for name, f in pairs(file.functions) do functions[name] = f end
  for name, c in pairs(file.classes) do classes[name] = c end
  by_module[file.module or file.path] = file
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What the file would give to `require`, if anybody ran it.
local function run(file)
  local env = setmetatable({ require = function(name) return name end },
    { __index = function(_, name) error("uses " .. name) end })
  return assert(load(file.text, "@" .. file.path, "t", env))(), env
end

describe("the annotations", function()
  it("are Lua, each of the module that its path says", function()
    for _, file in ipairs(files) do
      assert(load(file.text, "@" .. file.path))
      local path = file.path:sub(#luals.folder + 2, -5):gsub("/", ".")
      assert.equal(path == "gort.globals" and "_" or path, file.module)
    end
    assert.same({ "_", "gort", "gort.context", "gort.errgroup",
      "gort.runtime", "gort.sync", "gort.time" }, sorted(by_module))
  end)

  for name, fields in pairs(reality.modules()) do
    it("of " .. name .. " have its fields", function()
      local module = run(by_module[name])
      local expected = {}
      for _, field in ipairs(fields) do expected[field] = true end
      if name == "gort" then expected.run = true end
      assert.same(sorted(expected), sorted(module))
      for field, value in pairs(module) do
        local real = require(name)[field]
        if type(real) == "table" then
          assert.equal("gort." .. field, value)
        elseif type(real) == "number" or name == "gort.context" and
          type(real) == "string" then
          assert.equal(real, value)
        elseif real ~= nil then
          assert.equal(type(real), type(value), field)
        end
      end
    end)
  end

  it("of the globals have those of a script", function()
    local file = by_module._
    local names = {}
    for name in file.text:gmatch "\n(%l+) = " do names[name] = true end
    for name in pairs(file.functions) do names[name] = true end
    assert.same({ "chan", "go", "gort", "select" }, sorted(names))
  end)

  it("have the methods of each type", function()
    for type, has in pairs(reality.types()) do
      local class = assert(CLASSES[type], type)
      local found = {}
      for name in pairs(functions) do
        local owner, method = name:match "^(.*):(.*)$"
        if owner == class then found[method] = true end
      end
      assert.same(has.methods, sorted(found), class)
    end
  end)

  it("tell what can be called, and what has a length", function()
    for type, has in pairs(reality.types()) do
      local class = classes[CLASSES[type]]
      local metamethods = table.concat(has.metamethods, " ")
      assert.equal(metamethods:find "__call" ~= nil, class.calls, type)
      assert.same(metamethods:find "__len" and { "len" } or {},
        class.operators, type)
    end
  end)

  it("have no methods of other types", function()
    local known = {}
    for _, class in pairs(CLASSES) do known[class] = true end
    for name in pairs(functions) do
      local owner = name:match "^(.*):"
      assert.is_true(not owner or known[owner] or false, name)
    end
  end)

  it("annotate every parameter by its name", function()
    for name, f in pairs(functions) do
      local names, annotated = {}, {}
      for i, p in ipairs(f.parameters) do names[i] = p.name end
      for i, p in ipairs(f.documented) do annotated[i] = p.name end
      assert.same(names, annotated, name)
    end
  end)

  it("have the parameters that the reference has", function()
    local object = {}
    for type, class in pairs(CLASSES) do
      object[class] = reference.OBJECTS[type]
    end
    local documented, compared = reference.documented(), 0
    for name, f in pairs(functions) do
      local class, method = name:match "^(.*):(.*)$"
      local entry = documented[class and object[class] .. ":" .. method
        or name]
      local code = entry and entry[1].code
      if code and code:find "^[%w_.:]+%(" then
        local expected = reference.parameters(code)
        for _, p in ipairs(f.documented) do -- a ... may be nothing
          if p.name == "..." then p.optional = false end
        end
        assert.same(expected, f.documented, name)
        compared = compared + 1
      end
    end
    assert.is_true(compared > 80, compared)
  end)

  it("have the fields of tables that functions give", function()
    local stats, leak = {}, { "created_at", "id", "stack", "waits_on" }
    for name in pairs(gort.runtime.stats()) do stats[name] = true end
    table.sort(classes["gort.Stats"].fields)
    assert.same(sorted(stats), classes["gort.Stats"].fields)
    table.sort(classes["gort.Leak"].fields)
    assert.same(leak, classes["gort.Leak"].fields)
  end)

  it("name only types that there are", function()
    local known = {}
    for _, file in ipairs(files) do
      for name in file.text:gmatch "%-%-%-@class ([%w_.]+)" do
        known[name] = true
      end
      for name in file.text:gmatch "%-%-%-@alias ([%w_.]+)" do
        known[name] = true
      end
    end
    for _, file in ipairs(files) do
      for line in file.text:gmatch "%-%-%-[@|][^\n]*" do
        for name in line:gmatch "gort%.%u%w*" do
          assert.is_true(known[name] or false, file.path .. ": " .. name)
        end
      end
    end
  end)
end)
