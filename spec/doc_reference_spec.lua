-- The reference in bindings/doc tells all that there is, and nothing else.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local reference = require "spec.support.reference"

local needed, documented = reference.needed(), reference.documented()

local function where(section)
  return section.page.path .. ":" .. section.line
end

-- The word that an example must have to be one of `ch:send(value)`.
local function word_of(code)
  if code:find "^for " then return " in " end
  return code:match "^[^(%[{]+":gsub("%s+$", ""):match "[^.:]+$"
end

describe("the reference", function()
  it("is compared with all there is", function()
    for _, name in ipairs { "gort", "gort.go", "gort.sync.map", "ch:send",
      "#ch", "ch()", "m:range", "local _ <close> = g", "once()",
      "gort.context.canceled" } do
      assert.is_true(needed[name], name)
      assert.is_table(documented[name], name)
    end
  end)

  it("has a heading for each", function()
    local missing = {}
    for name in pairs(needed) do
      if not documented[name] then missing[#missing + 1] = name end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)

  it("has no heading for what is not there", function()
    local stale = {}
    for name, list in pairs(documented) do
      if not needed[name] and not reference.ELSEWHERE[name] then
        stale[#stale + 1] = where(list[1].section) .. ": " .. name
      end
    end
    table.sort(stale)
    assert.same({}, stale)
  end)

  -- select has a page, and Lua's own beside ours.
  it("has one heading for each, but for select", function()
    for name, list in pairs(documented) do
      local most = name == "gort.select" and 3 or 1
      assert.is_true(#list <= most, name .. " has " .. #list)
    end
  end)

  it("has an example in each section, which uses it", function()
    local without = {}
    for name, list in pairs(documented) do
      local code = ""
      for _, one in ipairs(list) do
        for _, example in ipairs(one.section.examples) do
          code = code .. example.code
        end
      end
      if not code:find(word_of(list[1].code), 1, true) then
        without[#without + 1] = where(list[1].section) .. ": " .. name
      end
    end
    table.sort(without)
    assert.same({}, without)
  end)

  it("tells every number of gort.runtime.stats()", function()
    local section = documented["gort.runtime.stats"][1].section
    local told, real = {}, {}
    for _, line in ipairs(section.text) do
      told[#told + 1] = line:match "^| `([%a_]+)` |"
    end
    for name in pairs(gort.runtime.stats()) do real[#real + 1] = name end
    table.sort(told)
    table.sort(real)
    assert.same(real, told)
  end)
end)
