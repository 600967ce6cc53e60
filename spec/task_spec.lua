-- go: starting tasks, what they see, what they may not do.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of

describe("go", function()
  it("returns nothing and does not wait", within(5, function()
    local ch = chan()
    assert.equal(0, select("#", go(function() ch:recv() end)))
    ch:send(1)
  end))

  it("hands over arguments, nil and false too", within(5, function()
    local ch = chan()
    go(function(...) ch:send(table.pack(...)) end, nil, 1, false, "x", nil)
    assert.same({ n = 5, nil, 1, false, "x", nil }, (ch:recv()))
    go(function(...) ch:send(select("#", ...)) end)
    assert.equal(0, (ch:recv()))
  end))

  it("hands over many arguments", within(5, function()
    local ch, list = chan(), {}
    for i = 1, 200 do list[i] = i end
    go(function(...) ch:send { ... } end, table.unpack(list))
    assert.same(list, (ch:recv()))
  end))

  it("evaluates everything when it is called", within(5, function()
    local ch, t, x = chan(), { 1 }, 1
    local hold = chan()
    go(function(arg) hold:recv(); ch:send { arg[1], t[1], x } end, t)
    t[1], x = 2, 2
    hold:close()
    assert.same({ 1, 1, 1 }, (ch:recv()))
    assert.same({ 2, 2 }, { t[1], x })
  end))

  it("takes a C function", within(5, function()
    local ch = chan(1)
    go(ch.send, ch, "from C")
    assert.equal("from C", (ch:recv()))
    go(pcall, ch.send, ch, "by pcall")
    assert.equal("by pcall", (ch:recv()))
  end))

  it("throws results away", within(5, function()
    local ch = chan(1)
    go(function() ch:send(1); return 1, 2, 3 end)
    ch:recv()
  end))

  it("starts 10,000 tasks in a chain", within(30, function()
    local first = chan()
    local left = first
    for _ = 1, 10000 do
      local right = chan()
      go(function(l, r) r:send(l:recv() + 1) end, left, right)
      left = right
    end
    first:send(0)
    assert.equal(10000, (left:recv()))
  end))

  it("starts functions with globals that are computed", within(5, function()
    local ch = chan()
    local env = setmetatable({}, { __index = _G })
    env.ch = ch
    local f = load("return function() ch:send(type(print)) end", "=f", "t",
      env)()
    go(f)
    assert.equal("function", (ch:recv()))
  end))

  it("starts a function of a spec", function()
    local ch = chan()
    go(function() ch:send(tostring(1)) end)
    assert.equal("1", (ch:recv(5)))
  end)
end)

describe("a task's function", function()
  it("brings its captures", within(5, function()
    local ch, n, s, t = chan(), 1, "s", { x = { 2 } }
    local function helper() return n + t.x[1] end
    go(function() ch:send { n, s, t, helper() } end)
    assert.same({ 1, "s", { x = { 2 } }, 3 }, (ch:recv()))
  end))

  it("brings 200 captures", within(5, function()
    local names, values = {}, {}
    for i = 1, 190 do
      names[i], values[i] = "v" .. i, tostring(i)
    end
    local list = table.concat(names, ",")
    local text = "local ch = ... local " .. list .. " = "
      .. table.concat(values, ",") .. " go(function() ch:send({" .. list
      .. "}) end)"
    local ch = chan()
    load(text)(ch)
    local got = ch:recv()
    for i = 1, 190 do assert.equal(i, got[i]) end
  end))

  it("may call itself, also through others", within(5, function()
    local ch = chan()
    local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
    local even
    local function odd(n) if n == 0 then return false end return even(n - 1) end
    function even(n) if n == 0 then return true end return odd(n - 1) end
    go(function() ch:send { fib(10), even(10), odd(10) } end)
    assert.same({ 55, true, false }, (ch:recv()))
  end))

  it("may have nested functions with upvalues", within(5, function()
    local ch = chan()
    go(function(...)
      local n, args = 0, { ... }
      local function count() n = n + 1; return n end
      local function each(f) for _, v in ipairs(args) do f(v) end end
      each(function(v) n = n + v end)
      ch:send { count(), count() }
    end, 1, 2)
    assert.same({ 4, 5 }, (ch:recv()))
  end))

  it("may start tasks itself", within(5, function()
    local ch = chan()
    go(function(n)
      go(function(m)
        go(function() ch:send(n + m) end)
      end, 20)
    end, 1)
    assert.equal(21, (ch:recv()))
  end))

  it("shares captured variables within a message", within(5, function()
    local ch, n = chan(1), 0
    local function inc() n = n + 1 end
    local function get() return n end
    ch:send { inc = inc, get = get }
    local r = ch:recv()
    r.inc()
    r.inc()
    assert.equal(2, r.get())
    assert.equal(0, get())
  end))

  it("keeps its name and lines in errors", within(5, function()
    local ch = chan()
    local function fail() error "here" end
    local line = debug.getinfo(1, "l").currentline - 1
    go(function() ch:send(select(2, pcall(fail))) end)
    assert.matches("task_spec.lua:" .. line .. ": here", (ch:recv()))
  end))

  it("may have been stripped of its names", within(5, function()
    local ch, n = chan(), 5
    local f = load(string.dump(function(...) return ... end, true))
    go(function() ch:send(f(n)) end)
    assert.equal(5, (ch:recv()))
  end))
end)

describe("assigning what was captured is an error", function()
  local tail = ": tasks share nothing, so the assignment would be lost; "
    .. "send it over a channel, or make it local to the task"

  local function refused(text, message)
    local f = assert(load(text, "=main.lua"))
    local found = error_of(f)
    assert.equal(message .. tail, found)
  end

  it("for a local", function()
    refused("local count = 0\ngo(function()\n  count = count + 1\nend)",
      "task assigns captured variable 'count' (main.lua:3)")
  end)

  it("for a local of a function further out, in a nested one", function()
    refused([[local count = 0
      local function start()
        go(function()
          local function add() count = count + 1 end
          add()
        end)
      end
      start()]], "task assigns captured variable 'count' (main.lua:4)")
  end)

  it("for a global that the function captures", function()
    refused("total = 0\ngo(function()\n  total = total + 1\nend)",
      "task assigns captured global 'total' (main.lua:3)")
  end)

  it("for a global function that captures the global", function()
    refused("total = 0\nfunction add() total = total + 1 end\n"
      .. "go(function() add() end)",
      "task assigns captured global 'total' (main.lua:2)")
  end)

  it("and names where go was called", function()
    local ok, err = pcall(load("local n = 0\n\ngo(function() n = 1 end)",
      "=main.lua"))
    assert.is_false(ok)
    assert.matches("^main.lua:3: task assigns", err)
  end)

  it("also for wg:go and after_func", function()
    local wg, n = gort.sync.waitgroup(), 0
    assert.matches("task assigns captured variable 'n'",
      error_of(function() wg:go(function() n = 1 end) end))
    assert.matches("task assigns captured variable 'n'",
      error_of(function()
        gort.time.after_func(1, function() n = 1 end)
      end))
    assert.equal(0, n)
    assert.is_true(wg:wait(0))
  end)

  it("but not for captured tables: they are copies", within(5, function()
    local ch, t = chan(), { n = 0 }
    go(function() t.n = t.n + 1; ch:send(t.n) end)
    assert.equal(1, (ch:recv()))
    assert.equal(0, t.n)
  end))

  it("nor for arguments and the task's own locals", within(5, function()
    local ch = chan()
    go(function(n)
      n = n + 1
      local m = n
      m = m + 1
      ch:send(m)
    end, 1)
    assert.equal(3, (ch:recv()))
  end))
end)
