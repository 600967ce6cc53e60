-- Modules cross by name, and what they hold too.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crossing = require "spec.support.crossing"
local fn = require "spec.support.modules.fn"
local parts = require "spec.support.modules.parts"

-- The way there, and what the task finds when it requires the module.
local function is_there(across, m, name)
  assert.equal(m, across(m))
  assert.is_true(across(m, function(v) return v == require(name) end))
end

crossing("modules cross by name:", function(rule, once)
  for _, name in ipairs { "string", "table", "math", "io", "os", "utf8",
    "coroutine", "debug", "package", "gort", "gort.time", "gort.sync",
    "gort.context", "gort.errgroup", "gort.runtime", "cjson", "cjson.safe",
    "lpeg", "re", "socket", "socket.core", "term",
    "spec.support.modules.parts", "spec.support.modules.fn" } do
    rule(name, function(across)
      is_there(across, require(name), name)
    end)
  end

  for name, f in pairs { ["table.insert"] = table.insert, print = print,
    ["string.rep"] = string.rep, ["io.lines"] = io.lines, load = load,
    ["coroutine.wrap"] = coroutine.wrap, require = require, pcall = pcall,
    ["os.exit"] = os.exit, go = go, select = select, chan = chan,
    ["package.searchpath"] = package.searchpath, next = next,
    ["gort.time.sleep"] = gort.time.sleep } do
    rule("the function " .. name, function(across)
      assert.equal(f, across(f))
      assert.equal("function", across(f, type))
    end)
  end

  rule("many in one table", function(across)
    local t = { string, { math, parts }, [parts] = io, s = string }
    local v = across(t)
    assert.is_true(v[1] == string and v.s == string)
    assert.is_true(v[2][1] == math and v[2][2] == parts)
    assert.is_true(v[parts] == io)
  end)

  rule("a local of the same name", function(across)
    local insert, str, concat = table.insert, string, table.concat
    local f = function(x)
      local t = {}
      insert(t, str.upper(x))
      insert(t, 1, "a")
      return concat(t, " ")
    end
    assert.equal("a X", across(f, function(g) return g "x" end))
    assert.equal("a X", across("x", f))
  end)

  rule("require that was captured", function(across)
    local load_module = require
    assert.equal("fn of x", across("x", function(s)
      return load_module "spec.support.modules.fn" (s)
    end))
  end)

  once("of a task's task", function()
    local back = chan()
    go(function()
      go(function()
        back:send { parts, parts == require "spec.support.modules.parts" }
      end)
    end)
    assert.same({ parts, true }, (back:recv()))
  end)
end)

crossing("C modules work in tasks:", function(rule)
  rule("cjson", function(across)
    local json = require "cjson"
    local encode, decode = json.encode, json.decode
    assert.equal('[1,{"a":true}]', across({ 1, { a = true } }, json.encode))
    assert.equal(json.null, across(json.null))
    assert.is_true(across(json.null, function(v) return v == json.null end))
    assert.equal("[null]", across('[null]', function(s)
      return encode(decode(s))
    end))
    assert.equal(encode, across(encode))
  end)

  rule("an instance of cjson says that it cannot", function(across)
    local own = require "cjson".new()
    local ok, why = pcall(across, own)
    assert.is_false(ok)
    assert.matches("is a C function with upvalues$", why)
  end)

  rule("functions of lfs", function(across)
    local attributes, lfs = require "lfs".attributes, require "lfs"
    assert.equal("directory", across("spec", function(path)
      return lfs.attributes(path, "mode")
    end))
    assert.equal("file", across(attributes, function(f)
      return f("spec/support/run.lua").mode
    end))
    assert.equal(attributes, across(attributes))
  end)

  rule("lpeg", function(across)
    local lpeg = require "lpeg"
    local P, R, C = lpeg.P, lpeg.R, lpeg.C
    assert.equal("abc", across("12abc3", function(s)
      return (R "09" ^ 0 * C(R "az" ^ 1) * P(1) ^ 0):match(s)
    end))
    local ok, why = pcall(across, { lpeg.P "a" })
    assert.is_false(ok)
    assert.matches("%[1%] is userdata %(lpeg%-pattern%)$", why)
  end)

  rule("lpeg's re, which has tables of patterns", function(across)
    local re = require "re"
    assert.equal("b", across("aab", function(s)
      return re.match(s, "'a'* { . }")
    end))
  end)

  rule("socket, in Lua over C", function(across)
    local socket = require "socket"
    local gettime = socket.gettime
    assert.equal("number", across(socket, function(s)
      return type(s.gettime())
    end))
    assert.is_true(across(1, function(n) return gettime() > n end))
    assert.equal("function", across(socket.sink, type))
    local tcp = socket.tcp()
    local ok, why = pcall(across, { peer = tcp })
    tcp:close()
    assert.is_false(ok)
    assert.matches("%.peer is userdata %(tcp{master}%)$", why)
  end)
end)

crossing("parts of a module:", function(rule)
  rule("nested tables and their functions", function(across)
    for _, v in ipairs { parts.a, parts.a.b.c, parts.same, parts.a.b.c.d,
      parts.next, parts.Point, parts.Point.__index } do
      assert.equal(v, across(v))
    end
    assert.is_true(across(parts.a.b, function(b)
      return b == require "spec.support.modules.parts".same
    end))
    assert.equal("<x>", across(parts.a.b.c, function(c) return c.d "x" end))
  end)

  rule("functions with the module's own state", function(across)
    local next = parts.next
    assert.is_true(across(next, function(f)
      local n = f()
      return f() == n + 1 and parts.next() == n + 2
    end))
    assert.is_true(across(0, function()
      local n = next()
      return parts.next() == n + 1
    end))
  end)

  rule("its metatable", function(across)
    assert.equal("no such", across(parts, function(m) return m.such end))
    assert.equal("called x", across(parts, function(m) return m "x" end))
    assert.is_true(across(getmetatable(parts), function(mt)
      return mt == getmetatable(require "spec.support.modules.parts")
    end))
  end)

  rule("objects of its hidden class", function(across)
    local o = parts.hide(5)
    local copy = across(o)
    assert.equal(5, copy:get())
    assert.is_true(parts.is_hidden(copy))
    assert.is_true(across(o, function(v)
      return require "spec.support.modules.parts".is_hidden(v)
    end))
    assert.equal(5, across(o, parts.hide(0).get))
    assert.is_true(parts.is_hidden(across(7, parts.hide)))
  end)

  rule("objects of its public class", function(across)
    local p = setmetatable({ x = 1, y = 2 }, parts.Point)
    assert.equal(3, across(p, function(v) return v:norm() end))
    assert.equal(parts.Point, getmetatable(across(p)))
  end)

  rule("functions over its local ones", function(across)
    assert.equal("<x>", across("x", parts.wrap))
    assert.equal("<y>", across(parts.wrap, function(f) return f "y" end))
  end)

  rule("closures that it makes cross by value", function(across)
    local add = parts.adder(5)
    assert.equal(7, across(add)(2))
    assert.equal(7, across(2, add))
  end)

  rule("a module that is a function", function(across)
    assert.equal(fn, across(fn))
    assert.equal("fn of x", across("x", fn))
    assert.is_true(across(fn, function(f)
      return f == require "spec.support.modules.fn"
    end))
  end)

  rule("what a script put there crosses by value", function(across)
    local n = 4
    parts.added = function(i) return i + n end
    assert.equal(5, across(parts.added)(1))
    assert.equal(5, across(1, parts.added))
    parts.added = nil
  end)

  rule("what a script calls a module crosses by value", function(across)
    package.loaded.no_such_file = { f = function() return "f" end }
    local m = require "no_such_file"
    package.loaded.no_such_file = nil
    assert.equal("f", across(m, function(v) return v.f() end))
    assert.equal("f", across(m.f, function(f) return f() end))
  end)
end)
