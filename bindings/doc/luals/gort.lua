---@meta gort

-- gort - annotations for the Lua language server. SPDX-License-Identifier: MIT

---Go's concurrency for Lua.
---@class gort
local gort = {}

---The version: "1.2.3".
gort.version = ""

gort.time = require "gort.time"
gort.context = require "gort.context"
gort.sync = require "gort.sync"
gort.errgroup = require "gort.errgroup"
gort.runtime = require "gort.runtime"

---How long to wait: seconds, or until a context is done.
---@alias gort.Limit number|gort.Context

---Why a wait has ended early.
---@alias gort.WaitError "timeout"|gort.ContextError

-- ---- tasks ------------------------------------------------------------------

---Starts a task that calls fn(...). What fn uses from outside is copied.
---@param fn function
---@param ... any
function gort.go(fn, ...) end

---Can the value be copied to another task? If not, says why.
---@param value any
---@return true? sendable
---@return string? why
function gort.sendable(value) end

---Starts a task that calls fn(...) and keeps its results, or its error.
---@param fn function
---@param ... any
---@return gort.Future
function gort.async(fn, ...) end

---What will come of a call: its results or its error.
---@class gort.Future
local future = {}

---Waits for the call's end: its results, or its error is raised.
---nil, err when the limit came first.
---@param limit? gort.Limit
---@return any ...
function future:wait(limit) end

---Calls fn(...), which blocks in C, on a thread of its own, and waits.
---@param fn function
---@param ... any
---@return any ... # fn's results
function gort.blocking(fn, ...) end

---In a stock lua5.4 only: runs fn(...) as the main task.
---@param fn function
---@param ... any
---@return any ... # fn's results
function gort.run(fn, ...) end

-- ---- channels ---------------------------------------------------------------

---@alias gort.ChannelType
---| "any"
---| "integer"
---| "float"
---| "number"
---| "string"
---| "boolean"
---| "table"
---| "function"
---| "channel"

---Makes a channel, which carries copies of values from task to task.
---@param type? gort.ChannelType # what it carries
---@param capacity? integer # values that it holds; 0: both sides meet
---@return gort.Channel
---@overload fun(capacity?: integer): gort.Channel
function gort.chan(type, capacity) end

---Carries copies of values from task to task. A call receives a value, or nil:
---`for value in ch do`.
---@class gort.Channel
---@operator len: integer
---@overload fun(): any
local channel = {}

---Sends a copy of the value. Raises on a closed channel.
---@param value any
---@param limit? gort.Limit
---@return boolean sent
---@return gort.WaitError? err
function channel:send(value, limit) end

---Receives a value; nil, false when the channel is closed and empty.
---@param limit? gort.Limit
---@return any value
---@return boolean ok
---@return gort.WaitError? err
function channel:recv(limit) end

---Sends if that is possible at once.
---@param value any
---@return boolean sent
function channel:try_send(value) end

---Receives if that is possible at once.
---@return boolean ready
---@return any value
---@return boolean? ok
function channel:try_recv() end

---No more will be sent. Raises on a closed channel.
function channel:close() end

---The size of the buffer.
---@return integer
function channel:cap() end

---A view that can only send and close.
---@return gort.Channel
function channel:sender() end

---A view that can only receive.
---@return gort.Channel
function channel:receiver() end

-- ---- select -----------------------------------------------------------------

---What can be received from.
---@alias gort.Source
---| gort.Channel
---| gort.Timer
---| gort.Context
---| gort.Done
---| gort.Future
---| gort.WaitGroup
---| gort.Mutex
---| gort.Semaphore
---| gort.ErrGroup

---A case of select: one of recv, send and after.
---@class gort.Case
---@field recv? gort.Source|false # false: the case is off
---@field send? gort.Channel|false
---@field value? any # what to send
---@field after? number|false # seconds from now
---@field [1]? function # called when the case was chosen; gets v, ok

---@class gort.Cases
---@field default? function|boolean # when no case is ready: never waits
---@field [integer] gort.Case|false|nil

---Waits until one of the cases can go on, and does it: what its function
---returns, or else its number and what was received.
---@param cases gort.Cases
---@return any ...
---@overload fun(n: integer|"#", ...: any): any ...
function gort.select(cases) end

return gort
