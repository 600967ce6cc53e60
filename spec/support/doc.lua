-- doc: the pages for people, taken apart.
-- SPDX-License-Identifier: MIT
--
--   for _, page in ipairs(doc.pages()) do ... end
--
--   page.path      "bindings/doc/sync.md"
--   page.sections  one for each heading: { title, names, line, level, text,
--                  examples }
--   page.examples  of the page: { page, line, kind, status, code, expected }
--   page.links     { line, target }, those of its text
--   page.anchors   a set, as GitHub makes them of headings
--
-- An example is a block ```lua; the block ```text right behind it holds what it
-- writes, and `...` there stands for anything. Its kinds:
--   ```lua            nothing fails
--   ```lua status=2   it is a program of its own that ends so; its output is
--                     followed by what it writes to standard error
--   ```lua stock      a stock lua5.4 runs it
--
-- A heading that consists of code documents what it names: the section of
-- `ch:send(value [, limit])` has the name ch:send and its arguments.

local M = {}

M.folder = "bindings/doc"

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

local function listing(command)
  local p <close> = io.popen(command)
  local list = {}
  for name in p:lines() do list[#list + 1] = name end
  return list
end

-- What GitHub makes of a heading: letters, digits, - and _ are left.
local function anchor(title)
  return (title:lower():gsub("[^%w%-_ \x80-\xff]", ""):gsub(" ", "-"))
end

-- The names of a heading, or nothing when it is no heading of that kind.
local function names(title)
  local rest, list = title:gsub("`[^`]*`", ""), {}
  if rest:find "[^%s,]" then return list end
  for code in title:gmatch "`([^`]*)`" do list[#list + 1] = code end
  return list
end

local function fence(line)
  return line:match "^```(.*)$"
end

local function new_example(page, number, info)
  local word = info:match "^lua%s*(.*)$"
  return { page = page, line = number, expected = "",
    kind = word:match "^%a+" or "plain",
    status = tonumber(word:match "^status=(%d+)$" or 0) }
end

-- Lines of a block from number on: its text, and the number of its last line.
local function block(lines, number)
  local from = number + 1
  while lines[number + 1] and not fence(lines[number + 1]) do
    number = number + 1
  end
  local text = table.concat(lines, "\n", from, number)
  return text .. (text ~= "" and "\n" or ""), number + 1
end

local function add_heading(page, line, number)
  local marks, title = line:match "^(#+) (.*)$"
  local section = { page = page, title = title, names = names(title),
    line = number, level = #marks, text = {}, examples = {} }
  page.sections[#page.sections + 1] = section
  page.anchors[anchor(title)] = true
end

local function add_links(page, line, number)
  for target in line:gsub("`[^`]*`", ""):gmatch "%]%(([^)%s]+)%)" do
    page.links[#page.links + 1] = { line = number, target = target }
  end
end

-- An example, when the block at this line is one: the number of its last line
-- or of the last one of its output.
local function add_block(page, lines, number)
  local info = fence(lines[number])
  local code, last = block(lines, number)
  if not info:find "^lua%f[%A]" then return last end
  local example = new_example(page, number, info)
  local after = last + 1
  while lines[after] == "" do after = after + 1 end
  if lines[after] and fence(lines[after]) == "text" then
    example.expected, last = block(lines, after)
  end
  example.code = code
  page.examples[#page.examples + 1] = example
  local section = page.sections[#page.sections]
  section.examples[#section.examples + 1] = example
  return last
end

function M.page(path)
  local page = { path = path, sections = {}, examples = {}, links = {},
    anchors = {} }
  local lines = {}
  for line in read(path):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  local number = 1
  while number <= #lines do
    local line = lines[number]
    if fence(line) then
      number = add_block(page, lines, number)
    elseif line:find "^#+ " then
      add_heading(page, line, number)
    else
      add_links(page, line, number)
      local section = page.sections[#page.sections]
      if section then section.text[#section.text + 1] = line end
    end
    number = number + 1
  end
  return page
end

function M.pages()
  local list = {}
  for i, path in ipairs(listing("ls " .. M.folder .. "/*.md")) do
    list[i] = M.page(path)
  end
  return list
end

-- Every Markdown file of the project.
function M.all_pages()
  local list = {}
  for i, path in ipairs(listing
    "find . -name '*.md' -not -path './build/*' | sed 's|^./||' | sort") do
    list[i] = M.page(path)
  end
  return list
end

-- Does the text match, `...` standing for anything?
function M.matches(expected, text)
  local pattern = expected:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".-")
  return text:find("^" .. pattern .. "$") ~= nil
end

return M
