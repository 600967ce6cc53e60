-- terminal: gort on a terminal, as a person sees it (tmux).
-- SPDX-License-Identifier: MIT
--
--   local t <close> = terminal.open("gort arguments", { env = "NO_COLOR=1" })
--   t:say "1 + 1"                  types a line and Enter
--   t:type "text"  t:key "C-c"     types text; presses keys, as tmux names them
--   t:press "C-c"                  presses keys and waits for the prompt
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

function M:press(...)
  self:key(...)
  self:wait "^>$"
end

-- Types text and Tab: the last row must become this.
function M:complete(text, pattern)
  self:type(text)
  self:key "Tab"
  self:wait(pattern)
end

-- Runs a line that does not end, and ends it.
function M:interrupt(line)
  self:say("print 'begun' " .. line)
  self:wait "^begun$"
  self:press "C-c"
end

-- Ends the session.
function M:leave()
  self:key "C-d"
  self:wait "^left: 0$"
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
  local level, here = 2, debug.getinfo(1, "S").source
  while debug.getinfo(level, "S").source == here do
    level = level + 1 -- the spec's own line
  end
  error("no " .. what .. " on the screen:\n" .. self:screen(), level)
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
