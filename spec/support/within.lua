-- within(seconds, fn): a spec's function that runs fn and ends the program when
-- that takes too long.
-- SPDX-License-Identifier: MIT
--
--   it("waits", within(5, function() ... end))
--
-- Nothing can stop a task that hangs, so a watching task prints every stack
-- and leaves: the run then counts as failed. What is likely to hang or to
-- crash belongs in a process of its own (run.lua).
--
-- The body sees the plain globals, as a script does, and not those of busted,
-- which are computed: it needs `local assert = require "luassert"`.
-- within.plain(fn) does the same for another function that a task shall run.
--
-- Sanitizers are slow: there, each limit is longer (within.factor).

local FACTOR = { asan = 5, tsan = 10 }
local factor = FACTOR[os.getenv "GORT_CONFIG"] or 1

local function watch(done, seconds, where)
  select {
    { recv = done },
    { after = seconds, function()
      io.stderr:write(string.format("%s: no end after %g s\n%s\n", where,
        seconds, gort.runtime.stack(true)))
      os.exit(1)
    end },
  }
end

local function close(self)
  self.done:close()
end

-- Gives the function fn the plain globals.
local function plain(fn)
  local i = 0
  repeat
    i = i + 1
    local name = debug.getupvalue(fn, i)
    if name == "_ENV" then
      debug.upvaluejoin(fn, i, function() return _ENV end, 1)
    end
  until not name
  return fn
end

local function within(_, seconds, fn)
  local info = debug.getinfo(2, "Sl")
  local where = info.short_src .. ":" .. info.currentline
  plain(fn)
  return function()
    local done = chan()
    go(watch, done, seconds * factor, where)
    local _ <close> = setmetatable({ done = done }, { __close = close })
    fn()
  end
end

return setmetatable({ factor = factor, plain = plain }, { __call = within })
