-- terminal: gort on a terminal, as a person sees it (tmux).
-- SPDX-License-Identifier: MIT
--
--   local t <close> = terminal.open("gort arguments", { env = "NO_COLOR=1" })
--   t:say "1 + 1"                  types a line and Enter
--   t:type "text"  t:key "C-c"     types text; presses keys, as tmux names them
--   t:wait "^> $"                  until the last row matches
--   t:wait_for "text"              until the screen holds the text
--   t:screen()                     what it shows, without blank rows at its end
--
-- A wait that takes too long is an error that shows the screen.

local within = require "spec.support.within"
local run = require "spec.support.run"

local LIMIT = 20 * within.factor
local M = {}
M.__index = M
local count = 0

function M:tmux(command)
  local p <close> = io.popen(string.format("tmux -u -L %s -f /dev/null %s 2>&1",
    self.name, command))
  return p:read "a"
end

-- opts: env (words for env), width, height, dir (the home directory; made and
-- removed when it is absent)
function M.open(args, opts)
  opts = opts or {}
  count = count + 1
  local self = setmetatable({ own = not opts.dir }, M)
  self.dir = opts.dir or run.directory()
  self.name = self.dir:gsub("%W", "_") .. count
  local command = string.format("env -u NO_COLOR -u XDG_STATE_HOME HOME=%s "
    .. "LC_ALL=C.UTF-8 %s %s %s; echo left: $?; exec cat", self.dir,
    opts.env or "", run.quote(run.program), args or "")
  self:tmux(string.format("new-session -d -x %d -y %d %s", opts.width or 80,
    opts.height or 24, run.quote(command)))
  return self
end

function M:__close()
  self:tmux "kill-server"
  if self.own then run.remove(self.dir) end
end

function M:type(text)
  self:tmux("send-keys -l -- " .. run.quote(text))
end

function M:key(...)
  self:tmux("send-keys " .. table.concat({ ... }, " "))
end

function M:say(text)
  self:type(text)
  self:key "Enter"
end

-- With opts = "-e": with the escape sequences of colours.
function M:screen(opts)
  local text = self:tmux("capture-pane -p " .. (opts or ""))
  return (text:gsub("%s+$", ""))
end

function M:last()
  return self:screen():match "[^\n]*$"
end

-- Waits until fn() is true; what: for the message.
function M:until_true(fn, what)
  local start = gort.time.monotonic()
  repeat
    if fn() then return end
    gort.time.sleep(0.02)
  until gort.time.monotonic() - start > LIMIT
  error("no " .. what .. " on the screen:\n" .. self:screen(), 3)
end

function M:wait(pattern)
  self:until_true(function() return self:last():find(pattern) end, pattern)
end

function M:wait_for(text)
  self:until_true(function() return self:screen():find(text, 1, true) end, text)
end

-- Types a line at the prompt: the rows that follow it until the next prompt.
function M:answer(line)
  self:wait "^>$"
  self:type(line)
  self:until_true(function()
    return self:screen():gsub("\n", ""):sub(-#line) == line
  end, line)
  self:key "Enter"
  self:wait "^>$"
  local screen, at, from = self:screen(), 1, nil
  repeat
    at = screen:find("> " .. line .. "\n", at, true)
    if at then
      at = at + #line + 3
      from = at
    end
  until not at
  return from and screen:sub(from):gsub("\n?>$", "") or ""
end

-- The values in the answer in a list: on the screen tabs are blanks.
function M:values(line)
  local list = {}
  for value in self:answer(line):gmatch "%S+" do
    list[#list + 1] = value
  end
  return list
end

return M
