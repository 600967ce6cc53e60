-- Mistakes are told where they are made, by variable, line and path.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

-- Bodies of a task that assign; n, m, f are captured, g_n and g_f globals.
local assignments = {
  { "n", 1, "n = 1" },
  { "n", 1, "n = n + 1" },
  { "n", 1, "n = nil" },
  { "n", 2, "local x = n\nn = x" },
  { "n", 1, "n, x.y = 1, 2" },
  { "m", 2, "local a = 1\na, m = 1, 2" },
  { "n", 3, "if m then\nfor _ = 1, 2 do\nn = n .. 'x' end end" },
  { "n", 2, "while true do\nn = 1 break end" },
  { "n", 2, "repeat local done = true\nn = 1 until done" },
  { "n", 1, "local _ <close> = nil n = 1" },
  { "n", 2, "goto over\n::back:: n = 1 do return end ::over:: goto back" },
  { "f", 2, "\nfunction f() end" },
  { "n", 2, "local function inner()\nn = 1 end inner()" },
  { "n", 3, "return function() return function()\n\nn = 1 end end" },
  { "n", 2, "coroutine.wrap(function()\nn = 1 end)()" },
  { "n", 2, "pcall(function(...)\nn = ... end, 1)" },
  { "n", 1, "local t = { f = function() n = 1 end } t.f()" },
  { "n", 2, "go(function()\nn = 1 end)" },
  { "n", 1, "n = (function() m = 1 end)()" },
  { "g_n", 1, "g_n = 1", true },
  { "g_n", 1, "g_n = g_n + 1", true },
  { "g_n", 1, "_G.g_n = 1", true },
  { "g_n", 1, "_ENV.g_n = 1", true },
  { "g_n", 1, "_G['g_n'] = 1", true },
  { "g_n", 2, "return function()\n_G.g_n = 1 end", true },
  { "g_n", 2, "return function()\n_ENV.g_n = 1 end", true },
  { "g_n", 3, "\n\nm.x, g_n = 1, 2", true },
  { "g_n", 2, "return function() return function()\ng_n = 1 end end", true },
  { "g_f", 2, "\nfunction g_f() end", true },
}

local function refusal(case)
  return string.format("task assigns captured %s '%s' (f.lua:%d): tasks share"
    .. " nothing, so the assignment would be lost; send it over a channel, or "
    .. "make it local to the task", case[4] and "global" or "variable", case[1],
    case[2])
end

-- The function with this body, and one that gives the captured values.
local function body_of(text)
  return load("local n, m, x, f = 0, {}, {}, print return function(...) " ..
    text .. "\nend, function() return n, f end", "=f.lua")()
end

describe("assignment to what was captured is refused at go:", function()
  setup(function()
    rawset(_G, "g_n", 0)
    rawset(_G, "g_f", error)
  end)
  teardown(function()
    rawset(_G, "g_n", nil)
    rawset(_G, "g_f", nil)
  end)

  for _, case in ipairs(assignments) do
    it((case[3]:gsub("\n", " ")), within(5, function()
      local body, get = body_of(case[3])
      assert.equal(refusal(case), error_of(go, body))
      assert.same({ 0, print }, { get() })
    end))
  end

  it("in a global function that the task calls", within(5, function()
    local body = load("local function run() return g_run() end\n"
      .. "function g_run()\ng_n = 1 end return run", "=f.lua")()
    local message = error_of(go, body)
    rawset(_G, "g_run", nil)
    assert.equal(refusal { "g_n", 3, nil, true }, message)
  end))

  it("in a captured function, of globals", within(5, function()
    local body = load("local function set() g_n = 1 end\n"
      .. "return function() set() end", "=f.lua")()
    assert.equal(refusal { "g_n", 1, nil, true }, error_of(go, body))
  end))

  it("of a name of any length", within(5, function()
    local long = ("long_"):rep(20)
    local body = load("local " .. long .. " = 1 return function() " .. long ..
      " = 2 end", "=f.lua")()
    assert.equal(refusal { long, 1 }, error_of(go, body))
  end))

  it("with as many words without names", within(5, function()
    local stripped = load(string.dump((body_of "n = 1"), true))
    debug.setupvalue(stripped, 1, 5)
    assert.matches("^task assigns captured variable '%?'",
      error_of(go, stripped))
  end))

  local gort = gort
  local starts = {
    ["wg:go"] = function(f) gort.sync.waitgroup():go(f) end,
    ["ctx:go"] = function(f) gort.context.background():go(f) end,
    ["g:go"] = function(f) gort.errgroup.new():go(f) end,
    ["g:try_go"] = function(f) gort.errgroup.new():try_go(f) end,
    ["gort.async"] = function(f) gort.async(f) end,
    ["gort.blocking"] = function(f) gort.blocking(f) end,
    ["time.after_func"] = function(f) gort.time.after_func(1, f) end,
    ["context.after_func"] = function(f)
      gort.context.after_func(gort.context.background(), f)
    end,
    ["sync.once"] = function(f) gort.sync.once(f) end,
    ["singleflight"] = function(f) gort.sync.singleflight():call("k", f) end,
  }
  for name, start in pairs(starts) do
    it("by " .. name, within(5, function()
      local body = body_of "\nn = n + 1"
      assert.equal(refusal { "n", 2 }, error_of(start, body))
    end))
  end
end)

describe("no mistake is", function()
  local fine = {
    "local n = 1 n = 2", "local function f() end f()", "m.x = 1",
    "function m.f() end", "m[1], m.y = 1, 2", "local n <const> = n return n",
    "for n = 1, 2 do local _ = n end", "g_new = 1", "_G.g_new = 1",
    "local function inner(n) n = n + 1 return n end return inner(1)",
    "local y = n local function inner() y = y + 1 end inner()",
    "local _ENV = {} n2 = 1", "print = nil",
    "local a = ... a = 1",
  }
  for _, text in ipairs(fine) do
    it(text, within(5, function()
      local wg = gort.sync.waitgroup()
      wg:go((body_of(text)))
      assert.is_true((wg:wait()))
    end))
  end

  it("a captured helper that assigns its own captures", within(5, function()
    local n, ch = 0, chan(2)
    local function count() n = n + 1 return n end
    go(function() ch:send(count()) ch:send(count()) end)
    assert.same({ 1, 2 }, { (ch:recv()), (ch:recv()) })
    assert.equal(0, n)
  end))

  it("a function that assigns and is sent", within(5, function()
    local n, ch = 0, chan(1)
    ch:send(function() n = n + 1 return n end)
    assert.equal(1, ch:recv()())
    assert.is_true(gort.sendable(function() n = 1 end))
  end))
end)

describe("gort.sendable", function()
  local file, gmatch = io.stdout, string.gmatch("a", "a")
  local co, pattern = coroutine.create(print), require "lpeg".P "a"

  local function function_with(v)
    return load("local up = ... return function() return up end", "=f.lua")(v)
  end

  local t = {}
  t.t, t.deep = t, { { t } }
  local good = { 1, "x", {}, t, print, string, gort, function_with(t),
    setmetatable({}, { __index = t }), require "lpeg".P, _G }
  for i, v in ipairs(good) do
    it("is true for " .. type(v) .. " " .. i, within(5, function()
      assert.same({ true, n = 1 }, table.pack(gort.sendable(v)))
    end))
  end

  local bad = {
    { file, " is a file" },
    { co, " is a coroutine" },
    { gmatch, " is a C function with upvalues" },
    { pattern, " is userdata (lpeg-pattern)" },
    { require "socket".tcp(), " is userdata (tcp{master})" },
    { { handlers = { 1, 2, function_with(file) } },
      ".handlers[3] (upvalue 'up' of function at f.lua:1) is a file" },
    { function_with { { co } },
      " (upvalue 'up' of function at f.lua:1)[1][1] is a coroutine" },
    { function_with(function_with(pattern)),
      " (upvalue 'up' of function at f.lua:1) (upvalue 'up' of function at "
      .. "f.lua:1) is userdata (lpeg-pattern)" },
    { setmetatable({}, { __index = { a = { file } } }),
      " (its metatable).__index.a[1] is a file" },
    { { [pattern] = 1 }, " (a key of it) is userdata (lpeg-pattern)" },
    { { x = { ["a b"] = { [true] = file } } }, ".x['a b'][true] is a file" },
  }
  for i, case in ipairs(bad) do
    it("says why not: " .. case[2], within(5, function()
      local ok, why = gort.sendable(case[1])
      assert.is_nil(ok)
      assert.equal("cannot send: value" .. case[2], why)
      assert.equal(why, error_of(function() chan(1):send(case[1]) end))
      assert.equal("cannot start task: argument 2" .. case[2],
        error_of(go, print, i, case[1]))
    end))
  end

  it("wants a value", function()
    assert.matches("bad argument #1 to '[%w.]*sendable'",
      error_of(gort.sendable))
  end)
end)

describe("the path of what a task cannot have goes through", function()
  local file = io.stdout

  it("captured functions and tables", within(5, function()
    local t = load([[
      local db = ...
      local function query() return db end
      local api = { query }
      return function() return api end]], "=f.lua")(file)
    assert.equal("cannot start task: the function (upvalue 'api' of function "
      .. "at f.lua:4)[1] (upvalue 'db' of function at f.lua:2) is a file",
      error_of(go, t))
  end))

  it("globals", within(5, function()
    rawset(_G, "g_db", { x = { file } })
    rawset(_G, "g_query", load "return g_db")
    local one = error_of(go, load "return function() return g_db end")
    local two = error_of(go, load "return g_query()")
    rawset(_G, "g_db", nil)
    rawset(_G, "g_query", nil)
    assert.equal("cannot start task: global 'g_db'.x[1] is a file", one)
    assert.equal(one, two)
  end))
end)

describe("blocking inside a C function", function()
  local function sleep() gort.time.sleep(0.001) end
  local object = setmetatable({}, { __index = sleep, __newindex = sleep,
    __tostring = sleep, __len = sleep })
  local calls = {
    ["table.sort"] = function() table.sort({ 2, 1 }, sleep) end,
    ["string.gsub"] = function() string.gsub("x", ".", sleep) end,
    ["string.format"] = function() string.format("%s", object) end,
    ["tostring"] = function() local _ = tostring(object) end,
    ["table.concat"] = function() table.concat(object) end,
    ["table.insert"] = function() table.insert(object, 1) end,
    ["lpeg.match"] = function() require "lpeg".P(sleep):match "x" end,
  }
  for name, fn in pairs(calls) do
    local words = "cannot block inside a function called by '" .. name ..
      "': it is a C function that cannot be left and resumed"
    it("names " .. name, within(5, function()
      local ok, err = tasks.run(fn)
      assert.is_false(ok)
      assert.equal(words, (err:gsub("^[^\n]-:%d+: ", "")))
      assert.equal(words, error_of(fn)) -- in this one, too
      assert.equal(words, error_of(coroutine.wrap(fn)):match "cannot.*")
    end))
  end

  it("queues nothing", within(5, function()
    local ch = chan(1)
    error_of(table.sort, { 2, 1 }, function() ch:recv() end)
    ch:send(5)
    assert.same({ 5, true }, { ch:recv() })
  end))

  it("is fine as long as there is nothing to wait for", within(5, function()
    local ch, list = chan(100), { 3, 1, 2 }
    for _ = 1, 100 do ch:send(0) end
    table.sort(list, function(a, b) return a + ch:recv() < b end)
    assert.same({ 1, 2, 3 }, list)
  end))
end)
