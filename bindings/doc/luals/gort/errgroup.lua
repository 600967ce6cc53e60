---@meta gort.errgroup

-- gort.errgroup - annotations. SPDX-License-Identifier: MIT

---Tasks that succeed or fail together.
---@class gort.errgroup
local errgroup = {}

---@return gort.ErrGroup
function errgroup.new() end

---A group, and a context that is done when a function has failed.
---@param parent gort.Context
---@return gort.ErrGroup g
---@return gort.Context ctx
function errgroup.with_context(parent) end

---With `local g <close>` a scope that waits for its functions.
---@class gort.ErrGroup
local group = {}

---Starts fn(...) in a task; waits when as many run as the limit allows.
---@param fn function
---@param ... any
function group:go(fn, ...) end

---Starts it if the limit allows that now.
---@param fn function
---@param ... any
---@return boolean started
function group:try_go(fn, ...) end

---@param n integer # at most so many run at a time; negative: no limit
function group:set_limit(n) end

---true, or nil and the first error (and its traceback, if it was raised).
---@param limit? gort.Limit
---@return true? ok
---@return any err
---@return string? traceback
function group:wait(limit) end

return errgroup
