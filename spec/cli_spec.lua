-- The program's command line.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local run = require "spec.support.run"

-- The output of a run without errors.
local function output(r)
  assert.equal("", r.err)
  assert.equal(0, r.status)
  return r.out
end

describe("a script gets", function()
  it("its arguments as ... and in arg", function()
    local r = run([[
      print(select("#", ...), ...)
      print(#arg, arg[1], arg[2], arg[3], arg[0] ~= nil, arg[-1] ~= nil)
      print(arg[0])]], { args = { "a", "", "-e c" } })
    assert.equal("3\ta\t\t-e c\n3\ta\t\t-e c\ttrue\ttrue\n" .. r.script
      .. "\n", output(r))
  end)

  it("gort and its options below arg[0]", function()
    local r = run("print(arg[-3], arg[-2], arg[-1])",
      { options = { "-E", "--procs=1" } })
    assert.equal(run.program .. "\t-E\t--procs=1\n", output(r))
  end)

  it("the globals go, chan, select and gort", function()
    assert.equal("function function function table true 5.4\n", output(run [[
      print(type(go) .. " " .. type(chan) .. " " .. type(select) .. " "
        .. type(gort) .. " " .. tostring(require "gort" == gort) .. " "
        .. _VERSION:match "[%d.]+")]]))
  end)

  it("a shebang line skipped", function()
    local r = run "#!/usr/bin/env gort\nprint(debug.getinfo(1).currentline)"
    assert.equal("2\n", output(r))
  end)

  it("to be run by its shebang", function()
    local dir = run.directory()
    run.write(dir .. "/script", "#!" .. run.program .. "\nprint(...)")
    local r = run.shell("chmod +x " .. dir .. "/script; " .. dir
      .. "/script x y")
    run.remove(dir)
    assert.equal("x\ty\n", output(r))
  end)

  it("its own environment of plain Lua", function()
    assert.equal("nil\tfunction\ttable\n", output(run
      "print(describe, string.dump and type(print), type(_G))"))
  end)
end)

describe("standard input is the script", function()
  it("without arguments", function()
    assert.equal("1\n", output(run.gort({}, { input = "print(1)" })))
  end)

  it("for -", function()
    assert.equal("a\tb\t-\n", output(run.gort({ "-", "a", "b" },
      { input = "print(arg[1], select(2, ...), arg[0])" })))
  end)

  it("and may have errors", function()
    local r = run.gort({ "-" }, { input = "x = = 1" })
    assert.equal(1, r.status)
    assert.matches("^gort: stdin:1: unexpected symbol", r.err)
  end)
end)

describe("options:", function()
  it("-e runs statements, in order, before the script", function()
    local r = run("print('script', x, ...)",
      { options = { "-e", "x = 1", "-ex = x + 1" }, args = { "a" } })
    assert.equal("script\t2\ta\n", output(r))
    assert.equal("", output(run.gort({ "-e", "" }, { input = "print(1)" })))
  end)

  it("-e may use tasks and block", function()
    assert.equal("5\n", output(run.gort { "-e",
      "local c = chan() go(function() c:send(5) end) print((c:recv()))" }))
  end)

  it("-l requires into a global", function()
    local dir = run.directory()
    run.write(dir .. "/m.lua", "return { x = 7 }")
    local r = run.gort({ "-l", "m", "-lq=m", "-e", "print(m.x, q == m)" },
      { dir = dir })
    run.remove(dir)
    assert.equal("7\ttrue\n", output(r))
  end)

  it("-l of nothing there fails", function()
    local r = run.gort { "-l", "no.such.module", "-e", "print(1)" }
    assert.equal(1, r.status)
    assert.equal("", r.out)
    assert.matches("module 'no.such.module' not found", r.err)
  end)

  it("-v and --version tell the versions", function()
    for _, option in ipairs { "-v", "--version" } do
      assert.matches("^gort %d+%.%d+%.%d+ %(Lua 5%.4",
        output(run.gort { option }))
    end
    assert.matches("\n3\n$", output(run.gort { "-v", "-e", "print(3)" }))
  end)

  it("-E ignores the environment", function()
    local text = "print(package.path:find('from-env', 1, true) ~= nil, x)"
    local before = "export LUA_PATH='from-env/?.lua;;' LUA_INIT='x = 3'"
    assert.equal("true\t3\n", output(run(text, { before = before })))
    assert.equal("false\tnil\n", output(run(text,
      { before = before, options = { "-E" } })))
  end)

  it("-E also in the tasks", function()
    local text = [[
      local ch = chan()
      go(function()
        ch:send(package.path:find("from-env", 1, true) ~= nil)
      end)
      print((ch:recv()))]]
    local before = "export LUA_PATH='from-env/?.lua;;'"
    assert.equal("true\n", output(run(text, { before = before })))
    assert.equal("false\n", output(run(text,
      { before = before, options = { "-E" } })))
  end)

  it("LUA_INIT may name a file", function()
    local dir = run.directory()
    run.write(dir .. "/init.lua", "y = 4")
    local r = run("print(y)",
      { before = "export LUA_INIT_5_4=@" .. dir .. "/init.lua" })
    run.remove(dir)
    assert.equal("4\n", output(r))
  end)

  it("--procs sets the number of workers", function()
    for _, options in ipairs { { "--procs", "3" }, { "--procs=3" } } do
      assert.equal("3\n", output(run("print(gort.runtime.maxprocs())",
        { options = options })))
    end
    for _, n in ipairs { "0", "-1", "x", "", "1.5", "99999999999999999999" } do
      local r = run("print(1)", { options = { "--procs", n } })
      assert.equal(1, r.status)
      assert.equal("", r.out)
      assert.matches("%-%-procs", r.err)
    end
    assert.equal(1, run.gort({ "--procs" }).status)
  end)

  it("-W turns warnings on", function()
    assert.matches("careful", run("warn 'careful'",
      { options = { "-W" } }).err)
    assert.equal("", run("warn 'careful'").err)
  end)

  it("-- ends them", function()
    assert.equal("1\n", output(run("print(1)", { options = { "--" } })))
  end)

  it("--help shows them", function()
    local text = output(run.gort { "--help" })
    for _, option in ipairs { "-e", "-l", "-v", "-E", "--procs", "usage" } do
      assert.matches(option, text, 1, true)
    end
  end)

  it("that are unknown or incomplete show the usage, status 1", function()
    for _, args in ipairs { { "-x" }, { "--foo" }, { "-e" }, { "-l" },
      { "-vx" } } do
      local r = run.gort(args)
      assert.equal(1, r.status)
      assert.equal("", r.out)
      assert.matches("^gort: .*\nusage: gort", r.err)
    end
  end)
end)

describe("the exit status", function()
  it("is 0 after a script that returns", function()
    assert.equal(0, run("return 5, false").status)
    assert.equal(0, run("").status)
  end)

  it("is what os.exit says, in main", function()
    for text, status in pairs { ["os.exit()"] = 0, ["os.exit(true)"] = 0,
      ["os.exit(false)"] = 1, ["os.exit(7)"] = 7, ["os.exit(3, true)"] = 3 } do
      assert.equal(status, run(text .. " print 'not reached'").status)
    end
  end)

  it("is what os.exit says, in a task", function()
    for _, how in ipairs { "7", "7, true" } do
      local r = run("go(function() os.exit(" .. how .. ") end) select {}")
      assert.equal(7, r.status)
      assert.equal("", r.err)
    end
  end)

  it("is that of os.exit while others loop and write", function()
    local r = run [[
      for _ = 1, 4 do
        go(function() while true do end end)
        go(function() while true do gort.runtime.yield() end end)
      end
      io.write "buffered"
      gort.time.sleep(0.01)
      go(function() os.exit(9) end)
      select {}]]
    assert.equal(9, r.status)
    assert.equal("buffered", r.out)
  end)

  it("is 1 for a script that is missing or wrong", function()
    local r = run.gort { "/nonexistent/x.lua" }
    assert.equal(1, r.status)
    assert.matches("^gort: cannot open /nonexistent/x.lua", r.err)
    r = run "local x = = 1"
    assert.equal(1, r.status)
    assert.matches("^gort: " .. r.script:gsub("%p", "%%%0")
      .. ":1: unexpected symbol near '='", r.err)
    r = run.gort { "-e", "x = " }
    assert.equal(1, r.status)
    assert.matches("^gort: %(command line%):1: unexpected symbol", r.err)
  end)
end)
