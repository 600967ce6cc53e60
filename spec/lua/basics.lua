-- The language and its small libraries. Prints what it sees; run by both.
-- SPDX-License-Identifier: MIT

local function show(...) print(select("#", ...), ...) end

-- select and varargs
show(select("#"), select("#", nil, nil), select(2, "a", "b", "c"))
show(select(-1, 1, 2, 3), (select(-2, 1, 2, 3)), select("2", 1, 2))
show(pcall(select, -4, 1, 2, 3))
show(pcall(select, 1.5))
show(pcall(select))
local function count(...) return select("#", ...) end
show(count(), count(nil), count(table.unpack({}, 1, 250)))
local function swap(a, b, ...) return b, a, ... end
show(swap(1, 2, swap(3, 4)), (swap(1, 2)))
show(table.unpack({ 1, nil, 3 }, 1, 3))
show(table.pack(nil, nil).n, #table.pack(1, 2, 3))
local function tail(n) if n > 0 then return tail(n - 1) end return "done" end
show(tail(200000))

-- numbers
for _, e in ipairs { "10 // 3", "-10 // 3", "10 % -3", "-10 % 3", "5.5 // 2",
  "5.5 % -2", "1 / 0", "-1 / 0", "0 / 0 ~= 0 / 0", "2 ^ 10", "7 // 0.0",
  "3 | 4", "5 & 6", "5 ~ 3", "~0", "1 << 63", "1 << 64", "-1 >> 1", "1 << -1",
  "'10' + 5", "'0x10' * 1", "10 .. 20", "math.maxinteger + 1",
  "math.mininteger // -1", "math.maxinteger * 2.0", "1e308 * 10", "0x7fp-1",
  "1 == 1.0", "'1' == 1", "math.type(3)", "math.type(3.0)", "math.type('3')",
  "math.tointeger('8')", "math.tointeger(3.5)", "math.ult(1, -1)",
  "tostring(3.0)", "tostring(-0.0)", "1e15", "1e100", "0.1", "123456789012345",
  "tonumber('  0x1p4  ')", "tonumber('1e1')", "tonumber('10', 36)",
  "tonumber('zz', 36)", "tonumber('8', 8)", "tonumber('')", "tonumber('1 2')",
  "math.floor(-3.5)", "math.ceil(3.2)", "math.fmod(-5, 3)", "math.abs(-0.0)",
  "math.max(1, 2.5)", "math.min(3)", "string.format('%.14g', 2^53)",
  "string.format('%5.1f|%-5d|%05d|%x|%q', 3.14159, 42, 42, 255, 'a\\n\\0b')",
  "string.format('%q %q %q', 1/3, math.mininteger, 0/0)",
  "string.format('%s %s', nil, true)", "string.format('%i', 3.0)",
  "string.format('%a', 1)", "string.format('%c%c', 72, 105)",
  "string.format('%10.3s|', 'abcdef')", "#string.format('%99.99f', 1/3)",
} do
  show(e, load("return " .. e)())
end

-- strings
for _, e in ipairs { "('hello'):find('l')", "('hello'):find('l', 1, true)",
  "('hello'):find('xyz')", "('hello'):find('', 10)",
  "('hello'):match('(h)(.)')",
  "('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "('abc'):gsub('%w', '%0%0')",
  "('abc'):gsub('', '-')", "('hello world'):gsub('o', { o = '0' })",
  "('abc'):gsub('b', function() return false end)", "('x'):rep(3, ',')",
  "('%d+'):gsub('%%', '%%%%')", "('f(a(b)c)d'):match('%b()')",
  "('THE (quick) fox'):find('%((%a+)%)')", "('a,b,,c'):gsub(',', ';', 2)",
  "('  trim  '):match('^%s*(.-)%s*$')", "('hello'):byte(1, -1)",
  "('abc'):rep(0)",
  "('hello'):sub(2, -2)", "('hello'):sub(-100, 100)", "('abc'):reverse()",
  "('aBc'):upper() .. ('aBc'):lower()", "#('\\u{7FFFFFFF}')", "'a' < 'b'",
  "'a\\0b' < 'a\\0c'", "('x'):len()", "('%f[%w]%w+'):len()",
  "('hello world'):gsub('%f[%w]%w+', string.upper)", "utf8.char(72, 228, 8364)",
  "utf8.len('häß')", "utf8.codepoint('hä', 1, -1)", "utf8.offset('aäb', 3)",
  "utf8.len('\\xff')", "string.pack('<i4', 100):byte(1, -1)",
  "string.unpack('<i4', string.pack('<i4', -2))", "string.packsize('i4i8')",
  "string.unpack('z', 'abc\\0def')", "string.pack('s1', 'abc'):byte(1, -1)",
  "table.concat({ 1, 2, 3 }, ', ', 2, 3)", "#table.concat({})",
  "tostring(12):rep(2)", "('x'):gsub('x', '%%')",
} do
  show(e, load("return " .. e)())
end
local words = {}
for k, v in ("a=1, b=2"):gmatch "(%w+)=(%w+)" do words[#words + 1] = k .. v end
show(table.concat(words, " "))
for p, c in utf8.codes "aß€" do show(p, c) end

-- tables
local t = { 5, 2, 8, 1, 9, 3 }
table.sort(t)
show(table.concat(t, " "))
table.sort(t, function(a, b) return a > b end)
show(table.concat(t, " "))
show(table.remove(t), table.remove(t, 1), table.remove({}), #t)
table.insert(t, 1, 100)
table.insert(t, 7)
show(table.concat(t, " "), table.concat(table.move(t, 1, 3, 3), " "))
local big = {}
for i = 1, 5000 do big[i] = (i * 7919) % 5003 end
table.sort(big)
local sorted = true
for i = 2, #big do sorted = sorted and big[i - 1] <= big[i] end
show(sorted, #big)
local n = 0
local pair = { __pairs = function() return next, { 1, 2 } end }
for k, v in pairs(setmetatable({}, pair)) do n = n + k + v end
show(n)
for i, v in ipairs(setmetatable({}, { __index = function(_, i)
  if i < 4 then return i * i end
end })) do show(i, v) end
local removed = {}
for i = 1, 100 do removed["k" .. i] = i end
n = 0
for k, v in pairs(removed) do
  removed[k] = nil
  n = n + v
end
show(n, next(removed))

-- metamethods
local mt = {}
local function new(v) return setmetatable({ v = v }, mt) end
local function value(x) return type(x) == "table" and x.v or x end
for name, f in pairs {
  add = function(a, b) return new(value(a) + value(b)) end,
  concat = function(a, b) return new(value(a) .. value(b)) end,
  eq = function(a, b) return value(a) == value(b) end,
  lt = function(a, b) return value(a) < value(b) end,
  le = function(a, b) return value(a) <= value(b) end,
  call = function(self, ...) return self.v, ... end,
  len = function(self) return self.v end,
  unm = function(self) return new(-self.v) end,
  idiv = function(a, b) return new(value(a) // value(b)) end,
  band = function(a, b) return new(value(a) & value(b)) end,
  shl = function(a, b) return new(value(a) << value(b)) end,
  bnot = function(a) return new(~a.v) end,
  index = function(_, k) return "no " .. k end,
  tostring = function(self) return "<" .. self.v .. ">" end,
} do
  mt["__" .. name] = f
end
local a, b = new(6), new(4)
show((a + b).v, (a + 1).v, (1 + a).v, (a .. b).v, a == b, a == new(6), a < b,
  a <= 6, a(1, 2), #a, (-a).v, (a // b).v, (a & b).v, (a << 1).v, (~a).v,
  a.none,
  tostring(a))
show(rawequal(a, new(6)), rawlen(a), rawget(a, "none"))
mt.__newindex = function(s, k, v) rawset(s, k .. "!", v) end
a.x = 1
show(rawget(a, "x!"), a.x)
local proxy = setmetatable({}, { __index = t, __metatable = "locked" })
show(getmetatable(proxy), pcall(setmetatable, proxy, nil))

-- standard tables may be extended and given metatables
string.shout = function(s) return s:upper() .. "!" end
show(("hey"):shout(), getmetatable(string), rawget(string, "shout") ~= nil)
setmetatable(table, { __index = function(_, k) return "table." .. k end })
show(table.nothing, getmetatable(table) ~= nil)
show(setmetatable(table, nil) == table)
for k in pairs(table) do assert(type(table[k]) == "function") end
setmetatable(_ENV, { __index = function(_, k) return "global " .. k end })
show(undefined_name)
setmetatable(_ENV, nil)

-- closures
local fs = {}
for i = 1, 3 do fs[i] = function() i = i + 1 return i end end
show(fs[1](), fs[1](), fs[2]())
local function counter()
  local c = 0
  return function() c = c + 1 return c end, function() return c end
end
local up, get = counter()
up() up()
show(get())
show(math.random(5) <= 5, pcall(math.random, 0) and true, math.random(3, 3))
math.randomseed(42)
local r1 = math.random(1000000)
math.randomseed(42)
show(r1 == math.random(1000000))
