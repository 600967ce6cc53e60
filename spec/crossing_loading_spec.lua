-- How modules are found and loaded for a task, and how that fails.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

local files = {
  mod = "return { f = function() return 'f of mod' end }",
  ["lib/far"] = "return { f = function() return 'far' end }",
  ["other/far"] = "return { f = function() return 'other' end }",
  uses = "local mod = require 'mod' return { f = function() "
    .. "return 'uses ' .. mod.f() end, mod = mod }",
  first = "local M = {} package.loaded.first = M M.second = require 'second' "
    .. "function M.f() return 'first' end return M",
  second = "local first = require 'first' return { f = function() "
    .. "return 'second of ' .. first.f() end }",
  sets = "local M = { f = function() return 'global' end } sets = M return M",
  nothing = "there = { f = function() return 'set' end }",
  slow = "gort.time.sleep(0.01) return { f = function() return 'slow' end }",
  name = "local name, file = ... return { f = function() "
    .. "return name .. ' ' .. file end }",
  -- These can be loaded by main only, which has the global.
  raises = "if not here then error 'no luck' end "
    .. "return { f = function() end }",
  raises_table = "if not here then error { code = 7 } end "
    .. "return { f = function() end }",
  raises_nil = "if not here then error() end "
    .. "return { f = function() end }",
  poor = "return here and { f = function() end, t = { u = {} } } or {}",
  other_kind = "return here and { f = function() end } or 'text'",
}

-- From the main task, from another to one in its own vm, and to other vms.
for _, mode in ipairs { "main", "together", "apart" } do
  describe("for a task (" .. mode .. "):", function()
    local dir
    setup(function()
      dir = run.directory()
      os.execute("mkdir " .. dir .. "/lib " .. dir .. "/other")
      for name, text in pairs(files) do
        run.write(dir .. "/" .. name .. ".lua", text)
      end
    end)
    teardown(function() run.remove(dir) end)

    local function gort(text)
      text = "local ch = chan() " .. text
      if mode ~= "main" then
        text = "local done = chan() go(function() " .. text ..
          " done:close() end) done:recv()"
      end
      return run(text, { dir = dir, args = { "a", "b" },
        before = "export GORT_PLACEMENT=" .. mode })
    end

    local function says(expected, text)
      local r = gort(text)
      assert.equal("", r.err)
      assert.equal(expected .. "\n", (r.out:gsub("\t", " ")))
      assert.equal(0, r.status)
    end

    for name, said in pairs { mod = "f of mod", uses = "uses f of mod",
      first = "first", second = "second of first", slow = "slow",
      name = "name ./name.lua" } do
      it("the module " .. name .. " is found", function()
        says(said, "local m = require '" .. name .. "' "
          .. "go(function() ch:send(m.f()) end) print((ch:recv()))")
        says(said, "local f = require '" .. name .. "'.f "
          .. "go(function(g) ch:send(g()) end, f) print((ch:recv()))")
        says(said, "go(function() ch:send(require '" .. name .. "'.f()) end) "
          .. "print((ch:recv()))")
      end)
    end

    it("one that another holds is the same", function()
      says("true true", [[
        local uses, mod = require "uses", require "mod"
        go(function()
          ch:send { uses.mod == mod, mod == require "mod" }
        end)
        print(table.unpack((ch:recv())))]])
    end)

    it("one that returns nothing is true, and its globals its own", function()
      says("true set nil", [[
        go(function()
          local m = require "nothing"
          ch:send { m, there and there.f() or "set" }
        end)
        local r = ch:recv()
        print(r[1], r[2], there)]])
    end)

    it("package.path is that of go", function()
      says("far nil far", [[
        local path = package.path
        package.path = "./lib/?.lua;" .. path
        local far = require "far"
        go(function() ch:send(far.f()) end)
        local a = ch:recv()
        go(function() ch:send { package.path } end)
        print(a, ch:recv()[1]:find("./other", 1, true), far.f())]])
    end)

    it("package.path and cpath are seen as they were set", function()
      says("true true", [[
        package.path, package.cpath = "./lib/?.lua", "./lib/?.so"
        go(function()
          ch:send { package.path == "./lib/?.lua",
            package.cpath == "./lib/?.so" }
        end)
        print(table.unpack((ch:recv())))]])
    end)

    it("package.path goes with a message", function()
      says("far", [[
        local back = chan()
        go(function() back:send((ch:recv()).f()) end)
        package.path = "./lib/?.lua"
        ch:send((require "far"))
        print((back:recv()))]])
    end)

    it("package.preload is seen, with captures and globals", function()
      says("made 5 by x true", [[
        local n = 5
        who = "x"
        package.preload.made = function(name)
          return { f = function() return name .. " " .. n .. " by " .. who end }
        end
        local made = require "made"
        go(function()
          ch:send { made.f(), made == require "made" }
        end)
        print(table.unpack((ch:recv())))]])
    end)

    it("package.preload is seen by require in the task", function()
      says("lazy lazy", [[
        package.preload.lazy = function(name) return { name = name } end
        go(function() ch:send(require "lazy".name) end)
        print(ch:recv(), require "lazy".name)]])
    end)

    it("arg is as in main", function()
      says("a b true true", [[
        go(function()
          ch:send { arg[1], arg[2], arg[0] ~= nil, arg[-1] ~= nil, arg }
        end)
        local r = ch:recv()
        assert(#r[5] == #arg and r[5][0] == arg[0] and r[5] ~= arg)
        print(r[1], r[2], r[3], r[4])]])
    end)

    it("a captured require, dofile and loadfile work", function()
      says("f of mod f of mod f of mod", [[
        local req, run, load_file = require, dofile, loadfile
        go(function()
          ch:send { req "mod".f(), run "mod.lua".f(),
            load_file "mod.lua"().f() }
        end)
        print(table.unpack((ch:recv())))]])
    end)

    it("a module that is not there is the task's own error", function()
      local r = gort "go(function() require 'absent' end) ch:recv()"
      assert.equal(2, r.status)
      assert.matches("module 'absent' not found", r.err)
      says("false true", [[
        go(function()
          local ok, why = pcall(require, "absent")
          ch:send { ok, why:find "module 'absent' not found" ~= nil }
        end)
        print(table.unpack((ch:recv())))]])
    end)

    it("one that cannot be compiled gives the compiler's words", function()
      run.write(dir .. "/broken.lua", "return {")
      says("true true", [[
        go(function()
          local _, why = pcall(require, "broken")
          ch:send { why:find "error loading module 'broken'" ~= nil,
            why:find "broken.lua:1:" ~= nil }
        end)
        print(table.unpack((ch:recv())))]])
    end)
  end)
end

describe("a module that another vm cannot load", function()
  local dir
  setup(function()
    dir = run.directory()
    for name, text in pairs(files) do
      if not name:find "/" then
        run.write(dir .. "/" .. name .. ".lua", text)
      end
    end
  end)
  teardown(function() run.remove(dir) end)

  local function apart(text)
    return run("here = true local ch = chan() " .. text, { dir = dir,
      before = "export GORT_PLACEMENT=apart" })
  end

  local errors = {
    raises = "raises.lua:1: no luck",
    poor = "module 'poor' has no 'f' in this task",
    other_kind = "module 'other_kind' has no 'f' in this task",
  }
  for name, text in pairs(errors) do
    it("fails with its error: " .. name, function()
      local load = "local f = require '" .. name .. "'.f "
      local r = apart(load .. "go(function() f() ch:send(1) end) ch:recv()")
      assert.equal(2, r.status)
      assert.matches(text, r.err, 1, true)
      assert.matches("main.lua:1\n", r.err, 1, true) -- who started it
    end)

    it("fails in recv, which can be caught: " .. name, function()
      local r = apart("local f, back = require '" .. name .. [['.f, chan()
        go(function()
          back:send { pcall(ch.recv, ch) }
          back:send((ch:recv()))
        end)
        ch:send { f }
        print(back:recv()[2])
        ch:send "and on"
        print((back:recv()))]])
      assert.equal("", r.err)
      assert.matches(text, r.out, 1, true)
      assert.matches("\nand on\n$", r.out)
    end)
  end

  it("may raise a table", function()
    local r = apart [[
      local f, back = require "raises_table".f, chan()
      go(function() back:send { pcall(ch.recv, ch) } end)
      ch:send { f }
      print(back:recv()[2].code)]]
    assert.equal("", r.err)
    assert.equal("7\n", r.out)
  end)

  it("may raise nil", function()
    local r = apart [[
      local f = require "raises_nil".f
      go(function() f() end)
      ch:recv()]]
    assert.equal(2, r.status)
    assert.matches("nil", r.err)
  end)

  it("is told by the way to what is missing", function()
    local r = apart [[
      local u = require "poor".t.u
      go(function() return u end)
      ch:recv()]]
    assert.matches("module 'poor' has no 't.u' in this task", r.err, 1, true)
  end)
end)
