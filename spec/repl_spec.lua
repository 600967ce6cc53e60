-- The session of `gort` on a terminal: keys typed, the screen looked at.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local terminal = require "spec.support.terminal"
local run = require "spec.support.run"

-- ThreadSanitizer keeps a signal for a thread that computes until it calls
-- something: Ctrl-C then waits for the end of the loop it is to end.
local it_ends = os.getenv "GORT_CONFIG" == "tsan" and pending or it

-- A session at its first prompt.
local function open(opts)
  local t = terminal.open(opts and opts.args, opts)
  t:wait "^>$"
  return t
end

describe("a session", function()
  it("greets, prints values, and leaves", function()
    local t <close> = open()
    assert.matches("^gort %d+%.%d+%.%d+ %(Lua 5%.4.-\n.-:help.-\n>$",
      t:screen())
    assert.equal("2", t:answer "1 + 1")
    assert.same({ '"text"', "nil", "2.5" }, t:values "'text', nil, 5 / 2")
    assert.equal("", t:answer "x = 5")
    assert.equal("5", t:answer "x")
    assert.equal("hello", t:answer "print 'hello'")
    assert.equal("10", t:answer "= x * 2")
    t:leave()
  end)

  it("is left by :quit, by os.exit, and by the end of the input", function()
    for text, status in pairs { [":quit"] = 0, ["os.exit(7)"] = 7 } do
      local t <close> = open()
      t:say(text)
      t:wait("^left: " .. status)
    end
    local r = run.gort({ "-i" }, { input = "print(6 * 7)\n" })
    assert.equal(0, r.status)
    assert.matches("\n> 42\n> \n$", r.out)
  end)

  it("_ is the first of the last values", function()
    local t <close> = open()
    t:answer "6 * 7, 1"
    assert.equal("42", t:answer "_")
    t:answer "x = 1"
    assert.equal("84", t:answer "_ * 2")
  end)

  it("a chunk goes on over several lines", function()
    local t <close> = open()
    t:say "for i = 1, 2 do"
    t:wait "^>>$"
    t:say "  print(i)"
    t:wait_for ">>   print(i)"
    t:say "end"
    t:wait_for "1\n2\n>"
    t:say "s = [["
    t:wait "^>>$"
    t:say "a"
    t:say "b]]"
    t:wait "^>$"
    assert.equal([["a\nb"]], t:answer "s")
    t:say "return 1 +"
    t:wait "^>>$"
    t:press "C-c"
    assert.equal("3", t:answer "3")
  end)

  it("runs the script of -i first, and -e", function()
    local dir = run.directory()
    run.write(dir .. "/s.lua", "y = 8 print(...)")
    local t <close> = open { dir = dir, args = "-i " .. dir .. "/s.lua a b" }
    assert.matches("\na\tb\n", (t:screen():gsub(" +b\n", "\tb\n")))
    assert.equal("8", t:answer "y")
    local e <close> = open { args = "-e 'z = 9' -i" }
    assert.equal("9", e:answer "z")
    run.remove(dir)
  end)

  it("takes its prompts from _PROMPT and _PROMPT2", function()
    local t <close> = open()
    t:say "_PROMPT, _PROMPT2 = 'lua: ', 'more: '"
    t:wait "^lua:$"
    t:say "do"
    t:wait "^more:$"
  end)
end)

describe("local variables", function()
  it("stay for the lines that follow", function()
    local t <close> = open()
    assert.equal("", t:answer "local a, b = 1, 2")
    assert.equal("3", t:answer "a + b")
    assert.equal("", t:answer "a = a + 10")
    assert.same({ "11", "nil" }, t:values "a, rawget(_G, 'a')")
  end)

  it("are the very variables that closures captured", function()
    local t <close> = open()
    t:answer "local n = 0"
    t:answer "local function up() n = n + 1 return n end"
    assert.equal("1", t:answer "up()")
    assert.equal("2", t:answer "up()")
    t:answer "n = 10"
    assert.same({ "11", "11" }, t:values "up(), n")
  end)

  it("of an inner block do not", function()
    local t <close> = open()
    t:answer "do local inner = 1 end"
    assert.equal("nil", t:answer "inner")
    t:answer "-- local comment = 1"
    t:answer "s = 'local str = 2'"
    assert.same({ "nil", "nil" }, t:values "comment, str")
  end)

  it("may be constants", function()
    local t <close> = open()
    t:answer "local K <const>, T <const> = 7, {}"
    assert.same({ "7", "{}" }, t:values "K, T")
    assert.matches("assign to const variable 'K'", t:answer "K = 8")
    assert.equal("7", t:answer "K")
  end)

  it("may be many", function()
    local t <close> = open()
    t:answer "for i = 1, 300 do _G['v' .. i] = i end"
    for i = 1, 300, 10 do
      local names = {}
      for j = i, i + 9 do names[#names + 1] = "v" .. j end
      t:say("local " .. table.concat(names, ",") .. " = 'l'")
    end
    assert.equal("1", t:answer "v1") -- the oldest are forgotten
    assert.equal('"l"', t:answer "v291")
  end)

  it("go with tasks", function()
    local t <close> = open()
    t:answer "local ch, n = chan(), 20"
    t:answer "go(function() ch:send(n + 1) end)"
    assert.same({ "21", "true" }, t:values "ch:recv()")
  end)
end)

describe("values are shown", function()
  it("tables in a row when they fit, sorted", function()
    local t <close> = open()
    assert.equal('{1, 2, {3}, a = true, b = "x", ["c d"] = 1.5}',
      t:answer "{ 1, 2, { 3 }, b = 'x', a = true, ['c d'] = 1.5 }")
    assert.equal("{}", t:answer "{}")
    assert.equal("{[0] = 1, [1.5] = 2, [true] = 3}",
      t:answer "{ [0] = 1, [1.5] = 2, [true] = 3 }")
  end)

  it("else in several, and cut", function()
    local t <close> = open()
    t:answer "p = { n = ('n'):rep(30), list = { 1, 2 }, m = ('m'):rep(40) }"
    assert.equal("{\n  list = {1, 2},\n  m = \"" .. ("m"):rep(40)
      .. "\",\n  n = \"" .. ("n"):rep(30) .. "\"\n}", t:answer "p")
    t:answer "big = {} for i = 1, 5000 do big[i] = i end"
    t:say "big"
    t:wait_for "... 4936 more"
    t:wait "^>$"
    t:say "('x'):rep(5000)"
    t:wait_for "... (5000 bytes)"
  end)

  it("cycles end", function()
    local t <close> = open()
    t:answer "c = { 1 } c.self = c c.deep = { c }"
    assert.equal("{1, deep = {<cycle>}, self = <cycle>}", t:answer "c")
    t:answer "d = {} e = d for i = 1, 50 do e[1] = {} e = e[1] end"
    assert.matches("^{.*{%.%.%.}.*}$", t:answer "d")
  end)

  it("by __tostring and __name", function()
    local t <close> = open()
    assert.equal("<7>", t:answer
      "setmetatable({}, { __tostring = function() return '<7>' end })")
    assert.equal("Point {x = 1}",
      t:answer "setmetatable({ x = 1 }, { __name = 'Point' })")
    assert.matches("error in __tostring: .*broken", t:answer
      "setmetatable({}, { __tostring = function() error 'broken' end })")
    assert.matches("^channel: 0x%x+$", t:answer "chan()")
    assert.matches("^function: 0x%x+ %(stdin:1%)$", t:answer "(function() end)")
  end)

  it("strings with what cannot be seen escaped", function()
    local t <close> = open()
    assert.equal([["a\nb\0c\200ä\"\\"]],
      t:answer [['a\nb\0c\200ä"\\']])
  end)
end)

describe("errors", function()
  it("of syntax", function()
    local t <close> = open()
    assert.equal("stdin:1: syntax error near 'y'", t:answer "x y")
    assert.equal("1", t:answer "1")
  end)

  it("at run time, with a traceback down to the line", function()
    local t <close> = open()
    t:answer "function f() error 'deep' end"
    local text = t:answer "x = f() + 1"
    assert.matches("^stdin:1: deep\nstack traceback:\n%s+%[C%]: in function "
      .. "'error'\n%s+stdin:1: in function 'f'\n%s+stdin:1: in main chunk$",
      text)
    assert.equal("(error object is a table value)",
      t:answer("error {}"):match "^[^\n]*")
  end)

  it("in a background task are shown, and the session goes on", function()
    local t <close> = open()
    t:say "go(function() error 'in a task' end)"
    t:wait_for "created by task 1 at stdin:1"
    t:wait "^>$"
    assert.matches("task %d+: stdin:1: in a task", t:screen())
    assert.equal("5", t:answer "5")
    t:leave()
  end)
end)

describe("Ctrl-C", function()
  it("forgets the line", function()
    local t <close> = open()
    t:type "something"
    t:wait_for "> something"
    t:press "C-c"
    assert.matches("> something%^C\n>$", t:screen())
    assert.equal("1", t:answer "1")
  end)

  it_ends("ends a loop", function()
    local t <close> = open()
    t:interrupt "while true do end"
    assert.matches("interrupted!", t:screen())
    assert.equal("1", t:answer "1")
  end)

  it("ends a wait, whatever is waited for", function()
    local t <close> = open()
    t:answer "go(function() while true do gort.time.sleep(1) end end)"
    t:answer "ch, wg = chan(), gort.sync.waitgroup() wg:add(1)"
    for _, text in ipairs { "print(ch:recv())", "ch:send(1)", "select {}",
      "select { { recv = ch } }", "gort.time.sleep(1e6)", "wg:wait()",
      "for v in ch do end", "coroutine.wrap(function() ch:recv() end)()",
      "ch:recv(1e6)" } do
      t:press "C-l"
      t:interrupt(text)
      assert.matches("interrupted!", t:screen())
    end
    assert.matches("unbuffered$", t:answer ":chans")
  end)

  -- The loops last until the task had to let others have their turn, mostly
  -- in the very call that then waits. The wait is the last thing that it does.
  it_ends("ends a wait of a call that was preempted", function()
    local t <close> = open()
    t:answer "go(function() while true do gort.time.sleep(1) end end)"
    t:answer "ch, wg = chan(), gort.sync.waitgroup() wg:add(1)"
    t:answer "n = function() return gort.runtime.stats().preemptions end"
    local loop = "while n() < p do for _ = 1, 1e5 do end end print 'begun' "
    local function interrupt(text)
      t:answer "p = n() + 3"
      t:press "C-l"
      t:say(text)
      t:wait "^begun$"
      t:press "C-c"
      assert.matches("interrupted!", t:screen(), text)
    end
    for _, text in ipairs { "ch:send(1)", "gort.time.sleep(1e6)", "wg:wait()",
      "ch:recv(1e6)", "select {}" } do
      interrupt(loop .. text)
    end
    interrupt("coroutine.wrap(function() " .. loop .. "ch:send(1) end)()")
    -- Beside a hook of the script's that knows no lines.
    t:answer "hook = function() debug.sethook(function() end, 'c') end"
    interrupt("hook() " .. loop .. "ch:send(1)")
    t:answer "debug.sethook()"
  end)

  it("is an error where the line waits", function()
    local t <close> = open()
    t:answer "go(function() while true do gort.time.sleep(1) end end)"
    t:answer "ch, mu = chan(), gort.sync.mutex() mu:lock()"
    for _, text in ipairs { "ch.recv, ch", "ch.send, ch, 1", "mu.lock, mu",
      "gort.time.sleep, 1e6", "select, {}",
      "coroutine.wrap(ch.recv), ch", "ch.recv, ch, 1e6" } do
      t:press "C-l"
      t:interrupt("print(pcall(" .. text .. "))")
      assert.matches("false%s+interrupted!\n>$", t:screen(), text)
    end
    -- What comes after it was caught is not interrupted, too.
    t:press "C-l"
    t:interrupt "pcall(ch.recv, ch) gort.time.sleep(0.05) print 'went on'"
    assert.matches("%^Cwent on\n>$", t:screen())
  end)

  it_ends("pressed twice, ends one that catches errors", function()
    local t <close> = open()
    t:say "f = function() while true do end end"
    t:say "print 'begun' while true do pcall(f) end"
    t:wait "^begun$"
    t:until_true(function() -- two that come at once are one
      if t:last() == ">" then return true end
      t:key "C-c"
      gort.time.sleep(0.2)
    end, "prompt")
    assert.equal("1", t:answer "1")
  end)
end)

describe("background tasks", function()
  it("print above the line that is being typed", function()
    local t <close> = open()
    t:answer "n = chan()"
    t:answer "go(function() for i in n do print('tick ' .. i) end end)"
    t:answer "go(function() gort.time.sleep(0.3) n:send(1) n:send(2) end)"
    t:type "1 + 1 -- half typed"
    t:wait_for "tick 2"
    t:wait "^> 1 %+ 1 %-%- half typed$"
    assert.matches("\ntick 1\ntick 2\n> 1 %+ 1 %-%- half typed$", t:screen())
    t:press "Enter"
    assert.matches("half typed\n2\n>$", t:screen())
  end)

  it("also above one of several rows, and without line ends", function()
    local t <close> = open()
    t:answer "go(function() gort.time.sleep(0.5) io.write 'one' end)"
    t:answer "go(function() gort.time.sleep(0.7) io.write ' two' end)"
    local text = ("abcdefghi "):rep(20)
    t:type(text)
    t:wait_for "one two\n> abc"
    assert.equal(text, (t:screen():match "one two\n> (.*)$":gsub("\n", "")
      .. " "))
    t:key("Home", "-", "-")
    t:press "Enter"
    assert.equal("1", t:answer "1")
  end)

  it("may print without end", function()
    local t <close> = open()
    t:say "run = true go(function() while true do print(('x'):rep(50)) end end)"
    t:wait_for(("x"):rep(50))
    t:say ":quit"
    t:wait_for "left: 0"
  end)

  it("let the session wait by itself", function()
    local t <close> = open()
    t:answer "ch = chan()"
    t:answer "go(function() gort.time.sleep(0.2) ch:send 'late' end)"
    assert.same({ '"late"', "true" }, t:values "ch:recv()")
  end)
end)

describe("a deadlock", function()
  it("is reported, and the prompt returns", function()
    local t <close> = open()
    t:answer "ch = chan()"
    assert.matches("all tasks are asleep %- deadlock!", t:answer "ch:recv()")
    t:press "C-l"
    t:answer "go(function() chan():recv() end)"
    local text = t:answer "ch:send(5)"
    assert.matches("deadlock!.*task %d+ %[chan receive%]:.*created by", text)
    assert.equal("1", t:answer "1")
  end)
end)

describe("the Tab key", function()
  it("completes globals, fields, methods, local variables", function()
    local t <close> = open()
    t:complete("string.form", "^> string%.format%($")
    t:press "C-c"
    t:answer "ch = chan()"
    t:complete("ch:try_r", "^> ch:try_recv%($")
    t:press "C-c"
    t:answer "local some_variable = { inner = { leaf = 1 } }"
    t:complete("some_v", "^> some_variable$")
    t:complete(".inn", "^> some_variable%.inner$")
    t:complete(".l", "^> some_variable%.inner%.leaf$")
    t:key "Enter"
    t:wait_for "leaf\n1\n>"
  end)

  it("shows the choices", function()
    local t <close> = open()
    t:type "gort.time.ti"
    t:key "Tab"
    t:wait_for "ticker"
    t:wait "^> gort%.time%.ti$"
    assert.matches("tick%s+ticker%s+timer%s+> gort", t:screen())
  end)

  it("completes commands and file names", function()
    local dir = run.directory()
    run.write(dir .. "/program.lua", "print 'loaded' return 5")
    local t <close> = open { dir = dir }
    t:complete(":lo", "^> :load$")
    t:complete(dir .. "/pro", "program%.lua$")
    t:key "Enter"
    t:wait_for "loaded\n5\n>"
    run.remove(dir)
  end)
end)

describe("the history", function()
  it("is gone through with Up, and kept in a file", function()
    local dir = run.directory()
    do
      local t <close> = open { dir = dir }
      t:answer "first = 1"
      t:say "if true then"
      t:wait "^>>$"
      t:say "second = 'a\\\\b' end"
      t:wait "^>$"
      t:key("Up", "Up", "Enter")
      t:wait_for "> first = 1\n>"
      t:key "C-d"
      t:wait "^left"
    end
    local f = assert(io.open(dir .. "/.local/state/gort/history"))
    assert.equal("first = 1\nif true then\\nsecond = 'a\\\\\\\\b' end\n"
      .. "first = 1\n", f:read "a")
    f:close()
    do
      local t <close> = open { dir = dir }
      t:key("Up", "Up")
      t:wait_for ("second = 'a\\\\b' end")
      t:press "Enter"
      assert.equal([["a\\b"]], t:answer "second")
    end
    run.remove(dir)
  end)

  it("goes where XDG_STATE_HOME says", function()
    local dir = run.directory()
    local t <close> = open { env = "XDG_STATE_HOME=" .. dir .. "/deep/er" }
    t:answer "x = 1"
    t:answer "y = 2"
    local f = assert(io.open(dir .. "/deep/er/gort/history"))
    assert.equal("x = 1\n", f:read "L")
    f:close()
    run.remove(dir)
  end)
end)

describe("commands", function()
  it(":help lists them, and has pages", function()
    local t <close> = open { height = 50 }
    local text = t:answer ":help"
    for _, name in ipairs { ":tasks", ":chans", ":time", ":load", ":help",
      ":quit" } do
      assert.truthy(text:find(name, 1, true))
    end
    for topic in text:match("topics: (.-)  :quit"):gmatch "%a+" do
      assert.is_true(#t:answer(":help " .. topic) > 100)
      t:press "C-l"
    end
    assert.matches("no help on 'nothing'", t:answer ":help nothing")
    assert.matches("no command ':what'", t:answer ":what")
    assert.matches("may be several", t:answer ":t")
    assert.matches("Type Lua", t:answer ":h")
  end)

  it(":tasks shows tasks, states and stacks", function()
    local t <close> = open()
    assert.matches("no tasks but", t:answer ":tasks")
    t:answer "ch = chan() function wait() ch:recv() end"
    t:answer "go(wait)"
    t:until_true(function()
      return t:answer(":tasks"):find "%[chan receive"
    end, "waiting task")
    local text = t:answer ":tasks"
    assert.matches("^task %d+ %[chan receive.-%]:\nstack traceback:.*"
      .. "stdin:1: in function.*created by task 1 at stdin:1$", text)
  end)

  it(":chans shows channels", function()
    local t <close> = open()
    t:answer "buffered = chan(5) buffered:send(1)"
    assert.matches("^channel: 0x%x+ %(buffered%): 1 of 5 values$",
      t:answer ":chans")
    t:answer "buffered:close()"
    assert.matches("1 of 5 values, closed$", t:answer ":chans")
  end)

  it(":time tells how long it takes", function()
    local t <close> = open()
    assert.matches("^7\n[%d.]+ [mu]?s$", t:answer ":time 3 + 4")
    assert.matches("^[%d.]+ m?s$", t:answer ":time x = gort.time.sleep(0.01)")
    assert.matches("near", t:answer ":time x y")
    assert.matches("whole", t:answer ":time for")
  end)

  it(":load runs a file", function()
    local dir = run.directory()
    run.write(dir .. "/a.lua", "loaded = 'yes'")
    run.write(dir .. "/b.lua", "\nerror 'in file'")
    local t <close> = open()
    assert.equal("", t:answer(":load " .. dir .. "/a.lua"))
    assert.equal('"yes"', t:answer "loaded")
    assert.matches("b%.lua:2: in file", t:answer(":load " .. dir .. "/b.lua"))
    assert.matches("cannot open", t:answer ":load /nonexistent.lua")
    assert.matches("needs the name", t:answer ":load")
    run.remove(dir)
  end)
end)

describe("colours", function()
  it("are used on a terminal, unless NO_COLOR is set", function()
    local t <close> = open()
    t:answer "{ 1, 'x' }"
    assert.matches("\27%[33m1", t:screen "-e")
    local n <close> = open { env = "NO_COLOR=1" }
    n:answer "{ 1, 'x' }"
    n:answer "error 'e'"
    assert.falsy(n:screen("-e"):find "\27")
  end)

  it("are not used elsewhere", function()
    local r = run.gort({ "-i" }, { input = "{ 1 }\nerror 'e'\n" })
    assert.falsy((r.out .. r.err):find "\27")
    assert.matches("> {1}\n", r.out)
  end)
end)

describe("editing", function()
  it("knows wide characters, and what was typed ahead", function()
    local t <close> = open()
    t:type "s = 'äöü€'"
    t:key("Left", "Left", "Left", "BSpace", "X", "Enter")
    t:wait_for "> s = 'äXü€'"
    assert.equal('"äXü€"', t:answer "s")
    t:say "gort.time.sleep(0.3)\n11 * 11\n12 * 12"
    t:wait_for "144"
    assert.matches("121.*144\n>$", t:screen())
  end)

  it("starts in its own row after output that did not end one", function()
    local t <close> = open()
    assert.equal("open", t:answer "do io.write 'open' end")
  end)

  it("does without a terminal that can", function()
    local t <close> = open { env = "TERM=dumb" }
    assert.equal("3", t:answer "1 + 2")
    t:interrupt "while true do gort.time.sleep(0.001) end"
    assert.equal("4", t:answer "4")
    t:leave()
  end)
end)
