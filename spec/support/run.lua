-- run: gort in a process of its own, under a time limit.
-- SPDX-License-Identifier: MIT
--
--   local r = run("print(...)", { args = { "a" } })    r.out, r.err, r.status
--   local r = run.gort { "-e", "print(1)" }
--
-- r.status is 124 after the time limit and 128 + n after signal n; r.script is
-- the file that held the text. Options:
--   args     a list, for the script
--   options  a list, for gort
--   input    what standard input holds (nothing)
--   before   shell commands that run first: "ulimit -v 100000", "FOO=1"
--   limit    seconds (20)
--   dir      where to run; text then goes to a file there

local within = require "spec.support.within"

local function quote(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end

local function absolute(path)
  if path:sub(1, 1) == "/" then return path end
  local p <close> = io.popen "pwd"
  return p:read "l" .. "/" .. path
end

local program = absolute(os.getenv "GORT" or "build/gort")

local function write(name, text)
  local f <close> = assert(io.open(name, "wb"))
  f:write(text)
end

local function read(name)
  local f <close> = assert(io.open(name, "rb"))
  return f:read "a"
end

local M = { program = program, write = write, read = read, quote = quote }

-- A directory for this spec's files.
function M.directory()
  local p <close> = io.popen "mktemp -d"
  return p:read "l"
end

function M.remove(dir)
  assert(dir:find "^/tmp/." or dir:find "/tmp%.")
  os.execute("rm -rf " .. quote(dir))
end

-- Runs a shell command: what it wrote, and its status.
function M.shell(command, input)
  local base = os.tmpname()
  local names = { base .. ".in", base .. ".out", base .. ".err" }
  write(names[1], input or "")
  local _, _, status = os.execute(string.format("{ %s\n} <%s >%s 2>%s",
    command, table.unpack(names)))
  local r = { status = status, out = read(names[2]), err = read(names[3]) }
  for _, name in ipairs(names) do
    os.remove(name)
  end
  os.remove(base)
  return r
end

-- Runs gort with a list of arguments.
function M.gort(args, opts)
  opts = opts or {}
  local words = {}
  for i, arg in ipairs(args) do
    words[i] = quote(arg)
  end
  local command = string.format("exec timeout -k 5 %d %s %s",
    (opts.limit or 20) * within.factor, quote(program),
    table.concat(words, " "))
  if opts.before then command = opts.before .. "; " .. command end
  if opts.dir then command = "cd " .. quote(opts.dir) .. "; " .. command end
  return M.shell("(" .. command .. ")", opts.input)
end

local function run(_, text, opts)
  opts = opts or {}
  local name = opts.dir and opts.dir .. "/main.lua" or os.tmpname()
  write(name, text)
  local words = { table.unpack(opts.options or {}) }
  words[#words + 1] = name
  table.move(opts.args or {}, 1, #(opts.args or {}), #words + 1, words)
  local r = M.gort(words, opts)
  r.script = name
  os.remove(name)
  return r
end

return setmetatable(M, { __call = run })
