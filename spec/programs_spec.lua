-- Programs and libraries that were written for a stock Lua run unchanged, in
-- the main program and, where that makes sense, in tasks.
-- SPDX-License-Identifier: MIT

local both = require "spec.support.both"
local run = require "spec.support.run"

-- Text of a program that prints; each gives the same under lua5.4, in main,
-- and in several tasks at once.
local libraries = {
  penlight = [[
    local List = require "pl.List"
    local pretty = require "pl.pretty"
    local stringx = require "pl.stringx"
    local tablex = require "pl.tablex"
    local seq = require "pl.seq"
    local template = require "pl.template"
    local Date, class = require "pl.Date", require "pl.class"
    local l = List { 3, 1, 2 }
    print(l:sort(), l:map(function(x) return x * 2 end), l:slice(1, 2))
    print(pretty.write({ 1, { a = "x" } }, ""))
    print(stringx.join(",", stringx.split "a b  c"), stringx.strip "  x ")
    print(tablex.deepcompare({ 1, { 2 } }, { 1, { 2 } }))
    print(seq.sum(seq.range(1, 10)))
    print(template.substitute("$(x) is #\n# for i = 1, 2 do\n$(i)\n# end\n",
      { x = "this" }))
    local Animal = class()
    function Animal:_init(name) self.name = name end
    function Animal:__tostring() return "animal " .. self.name end
    local Cat = class(Animal)
    function Cat:says() return self.name .. " meows" end
    local cat = Cat "tom"
    print(cat, cat:says(), Cat:class_of(cat), Animal:class_of(cat))
    print(Date { year = 2020, month = 2, day = 28 }:add { day = 2 }:day())
    for _, t in ipairs { "x = 1 -- c", "local s = 'str'" } do
      for kind, value in require("pl.lexer").lua(t) do
        io.write(kind, "=", value, " ")
      end
      print()
    end]],
  lpeg = [[
    local lpeg, re = require "lpeg", require "re"
    local P, R, C, Ct, V = lpeg.P, lpeg.R, lpeg.C, lpeg.Ct, lpeg.V
    local number = R "09" ^ 1 / tonumber
    local function fold(a, op, b)
      if op == "+" then return a + b elseif op == "-" then return a - b
      elseif op == "*" then return a * b else return a / b end
    end
    local calc = P { "sum",
      sum = lpeg.Cf(V "product" * lpeg.Cg(C(lpeg.S "+-") * V "product") ^ 0,
        fold),
      product = lpeg.Cf(V "value" * lpeg.Cg(C(lpeg.S "*/") * V "value") ^ 0,
        fold),
      value = number + "(" * V "sum" * ")",
    }
    print(calc:match "2*(3+4)-10/5", calc:match "x")
    print(table.concat(Ct((C(R "az" ^ 1) + 1) ^ 0):match "one 2 three", " "))
    print(re.match("key = value", "{%w+} %s* '=' %s* {%w+}"))
    print(re.gsub("hello world", "[aeiou]", "*"), lpeg.version and true)
    local ok, message = pcall(re.compile, "[a")
    print(ok, (message:gsub("\n.*", "")))]],
  cjson = [[
    local json = require "cjson"
    local t = json.decode
      '{"a": [1, 2.5, "x", null, true], "b": {"c": "\\u00e4"}}'
    print(t.a[1], t.a[2], t.a[3], t.a[4] == json.null, t.a[5], t.b.c)
    print(json.encode { 1, 2, { x = "y\n" } }, json.encode {})
    print(pcall(json.decode, "{bad"))
    print(pcall(json.encode, { print }))]],
  lfs = [[
    local lfs = require "lfs"
    local name = os.tmpname()
    os.remove(name)
    print(lfs.mkdir(name), lfs.attributes(name, "mode"))
    for _, file in ipairs { "b", "a" } do
      io.open(name .. "/" .. file, "w"):write(file):close()
    end
    local found = {}
    for file in lfs.dir(name) do found[#found + 1] = file end
    table.sort(found)
    print(table.concat(found, " "), lfs.attributes(name .. "/a").size)
    print(os.remove(name .. "/a"), os.remove(name .. "/b"), lfs.rmdir(name))
    print(lfs.attributes "/nonexistent")]],
  argparse = [[
    local parser = require "argparse" ("script", "An example.")
    parser:argument("input", "Input file.")
    parser:option("-o --output", "Output file.", "a.out")
    parser:option("-I --include", "Include locations."):count "*"
    parser:flag "-v --verbose"
    local args = parser:parse { "foo", "-o", "bar", "-Isrc", "-Ilib", "-v" }
    print(args.input, args.output, table.concat(args.include, " "))
    print(args.verbose)
    print(parser:get_help())
    print(parser:pparse { "--nope" })]],
  socket = [[
    local socket = require "socket"
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local client = assert(socket.connect("127.0.0.1", port))
    local peer = assert(server:accept())
    print(client:send "hello\nworld\n")
    print(peer:receive(), peer:receive "*l")
    peer:close()
    print(client:receive())
    print(require("socket.url").parse("http://user@host:80/p?q#f").host)
    print(require("mime").b64 "text", require("ltn12").source.string("x")())
    local ready, _, why = socket.select({ server }, nil, 0)
    print(#ready, why)
    server:close()
    client:close()]],
}

local in_tasks = [[
  local text, parts = arg[1], {}
  local chunk = "local io, print = ... " .. text
  local done = chan()
  for i = 1, 4 do
    go(function()
      local out = {}
      local function write(...)
        out[#out + 1] = table.concat { ... }
      end
      local function line(...)
        local t = table.pack(...)
        for k = 1, t.n do t[k] = tostring(t[k]) end
        out[#out + 1] = table.concat(t, "\t") .. "\n"
      end
      load(chunk)(setmetatable({ write = write }, { __index = io }), line)
      done:send(table.concat(out))
    end)
  end
  for i = 1, 4 do parts[i] = done:recv() end
  for i = 2, 4 do assert(parts[i] == parts[1], parts[i]) end
  io.write(parts[1])]]

local function equal_in_tasks(theirs, text)
  local ours = run(in_tasks, { args = { text } })
  assert.equal("", ours.err)
  assert.equal(theirs.out, (ours.out:gsub("0x%x+", "ADDRESS")))
  assert.equal(0, ours.status)
end

describe("libraries:", function()
  for name, text in pairs(libraries) do
    it(name, function()
      local command = "PROGRAM -e " .. run.quote(text)
      both.same(command)
      local theirs = both(command)
      assert.equal(0, theirs.status)
      equal_in_tasks(theirs, text)
    end)
  end
end)

describe("a server and clients", function()
  it("in tasks that talk over sockets", function()
    local r = run [[
      local socket = require "socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local answers = chan()
      for i = 1, 4 do
        go(function()
          local client = assert(require "socket".connect("127.0.0.1", port))
          client:send("request " .. i .. "\n")
          answers:send((client:receive()))
          client:close()
        end)
      end
      for _ = 1, 4 do
        local peer = server:accept()
        peer:send("answer to " .. peer:receive() .. "\n")
        peer:close()
      end
      local list = {}
      for i = 1, 4 do list[i] = answers:recv() end
      table.sort(list)
      print(table.concat(list, "\n"))]]
    assert.equal("", r.err)
    assert.equal("answer to request 1\nanswer to request 2\n"
      .. "answer to request 3\nanswer to request 4\n", r.out)
  end)
end)

describe("programs:", function()
  local dir

  setup(function()
    dir = run.directory()
    run.write(dir .. "/good.lua", "local x = 1\nreturn x\n")
    run.write(dir .. "/bad.lua",
      "local unused = 1\nundefined_name = 2\nreturn y\n")
    run.write(dir .. "/wrong.lua", "local = 1\n")
    run.write(dir .. "/some_spec.lua", [[
      describe("some", function()
        local n = 0
        before_each(function() n = n + 1 end)
        it("passes", function() assert.equal(1, n) end)
        it("has spies", function()
          local s = spy.new(function() end)
          s(1)
          assert.spy(s).was.called_with(1)
        end)
        it("fails", function() assert.same({ 1 }, { 2 }) end)
        it("errs", function() error("E") end)
        pending("later")
      end)]])
  end)

  teardown(function() run.remove(dir) end)

  -- Debian has luacheck among the modules of Lua 5.1.
  local luacheck = "cd DIR; LUA_PATH='/usr/share/lua/5.1/?.lua;"
    .. "/usr/share/lua/5.1/?/init.lua;;' PROGRAM /usr/bin/luacheck --no-color "

  it("luacheck", function()
    for _, args in ipairs { "good.lua", "good.lua bad.lua wrong.lua",
      "--formatter plain bad.lua", "--codes --ranges bad.lua", "none.lua" } do
      both.same((luacheck:gsub("DIR", dir)) .. args)
    end
  end)

  it("busted", function()
    local command = "cd " .. dir .. "; PROGRAM /usr/bin/busted -o "
    for _, output in ipairs { "TAP", "plainTerminal", "json" } do
      local theirs, ours = both(command .. output .. " some_spec.lua")
      for _, r in ipairs { theirs, ours } do
        r.out = r.out:gsub("[%d.e-]+ seconds", "T seconds")
          :gsub('"duration":[%d.e-]+', '"duration":T')
      end
      assert.equal(theirs.status, ours.status)
      if output ~= "json" then assert.equal(theirs.out, ours.out) end
      assert.equal(#theirs.out > 0, #ours.out > 0)
    end
  end)
end)
