-- The errors that the reference quotes are those that are raised.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local doc = require "spec.support.doc"
local tasks = require "spec.support.tasks"

local sync, time, context = gort.sync, gort.time, gort.context
local background = context.background()
local NAN = 0 / 0

-- Runs code as line 3 of main.lua.
local function main(code)
  local names = "local f, n = io.stdout, 0 "
  return load("\n\n" .. names .. code, "@main.lua")
end

-- What a page quotes, and what raises it. What the examples of the pages raise
-- is not here.
local RAISED = {
  ["bad argument #1 to 'sleep' (number expected, got string)"] =
    function() time.sleep "x" end,
  ["context or timeout in seconds expected"] = function() chan():recv {} end,

  ["unknown type 'x'; there are: any integer float number string boolean "
    .. "table function channel"] = function() chan "x" end,
  ["the capacity must not be negative"] = function() chan(-1) end,
  ["cannot make a channel for 1000000000000000000 values: size out of range"] =
    function() chan(10 ^ 18 // 1 | 0) end,
  ["cannot send: value.x is a file"] =
    function() chan(1):send { x = io.stdout } end,
  ["cannot close: this handle only receives (ch:receiver())"] =
    function() chan():receiver():close() end,
  ["cannot widen a receiver into a sender"] =
    function() chan():receiver():sender() end,
  ["cannot widen a sender into a receiver"] =
    function() chan():sender():receiver() end,

  ["context expected, got nil"] = function() context.with_cancel(nil) end,
  ["the time is not a number (NaN)"] =
    function() context.with_deadline(background, NAN) end,
  ["the key must not be nil"] =
    function() context.with_value(background, nil, 1) end,
  ["the key must not be NaN"] =
    function() context.with_value(background, NAN, 1) end,
  ["the key must be a string, a number, a boolean or a handle"] =
    function() context.with_value(background, {}, 1) end,
  ["cannot keep in a context: value is a file"] =
    function() context.with_value(background, "k", io.stdout) end,
  ["cannot keep in a context: cause is a file"] = function()
    local _, cancel = context.with_cancel_cause(background)
    cancel(io.stdout)
  end,

  ["the group's limit cannot change while its tasks run"] = function()
    local g, gate = gort.errgroup.new(), chan()
    g:go(function() gate:recv() end)
    local _ <close> = setmetatable({}, { __close = function()
      gate:close()
    end })
    g:set_limit(1)
  end,

  ["task assigns captured variable 'n' (main.lua:3): tasks share nothing, so "
    .. "the assignment would be lost; send it over a channel, or make it "
    .. "local to the task"] = main "go(function() n = n + 1 end)",
  ["task assigns captured global 'n' ..."] =
    load "n = 0 go(function() n = n + 1 end)",
  ["cannot start task: argument 1 is a file"] = main "go(print, f)",
  ["cannot start task: the function (upvalue 'f' of function at main.lua:3) "
    .. "is a file"] = main "go(function() f:write 'x' end)",

  ["cannot send: case 2: value is a file"] = function()
    select { { recv = chan() }, { send = chan(1), value = io.stdout } }
  end,
  ["select: case 1 has more than one of recv, send, after"] =
    function() select { { recv = chan(), after = 1 } } end,
  ["select: case 1: cannot receive from an rwmutex"] =
    function() select { { recv = sync.rwmutex() } } end,
  ["select: unknown key 'defautl' (known are cases and default)"] =
    function() select { defautl = true } end,

  ["the size must not be negative"] = function() sync.semaphore(-1) end,
  ["the number must not be negative"] =
    function() sync.semaphore(1):acquire(-1) end,
  ["a key is a string, number, boolean or gort object, not table"] =
    function() sync.map():store({}, 1) end,
  ["the key is not a number (NaN)"] =
    function() sync.map():store(NAN, 1) end,

  ["'1x' is no duration (as in '1h2m3.5s', units ns us ms s m h)"] =
    function() time.duration "1x" end,
  ["the duration is not a number (NaN)"] = function() time.format(NAN) end,
}

-- Raised by the module for a stock Lua, whose spec has it.
local ELSEWHERE = { ["gort.run: a run is under way"] = true }

local expected = {}
for _, page in ipairs(doc.pages()) do
  for _, example in ipairs(page.examples) do
    expected[#expected + 1] = example.expected
  end
end
expected = table.concat(expected)

-- The texts in a paragraph that tells what is raised.
local function quoted(paragraph)
  local list = {}
  if not paragraph:find "%f[%a][Rr]aises?%f[%A]" then return list end
  for text in paragraph:gmatch "`([^`]*)`" do
    local value = text:find '^"' or text:find "^nil, " or text:find "^false, "
    if text:find " " and not value then list[#list + 1] = text end
  end
  return list
end

describe("the errors in the reference", function()
  local found = {}
  for _, page in ipairs(doc.pages()) do
    local guide = page.path:find "/for%-"
    for _, section in ipairs(guide and {} or page.sections) do
      local text = table.concat(section.text, "\n") .. "\n\n"
      text = text:gsub("Raises%*%*\n\n", "Raises**\n")
      for paragraph in text:gmatch "(.-)\n\n+" do
        for _, error in ipairs(quoted(paragraph)) do
          found[error] = page.path .. ":" .. section.line
        end
      end
    end
  end

  it("are found", function()
    local n = 0
    for _ in pairs(found) do n = n + 1 end
    assert.is_true(n > 50, n)
  end)

  it("are each raised by an example, or here", function()
    local bad = {}
    for text, where in pairs(found) do
      if not RAISED[text] and not ELSEWHERE[text]
        and not expected:find(text, 1, true) then
        bad[#bad + 1] = where .. ": " .. text
      end
    end
    table.sort(bad)
    assert.same({}, bad)
  end)

  it("are raised so", function()
    for text, fn in pairs(RAISED) do
      assert.is_not_nil(found[text], text)
      local pattern = text:gsub(" %.%.%.$", ""):gsub("%p", "%%%0")
        :gsub("to 'sleep'", "to '%%S*sleep'")
      local err = tasks.error_of(fn)
      assert.is_truthy(err:find(pattern), text .. "\n" .. err)
    end
  end)
end)
