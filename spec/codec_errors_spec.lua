-- What cannot cross, and the words for it.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

-- What send says about v.
local function sending(v)
  return error_of(function() chan(1):send(v) end)
end

-- What go says about a call.
local function starting(...)
  local call = table.pack(...)
  return error_of(function() go(table.unpack(call, 1, call.n)) end)
end

local function noop() end

describe("what cannot be sent:", function()
  it("files", function()
    assert.equal("cannot send: value is a file", sending(io.stdout))
    local f <close> = io.tmpfile()
    assert.equal("cannot send: value is a file", sending(f))
  end)

  it("coroutines", function()
    assert.equal("cannot send: value is a coroutine",
      sending(coroutine.create(noop)))
    assert.equal("cannot send: value is a coroutine",
      sending((coroutine.running())))
  end)

  it("C functions with upvalues that no module has", function()
    assert.matches("^cannot send: value is a C function",
      sending(string.gmatch("a", "b")))
    assert.matches("^cannot send: value is a C function",
      sending(coroutine.wrap(noop)))
  end)
end)

describe("the path says where it is:", function()
  local f = io.stdout

  local paths = {
    [".items[3].log"] = { items = { 1, 2, { log = f } } },
    ["[1]"] = { f },
    ["[-1]"] = { [-1] = f },
    ["[2.5]"] = { [2.5] = f },
    ["[true]"] = { [true] = f },
    [".a.b.c.d"] = { a = { b = { c = { d = f } } } },
    ["['a b']"] = { ["a b"] = f },
    ["['1st']"] = { ["1st"] = f },
    ["._x1"] = { _x1 = f },
    ["[1][1][1]"] = { { { f } } },
  }

  for path, v in pairs(paths) do
    it("value" .. path, function()
      assert.equal("cannot send: value" .. path .. " is a file", sending(v))
    end)
  end

  it("a key", function()
    assert.matches("^cannot send: value.*key.* is a file$",
      sending { [f] = 1 })
  end)

  it("an upvalue of a function", function()
    local function log() return f end
    local line = debug.getinfo(log, "S").linedefined
    local message = sending { log = log }
    assert.matches("^cannot send: value%.log", message)
    assert.matches("upvalue 'f'", message)
    assert.matches("codec_errors_spec.lua:" .. line, message)
    assert.matches("is a file$", message)
  end)

  it("a metatable", function()
    local class = { __index = { log = f } }
    assert.equal("cannot send: value.p (its metatable).__index.log is a file",
      sending { p = setmetatable({}, class) })
    assert.equal("cannot start task: argument 1[1] (its metatable)" ..
      ".__index.log is a file", starting(print, { setmetatable({}, class) }))
  end)

  it("the shortest way, in a cyclic table", function()
    local t = { 1 }
    t.self, t.up = t, { t }
    t.log = f
    assert.equal("cannot send: value.log is a file", sending(t))
  end)

  it("very deep down", within(20, function()
    local t = f
    for _ = 1, 100000 do t = { t } end
    assert.matches("^cannot send: .*is a file$", sending(t))
  end))

  it("in sends of every form", function()
    local v, ch = { x = f }, chan(1)
    local text = "value.x is a file"
    assert.matches(text, error_of(function() ch:send(v) end), 1, true)
    assert.matches(text, error_of(function() ch:send(v, 1) end), 1, true)
    assert.matches(text, error_of(function() ch:try_send(v) end), 1, true)
    local message = error_of(function()
      select { { recv = chan() }, { send = ch, value = v } }
    end)
    assert.matches("case 2", message)
    assert.matches(text, message, 1, true)
    assert.equal(0, #ch)
  end)
end)

describe("what a task cannot be started with:", function()
  local f = io.stdout

  it("arguments", within(5, function()
    assert.equal("cannot start task: argument 1 is a file", starting(noop, f))
    assert.equal("cannot start task: argument 2.x is a file",
      starting(noop, 1, { x = f }))
    assert.equal("cannot start task: argument 3 is a coroutine",
      starting(noop, nil, nil, coroutine.create(noop)))
  end))

  it("captures", within(5, function()
    local t = { log = f }
    local message = starting(function() return f end)
    assert.matches("^cannot start task: ", message)
    assert.matches("upvalue 'f'", message)
    assert.matches("is a file$", message)
    message = starting(function() return t end)
    assert.matches("upvalue 't'.*%.log is a file$", message)
  end))

  it("captures of captured functions", within(5, function()
    local function log(x) f:write(x) end
    local message = starting(function() log "x" end)
    assert.matches("upvalue 'log'", message)
    assert.matches("upvalue 'f'", message)
    assert.matches("is a file$", message)
  end))

  it("globals", within(5, function()
    local env = setmetatable({ log = f, conf = { out = f } },
      { __index = _G })
    _G.gort_spec_log, _G.gort_spec_conf = env.log, env.conf
    local one = starting(load "return gort_spec_log")
    local two = starting(load "return gort_spec_conf")
    _G.gort_spec_log, _G.gort_spec_conf = nil, nil
    assert.equal("cannot start task: global 'gort_spec_log' is a file", one)
    assert.equal("cannot start task: global 'gort_spec_conf'.out is a file",
      two)
  end))

  it("and nothing is started then", within(5, function()
    local wg = gort.sync.waitgroup()
    tasks.until_alone()
    starting(noop, f)
    assert.has_error(function() wg:go(noop, f) end)
    assert.has_error(function() gort.time.after_func(0, noop, f) end)
    assert.equal(2, gort.runtime.numtasks())
    assert.is_true(wg:wait(0))
  end))
end)

describe("after an error", function()
  it("everything crosses as before", within(5, function()
    local ch, t = chan(1), { 1, { x = io.stdout } }
    for _ = 1, 100 do sending(t) end
    t[2].x = nil
    ch:send(t)
    assert.same({ 1, {} }, (ch:recv()))
  end))

  it("handles in the message are let go", within(20, function()
    for _ = 1, 1000 do
      sending { chan(1000), string.rep("x", 1000), io.stdout }
    end
    collectgarbage()
  end))
end)
