-- Host programs: they see two headers and libgort.so, as an installed gort has
-- them.
-- SPDX-License-Identifier: MIT

local run = require "spec.support.run"

local config = os.getenv "GORT_CONFIG" or "release"
local build = "build/" .. config .. "/"
local plain = config == "release" or config == "debug"
local wrap = config == "tsan" and "setarch -R " or ""

local function host(name, args, input)
  local quoted = {}
  for i, arg in ipairs(args or {}) do quoted[i] = run.quote(arg) end
  return run.shell(("%stimeout 100 %s%s %s"):format(
    wrap, build, name, table.concat(quoted, " ")), input)
end

local function example(name, args, input)
  return host("scripts/examples/embed/" .. name, args, input)
end

local function numbers(text)
  local t = {}
  for key, n in text:gmatch "(%S+)=(%S+)" do t[key] = tonumber(n) end
  return t
end

describe("a host program", function()
  it("feeds the rows of a CSV through tasks", function()
    local rows = {}
    for i = 1, 3000 do rows[i] = ("k%d,%d,rest"):format(i % 3, i) end
    local r = example("csv", {}, table.concat(rows, "\n") .. "\n")
    assert.are.equal("", r.err)
    assert.are.equal(0, r.status)
    local sums = {}
    for key, n in r.out:gmatch "(%S+) (%d+)\n" do sums[key] = tonumber(n) end
    assert.are.same({ k0 = 1501500, k1 = 1499500, k2 = 1500500 }, sums)
  end)

  it("keeps a loop of its own beside tasks", function()
    local r = example("loop", {})
    assert.are.equal("5 answers, sum 55\n", r.out)
    assert.are.equal(0, r.status)
  end)

  it("is written in C++", function()
    local r = example("plus", {})
    assert.are.equal("5 words\n", r.out)
    assert.are.equal(0, r.status)
  end)

  it("stops what takes too long or too much", function()
    local r = example("deadline", { "0.5", "return 6 * 7", "while true do end",
      "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
      "chan():recv()", "while true do pcall(error) end", "error 'own'",
      "table.sort({ 3, 2, 1 }, function() while true do end end)",
      "local c = chan() go(function() c:send 'task' end) return (c:recv())" })
    assert.are.equal(table.concat({
      "result 42",
      "stopped: context deadline exceeded",
      "stopped: not enough memory",
      "stopped: all tasks are asleep",
      "stopped: context deadline exceeded",
      "stopped: error in Lua code",
      "stopped: context deadline exceeded",
      "result task",
    }, "\n") .. "\n", r.out)
    assert.are.equal(0, r.status)
  end)

  it("is a script of a stock lua5.4", function()
    if not plain then return end
    local r = run.shell(("LUA_CPATH='%sstock/?.so' timeout 60 lua5.4 "
      .. "scripts/examples/embed/stock.lua 20000"):format(build))
    assert.are.equal("2262 primes up to 20000\n", r.out)
    assert.are.equal("", r.err)
  end)
end)

describe("an embedded runtime", function()
  it("comes and goes without a trace", function()
    local r = host("tests/embed/measure", { "cycles", plain and "2000" or "200" })
    assert.are.equal(0, r.status, r.err)
    local n = numbers(r.out)
    if not plain then return end
    assert.is_true(n.ms < 30, r.out) -- 3 on a machine of its own
    assert.is_true(n.grown_kb < 2000, r.out)
  end)

  it("talks with threads of the host", function()
    local r = host("tests/embed/measure", { "pingpong", "200" })
    assert.are.equal(0, r.status, r.err)
    r = host("tests/embed/measure", { "stream", "100000" })
    assert.are.equal(0, r.status, r.err)
  end)
end)

describe("an installed gort", function()
  it("is found by pkg-config, the module by lua5.4", function()
    if not plain then return end
    local dir = run.directory()
    local debug = config == "debug" and "DEBUG=1 " or ""
    local r = run.shell(("make %sinstall PREFIX=/opt/gort DESTDIR=%s"):format(
      debug, dir))
    assert.are.equal(0, r.status, r.err)
    local at = dir .. "/opt/gort"
    r = run.shell(([[
      export PKG_CONFIG_PATH=%s/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=%s
      unset PKG_CONFIG_SYSROOT_DIR
      set -e
      flags=$(pkg-config --define-variable=prefix=%s \
        --define-variable=includedir=%s/include \
        --define-variable=libdir=%s/lib --cflags --libs lgort)
      gcc scripts/examples/embed/csv.c -o %s/csv $flags
      echo a,1 | LD_LIBRARY_PATH=%s/lib %s/csv
      readelf -d %s/lib/libgort.so | grep -c 'SONAME.*libgort.so.0'
      LUA_CPATH='%s/lib/lua/5.4/?.so' lua5.4 -e 'print(require"gort".run(type, 1))'
      readelf -d %s/lib/lua/5.4/gort.so | grep -c liblua || true
    ]]):format(at, dir, at, at, at, dir, at, dir, at, at, at))
    run.remove(dir)
    assert.are.equal("a 1\n1\nnumber\n0\n", r.out, r.err)
  end)
end)
