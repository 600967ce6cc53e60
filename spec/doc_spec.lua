-- The pages in bindings/doc: their examples do what they say. No link in any
-- page leads nowhere.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local doc = require "spec.support.doc"
local run = require "spec.support.run"

local config = os.getenv "GORT_CONFIG" or "release"
local WORKERS = { "1", "2", "8" }

local pages = doc.pages()

-- ---- examples ---------------------------------------------------------------

-- What a page's plain examples wrote, by their lines; and what else there was.
local function run_page(page, workers)
  local r = run.gort({ "--procs", workers, "spec/support/doc_run.lua",
    page.path }, { limit = 60 })
  local said = { rest = ("status %s\n%s"):format(r.status, r.err),
    clean = r.status == 0 and r.err == "" }
  for line, out, err in r.out:gmatch "\1(%d+)\n(.-)\2([^\n]*)\n" do
    said[tonumber(line)] = { out = out, err = err }
  end
  return said
end

local results = {}

local function result(page, workers)
  local key = page.path .. workers
  results[key] = results[key] or run_page(page, workers)
  return results[key]
end

local function check_output(example, out)
  if not doc.matches(example.expected, out) then
    assert.equal(example.expected, out)
    error "equal, but no match"
  end
end

local check = {}

function check.plain(example)
  for _, workers in ipairs(WORKERS) do
    local all = result(example.page, workers)
    local said = all[example.line]
    if not said then error("it did not end: " .. all.rest, 0) end
    assert.equal("", said.err)
    check_output(example, said.out)
  end
end

-- A program of its own: its output, its errors and its status.
function check.status(example)
  local dir <close> = setmetatable({ run.directory() },
    { __close = function(self) run.remove(self[1]) end })
  run.write(dir[1] .. "/example.lua", example.code)
  for _, workers in ipairs(WORKERS) do
    local r = run.gort({ "--procs", workers, "example.lua" }, { dir = dir[1] })
    assert.equal(example.status, r.status)
    check_output(example, r.out .. r.err)
  end
end

function check.stock(example)
  local name = os.tmpname()
  run.write(name, example.code)
  local r = run.shell(("LUA_CPATH='build/%s/stock/?.so' timeout 60 lua5.4 %s")
    :format(config, name))
  os.remove(name)
  assert.equal("", r.err)
  check_output(example, r.out)
end

for _, page in ipairs(pages) do
  describe(page.path, function()
    for _, example in ipairs(page.examples) do
      local title = ("%d: the example runs"):format(example.line)
      if example.kind == "stock" and config ~= "release"
        and config ~= "debug" then
        pending(title .. " (a stock lua has no sanitizer)", function() end)
      else
        it(title, function() check[example.kind](example) end)
      end
    end

    it("leaves nothing behind", function()
      for _, workers in ipairs(WORKERS) do
        local said = result(page, workers)
        assert.is_true(said.clean, said.rest)
      end
    end)
  end)
end

-- ---- the check itself -------------------------------------------------------

describe("an example", function()
  local path = os.tmpname()
  run.write(path, [[
# Title

```lua
print "one" x = 1
```

```text
o...
```

```lua
print(x) error "oh"
```

```lua status=3
os.exit(3)
```
]])
  local page = doc.page(path)
  teardown(function() os.remove(path) end)

  it("is found with what it shall write", function()
    assert.equal(3, #page.examples)
    assert.equal("o...\n", page.examples[1].expected)
    assert.equal("", page.examples[2].expected)
    assert.equal(11, page.examples[2].line)
    assert.equal(3, page.examples[3].status)
  end)

  it("fails when it writes something else, or raises", function()
    local said = result(page, "2")
    assert.same({ out = "one\n", err = "" }, said[3])
    assert.same({ out = "nil\n", err = "example.lua:1: oh" }, said[11])
    check.plain(page.examples[1])
    check.status(page.examples[3])
    assert.is_false(pcall(check.plain, page.examples[2]))
    page.examples[1].expected = "t...\n"
    assert.is_false(pcall(check.plain, page.examples[1]))
    page.examples[3].status = 0
    assert.is_false(pcall(check.status, page.examples[3]))
  end)
end)

-- Pages elsewhere have pieces that need something around them.
describe("Lua in other pages", function()
  for _, page in ipairs(doc.all_pages()) do
    if page.path:find(doc.folder .. "/", 1, true) ~= 1 then
      for _, example in ipairs(page.examples) do
        it(("%s %d compiles"):format(page.path, example.line), function()
          assert(load(example.code, "@" .. page.path))
        end)
      end
    end
  end
end)

-- ---- links ------------------------------------------------------------------

-- dir/a/../b.md as dir/b.md
local function normal(path)
  local n
  repeat
    path, n = path:gsub("[^/]+/%.%./", "", 1)
  until n == 0
  return path
end

local function exists(path)
  local f <close> = io.open(path)
  return f ~= nil
end

describe("links", function()
  local all = doc.all_pages()
  local by_path = {}
  for _, page in ipairs(all) do by_path[page.path] = page end

  -- What is wrong with a link, or nil.
  local function wrong(page, target)
    if target:find "^%a+:" then return nil end
    local file, anchor = target:match "^([^#]*)#?(.*)$"
    local path = page.path
    if file ~= "" then
      path = normal((page.path:match "^.*/" or "") .. file)
    end
    if not exists(path) then return "is not there" end
    local inside = path:find(doc.folder .. "/", 1, true) == 1
    if page.path:find(doc.folder .. "/", 1, true) == 1 and not inside then
      return "is not there when installed"
    end
    if anchor ~= "" and by_path[path] and not by_path[path].anchors[anchor] then
      return "has no such heading"
    end
  end

  for _, page in ipairs(all) do
    it("of " .. page.path .. " lead somewhere", function()
      local bad = {}
      for _, link in ipairs(page.links) do
        local why = wrong(page, link.target)
        if why then
          bad[#bad + 1] = ("%d: %s %s"):format(link.line, link.target, why)
        end
      end
      assert.same({}, bad)
    end)
  end

  it("that lead nowhere are found", function()
    local page = by_path["README.md"]
    assert.equal("is not there", wrong(page, "bindings/nothing.md"))
    assert.equal("has no such heading", wrong(page, "CHANGELOG.md#nothing"))
    assert.is_nil(wrong(page, "CHANGELOG.md#changelog"))
  end)
end)
