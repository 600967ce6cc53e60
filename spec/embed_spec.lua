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
    local r = example("deadline", { "0.5", "return 6 * 7",
      "while true do os.time() end",
      "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
      "chan():recv()", "while true do pcall(error) end", "error 'own'",
      "table.sort({ 3, 2, 1 }, function() while true do os.time() end end)",
      "local c = chan() go(function() c:send 'task' end) return (c:recv())" })
    assert.are.equal(table.concat({
      "result 42",
      "stopped: context deadline exceeded",
      "stopped: not enough memory",
      "stopped: context deadline exceeded",
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

describe("the guide to embedding", function()
  it("has a first host that works", function()
    local text = run.read "bindings/doc/embedding.md"
    local code = assert(text:match "## A first host.-```c\n(.-)```")
    local dir = run.directory()
    run.write(dir .. "/first.c", code)
    local sanitize = config == "asan" and "-fsanitize=address,undefined"
      or config == "tsan" and "-fsanitize=thread" or ""
    local r = run.shell(([[
      gcc -Wall -Werror %s -Iruntime/include -Ibindings/include \
        $(pkg-config --cflags lua5.4) %s/first.c -o %s/first -L%s -lgort \
        -llua5.4 -Wl,-rpath,$PWD/%s -Wl,-rpath-link,%s && %s %s/first
    ]]):format(sanitize, dir, dir, build, build, build, wrap, dir))
    run.remove(dir)
    assert.are.equal("3\n5\n4\n", r.out, r.err)
    assert.are.equal(0, r.status)
  end)

  it("has a first script for a stock lua that works", function()
    if not plain then return end
    local text = run.read "bindings/doc/embedding.md"
    local code = assert(text:match "## A stock lua5.4.-```lua stock\n(.-)```")
    local command = "LUA_CPATH='%sstock/?.so' timeout 60 lua5.4 -e %s"
    local r = run.shell(command:format(build, run.quote(code)))
    assert.are.equal("42\ttrue\n", r.out, r.err)
  end)
end)

-- The bounds are what a collapse exceeds, not what is promised: that is for a
-- machine of its own (scripts/bench/README.md).
describe("an embedded runtime", function()
  it("comes and goes 10,000 times without a trace", function()
    local times = config == "tsan" and "500" or "10000"
    local r = host("tests/embed/measure", { "cycles", times })
    assert.are.equal(0, r.status, r.err)
    local n = numbers(r.out)
    if not plain then return end
    assert.is_true(n.ms < 30, r.out)
    -- A kilobyte that each of them left would be ten megabytes.
    assert.is_true(n.grown_kb < 2000, r.out)
  end)

  it("talks with a thread of the host as fast as threads do", function()
    local r = host("tests/embed/measure", { "pingpong",
      plain and "1000" or "200" })
    assert.are.equal(0, r.status, r.err)
    if config ~= "release" then return end
    assert.is_true(numbers(r.out).ratio < 3, r.out)
  end)

  it("talks with a thread of the host on one processor", function()
    local r = run.shell("taskset -c 0 true")
    if r.status ~= 0 then return pending "no taskset here" end
    r = run.shell(wrap .. "taskset -c 0 timeout 100 " .. build
      .. "tests/embed/measure pingpong " .. (plain and "1000" or "100"))
    assert.are.equal(0, r.status, r.err)
    if config ~= "release" then return end
    assert.is_true(numbers(r.out).ratio < 3, r.out)
  end)

  it("takes a stream of values", function()
    local r = host("tests/embed/measure", { "stream", "100000" })
    assert.are.equal(0, r.status, r.err)
    if config ~= "release" then return end
    assert.is_true(numbers(r.out).per_second > 200000, r.out)
  end)
end)

describe("an installed gort", function()
  it("is found by pkg-config, the module by lua5.4", function()
    if not plain then return end
    local dir = run.directory()
    local debug = config == "debug" and "DEBUG=1 " or ""
    local r = run.shell(("make %sinstall PREFIX=%s/gort DESTDIR=%s/staged")
      :format(debug, dir, dir))
    assert.are.equal(0, r.status, r.err)
    r = run.shell(([[
      set -e
      cd %s && mv staged%s/gort gort && cd - >&2
      export PKG_CONFIG_PATH=%s/gort/lib/pkgconfig
      flags=$(pkg-config --cflags --libs lgort)
      gcc scripts/examples/embed/csv.c -o %s/csv $flags
      echo a,1 | LD_LIBRARY_PATH=%s/gort/lib %s/csv
      pkg-config --modversion gort
      readelf -d %s/gort/lib/libgort.so | grep -c 'SONAME.*libgort.so.0'
      LUA_CPATH='%s/gort/lib/lua/5.4/?.so' \
        lua5.4 -e 'print(require"gort".run(type, 1))'
      readelf -d %s/gort/lib/lua/5.4/gort.so | grep -c liblua || true
    ]]):format(dir, dir, dir, dir, dir, dir, dir, dir, dir))
    assert.are.equal("a 1\n" .. gort.version .. "\n1\nnumber\n0\n", r.out,
      r.err)
    local function names(folder)
      return run.shell(("cd %s && find . -type f | sort"):format(folder)).out
    end
    local share = dir .. "/gort/share"
    assert.are.equal(names "bindings/doc",
      run.shell(("cd %s && cp -r gort/luals doc/gort && cd doc/gort && "
        .. "find . -type f | sort"):format(share)).out)
    run.shell("rm -r " .. share .. "/doc/gort/luals")
    r = run.shell(("mkdir %s/staged%s && mv %s/gort %s/staged%s && "
      .. "make uninstall PREFIX=%s/gort DESTDIR=%s/staged")
      :format(dir, dir, dir, dir, dir, dir, dir))
    assert.are.equal("", names(dir .. "/staged"), r.err)
    run.remove(dir)
  end)
end)
