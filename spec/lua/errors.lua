-- Messages and levels of errors. Prints what it sees; run by gort and lua5.4.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end
local function run(text) show(text, pcall(load(text, "=text"))) end

for _, text in ipairs {
  "local a; a.b = 1", "local a; return a.b.c", "return undefined.field",
  "undefined()", "local t = {} t.x.y.z = 1", "local t = {} t:nothing()",
  "return 1 + {}", "return {} .. 'x'", "return 1 < 'x'", "return {} < {}",
  "return nil > 1", "return #5", "return -{}", "return 1 & 1.5",
  "return 2^53 | 1.5", "return 'a' | 1", "return 1 // 0", "return 1 % 0",
  "return 1 << {}", "local a <const> = nil; return a.b",
  "return ('x'):bad()", "return math.tointeger({})",
  "for i = 1, 10, 0 do end", "for i = 'a', 2 do end", "for i = 1, {} do end",
  "string.rep()", "string.rep('x', -1, {})", "('x'):rep(1e10)",
  "setmetatable({})", "setmetatable(1, {})", "rawset({}, nil, 1)",
  "local t = {} t[nil] = 1", "local t = {} t[0/0] = 1", "next({}, 1)",
  "tostring()", "tonumber()", "tonumber('z', 99)", "tonumber(1, 2)",
  "select(0)", "select(-5, 1)", "select('x')", "ipairs()", "error()",
  "error(nil)", "error('m')", "error('m', 0)", "error('m', 2)",
  "error(setmetatable({}, { __tostring = function() return 'T' end }))",
  "assert(false)", "assert(nil, 'why')", "assert(false, { 1 })", "assert()",
  "return assert(1, 2, 3)", "rawlen(5)", "rawget(1, 2)", "rawequal(1)",
  "unpack()", "table.unpack({}, 1, 1e8)", "table.concat({ {} })",
  "table.insert({}, 1, 2, 3)", "table.insert({}, 5, 1)", "table.insert({})",
  "table.sort({ 1, 'x' })", "table.sort({ 3, 2, 1, 4, 5, 6 }, function() "
    .. "return true end)", "table.move({}, 1, 2)", "string.format('%d', 1.5)",
  "string.format('%d', 'x')", "string.format('%y', 1)", "string.format('%')",
  "string.char(256)", "string.byte()", "('x'):find('[')", "('x'):find('%')",
  "('x'):gsub('(', '')", "('x'):gsub('x', 1, 2, 3)", "('x'):gsub('x', '%2')",
  "utf8.char(-1)", "utf8.codepoint('\\xff')", "utf8.len('x', 5)",
  "string.pack('i17', 1)", "string.unpack('i4', 'x')", "math.random(0, -1)",
  "math.floor('x')", "os.time({})", "os.date('%Ez', 1)", "io.open()",
  "io.open('x', 'zz')", "io.lines('/nonexistent')", "require()",
  "require('no.such.module')", "dofile('/nonexistent')", "load()",
  "collectgarbage('x')", "coroutine.wrap(1)", "os.exit('x')", "xpcall()",
  "xpcall(print)", "getmetatable()", "io.write({})", "io.read('x')",
  "io.close(5)", "warn()", "warn({})", "loadfile('x', 1, 2, 3, 4)",
  "string.dump(print)", "debug.sethook(1)", "os.rename()", "os.getenv()",
} do
  run(text)
end

-- syntax
for _, text in ipairs {
  "x", "x =", "= 1", "x = = 1", "local function end", "if x then", "for",
  "for i do end", "return return", "x = 'abc", "x = [[abc", "--[[ abc",
  "x = 0x", "x = 1e", "x = 3x", "x = '\\q'", "x = '\\300'", "x = '\\u{zz}'",
  "x = '\\x5'", "x = }", "f(", "a.1", "local x <const", "goto 1", "x = ...",
  "function f() return ... end", "x = {1, 2", "a = b c", "\27Lua", "x = @",
  "repeat until", "local t = {} t.end = 1", "break", "return 1 2",
  "x = \"a\nb\"", "::l:: ::l::", ("x = " .. ("("):rep(300)),
  "local " .. ("a,"):rep(250) .. "a",
} do
  show(text:sub(1, 40), load(text, "=text"))
end
show(load("x = ", "a chunk\nwith lines"))
show(load("x = ", "@file.lua"))
show(load("x = ", ("long name "):rep(20)))
show(load("x = ", "@" .. ("long/path/"):rep(20)))

-- levels
local function level(n) error("level", n) end
local function outer(n) level(n) end
for n = 0, 4 do show(pcall(outer, n)) end

-- what handlers see
show(xpcall(error, function(m) return m, "dropped" end, "value"))
show(xpcall(error, print, "value"))
show(select("#", xpcall(function() return 1, nil, nil end, print)))
local count = 0
local function handler(m)
  count = count + 1
  if count < 5 then error("in handler") end
  return "end"
end
show(xpcall(error, handler, "x"), count)
show(pcall(pcall), pcall(pcall, error, "x"))

-- overflows
local function forever() return 1 + forever() end
local ok, message = pcall(forever)
show(ok, (message:match "stack overflow"))
ok, message = xpcall(forever, function(m) return (m:match "stack overflow") end)
show(ok, message)
local t = setmetatable({}, {})
getmetatable(t).__index = function(s, k) return s[k .. "x"] end
ok, message = pcall(function() return t.a end)
show(ok, (message:match "C stack overflow") or message)
show(pcall(string.rep, "x", 1 << 40))
ok, message = pcall(function() local x = ("x"):rep(1000) return x:gsub(".",
  ("%0"):rep(10)) end)
show(ok, #message)
local nested = {}
for i = 1, 300 do nested[i] = "(" end
show((select(2, load("x = " .. table.concat(nested))):match "overflow"))
local a = {}
a[1] = setmetatable({}, { __tostring = function() return 1 end })
show(pcall(tostring, a[1]))
show(pcall(print, a[1]))
error(setmetatable({}, { __tostring = function() return "the last word" end }))
