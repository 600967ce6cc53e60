-- Lua's own behaviour is that of lua5.4, to the letter: the same programs run
-- under both, and write the same. Only the program's name may differ.
-- SPDX-License-Identifier: MIT

local both = require "spec.support.both"
local run = require "spec.support.run"

local programs = {
  "basics", "close", "collectgarbage", "coroutine", "debug", "errors", "files",
  "gc", "load",
}

describe("as lua5.4 does it:", function()
  for _, name in ipairs(programs) do
    it(name, function() both.same("PROGRAM spec/lua/" .. name .. ".lua") end)
  end
end)

describe("inside a task, among others that compute:", function()
  local main = [[
    local file, done = arg[1], chan()
    for _ = 1, 4 do go(function() while true do end end) end
    go(function() dofile(file) done:close() end)
    done:recv()]]
  for _, name in ipairs { "basics", "close", "coroutine", "files" } do
    it(name, function()
      local theirs = both("PROGRAM spec/lua/" .. name .. ".lua")
      for _, procs in ipairs { "1", "4" } do
        local ours = run(main, { options = { "--procs", procs }, limit = 60,
          args = { "spec/lua/" .. name .. ".lua" } })
        assert.equal(theirs.out, (ours.out:gsub("0x%x+", "ADDRESS")))
        assert.equal(theirs.err, "\n" .. ours.err)
        assert.equal(theirs.status, ours.status)
      end
    end)
  end
end)

describe("the command line", function()
  local dir

  setup(function()
    dir = run.directory()
    run.write(dir .. "/s.lua", [[
      print(...)
      for i = -6, 5 do if arg[i] then print(i, arg[i]) end end]])
    run.write(dir .. "/hash.lua", "#!/usr/bin/env lua\nprint('hash', ...)")
    run.write(dir .. "/mod.lua", "print('loading', ...) return { x = 1 }")
  end)

  teardown(function() run.remove(dir) end)

  local function lines(before, list)
    for _, args in ipairs(list) do
      it(before .. args, function()
        both.same("cd " .. dir .. "; " .. before .. "PROGRAM " .. args
          .. " </dev/null")
      end)
    end
  end

  lines("", {
    "s.lua a b", "-- s.lua z", "-e 'x = 1' s.lua a", "-e '' ", "hash.lua 1 2",
    "nothere.lua", "-e 'arg = { 1, 2, 3 }' s.lua x", "-e 'arg = nil' s.lua x",
    "-e 'print(1)' -l nope -e 'print(2)'", "-l mod -e 'print(mod.x)'",
    "-lm=mod -e 'print(m.x, mod)'", "-e 'print(1)' -e 'error()' -e 'print(2)'",
    "-W -e 'warn [[w]]'", "-e 'warn [[no]]' -W -e 'warn [[yes]]'",
    "-e 'x ='", "-e 'error([[text]], 0)'", "-e 'error({})'", "-e 'os.exit(7)'",
    "-e 'error(setmetatable({}, { __tostring = function() return 1 end }))'",
    "-e 'os.exit(true, true)'", "-e 'os.exit(false)'", "-e 'return 5'",
    "-e 'print(arg[0], arg[1], arg[-1], #arg, ...)'",
    "-E -e 'print(package.path, package.cpath)'",
  })
  lines("echo 'print(1, ...)' | ", { "", "- a b", "-- -", "-e 'x = 2'" })
  lines("LUA_INIT='print([[init]], ...)' ", { "-e 'print(2)'", "-E s.lua" })
  lines("LUA_INIT='error [[bad]]' ", { "s.lua" })
  lines("LUA_INIT='x y' ", { "s.lua" })
  lines("LUA_INIT=@s.lua ", { "-e 'print(3)'", "-W hash.lua" })
  lines("LUA_INIT=@none.lua ", { "-e 'print(3)'" })
  lines("LUA_INIT='print(1)' LUA_INIT_5_4='print(2)' ", { "s.lua" })
  lines("LUA_PATH='/p/?.lua;;' LUA_CPATH_5_4='/c/?.so' ", {
    "-e 'print(package.path, package.cpath)'", "-e 'require [[n]]'",
  })

  it("with mistakes: the same first line and status", function()
    for _, args in ipairs { "-x", "-e", "-l", "-e -x", "-vx", "--x", "-i5",
      "-W5", "-E-" } do
      local theirs, ours = both("PROGRAM " .. args)
      assert.equal(theirs.err:match "^\n[^\n]*\n", ours.err:match "^\n[^\n]*\n")
      assert.equal(theirs.status, ours.status)
      assert.equal(theirs.out, ours.out)
    end
  end)
end)
