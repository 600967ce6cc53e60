---@meta gort.runtime

-- gort.runtime - annotations. SPDX-License-Identifier: MIT

---Looking at the runtime, and steering it.
---@class gort.runtime
local runtime = {}

---Cores that the process may use.
---@return integer
function runtime.numcpu() end

---Sets how many tasks run at the same time: the number before.
---@param n? integer
---@return integer
function runtime.maxprocs(n) end

---How many tasks there are, main included.
---@return integer
function runtime.numtasks() end

---Lets other tasks run.
function runtime.yield() end

---The stack of this task, or with a true argument those of all.
---@param all? boolean
---@return string
function runtime.stack(all) end

---@class gort.Stats
---@field tasks integer
---@field waiting integer
---@field runnable integer
---@field new integer
---@field vms integer
---@field bytes integer
---@field workers integer
---@field threads integer
---@field timers integer
---@field blocking integer
---@field spawned integer
---@field steals integer
---@field preemptions integer
---@field wakeups integer
---@field handoffs integer

---@return gort.Stats
function runtime.stats() end

---@class gort.Leak
---@field id integer
---@field waits_on string
---@field stack string
---@field created_at string

---Tasks that wait for what nobody else can get at.
---@return gort.Leak[]
function runtime.leaks() end

return runtime
