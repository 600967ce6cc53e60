---@meta gort.time

-- gort.time - annotations. SPDX-License-Identifier: MIT

---Clocks, sleeping, timers and durations. Times are seconds.
---@class gort.time
local time = {}

time.nanosecond = 1e-9
time.microsecond = 1e-6
time.millisecond = 1e-3
time.second = 1.0
time.minute = 60.0
time.hour = 3600.0

---Seconds since the epoch.
---@return number
function time.now() end

---Seconds since some fixed point; nobody sets this clock.
---@return number
function time.monotonic() end

---Parks the task.
---@param seconds number
---@param limit? gort.Limit
---@return boolean whole # false when the limit came first
---@return gort.WaitError? err
function time.sleep(seconds, limit) end

---A timer that fires once. The same as `timer`.
---@param seconds number
---@return gort.Timer
function time.after(seconds) end

---A timer that fires once.
---@param seconds number
---@return gort.Timer
function time.timer(seconds) end

---A ticker, or nil for 0 or less.
---@param seconds number
---@return gort.Timer?
function time.tick(seconds) end

---A timer that fires every so many seconds.
---@param seconds number
---@return gort.Timer
function time.ticker(seconds) end

---Calls fn(...) in a task of its own, that long from now.
---@param seconds number
---@param fn function
---@param ... any
---@return gort.Timer
function time.after_func(seconds, fn, ...) end

---The seconds that a text like "1h2m3.5s" says.
---@param text string
---@return number seconds
function time.duration(text) end

---A text like "1h2m3.5s".
---@param seconds number
---@return string
function time.format(seconds) end

---A timer or ticker. A call receives from it: `for tick in t do`.
---@class gort.Timer
---@overload fun(): number
local timer = {}

---@return boolean running # was it still?
function timer:stop() end

---Starts it anew from now; a ticker with that period.
---@param seconds number
---@return boolean running # was it still?
function timer:reset(seconds) end

---The time at which it fired.
---@param limit? gort.Limit
---@return number? at
---@return boolean ok
---@return gort.WaitError? err
function timer:recv(limit) end

---@return boolean ready
---@return number? at
---@return boolean? ok
function timer:try_recv() end

return time
