---@meta gort.context

-- gort.context - annotations. SPDX-License-Identifier: MIT

---Cancellation, deadlines and values for what belongs together.
---@class gort.context
local context = {}

---The two errors of contexts.
context.canceled = "context canceled"
context.deadline_exceeded = "context deadline exceeded"

---@alias gort.ContextError "context canceled"|"context deadline exceeded"

---What a context's values and causes can be found by.
---@alias gort.Key string|number|boolean|userdata|table

---Ends a context: a call, or `local _ <close> = cancel`.
---@class gort.Cancel
---@overload fun()

---The same, with a cause.
---@class gort.CancelCause
---@overload fun(cause?: any)

---The context that is never done.
---@return gort.Context
function context.background() end

---Another, where it is not clear yet which to use.
---@return gort.Context
function context.todo() end

---@param parent gort.Context
---@return gort.Context ctx
---@return gort.Cancel cancel
function context.with_cancel(parent) end

---@param parent gort.Context
---@return gort.Context ctx
---@return gort.CancelCause cancel
function context.with_cancel_cause(parent) end

---@param parent gort.Context
---@param seconds number
---@return gort.Context ctx
---@return gort.Cancel cancel
function context.with_timeout(parent, seconds) end

---@param parent gort.Context
---@param seconds number
---@param cause? any
---@return gort.Context ctx
---@return gort.Cancel cancel
function context.with_timeout_cause(parent, seconds, cause) end

---@param parent gort.Context
---@param time number # as gort.time.now()
---@return gort.Context ctx
---@return gort.Cancel cancel
function context.with_deadline(parent, time) end

---@param parent gort.Context
---@param time number # as gort.time.now()
---@param cause? any
---@return gort.Context ctx
---@return gort.Cancel cancel
function context.with_deadline_cause(parent, time, cause) end

---@param parent gort.Context
---@param key gort.Key
---@param value any
---@return gort.Context
function context.with_value(parent, key, value) end

---A context with the parent's values that does not end with it.
---@param parent gort.Context
---@return gort.Context
function context.without_cancel(parent) end

---Why it is done: the cause that was given, or its error.
---@param ctx gort.Context
---@return any
function context.cause(ctx) end

---Calls fn(...) in a task of its own when the context is done.
---@param ctx gort.Context
---@param fn function
---@param ... any
---@return fun(): boolean stop # true when it kept fn from running
function context.after_func(ctx, fn, ...) end

---The context that the calling task is bound to, or background().
---@return gort.Context
function context.current() end

---Calls fn(...) and lets it go on to its end, also when the task's context is
---done.
---@param fn function
---@param ... any
---@return any ... # fn's results
function context.shield(fn, ...) end

---@class gort.Context
local ctx = {}

---nil until it is done.
---@return gort.ContextError?
function ctx:err() end

---Can be received from once the context is done.
---@return gort.Done
function ctx:done() end

---@param key gort.Key
---@return any
function ctx:value(key) end

---Seconds since the epoch, or nil.
---@return number?
function ctx:deadline() end

---Starts a task that ends with the context.
---@param fn function
---@param ... any
function ctx:go(fn, ...) end

---A context's end. A call waits for it.
---@class gort.Done
---@overload fun(): nil
local done = {}

---@param limit? gort.Limit
---@return nil value
---@return false ok
---@return gort.WaitError? err
function done:recv(limit) end

---@return boolean ready
---@return nil value
---@return false? ok
function done:try_recv() end

return context
