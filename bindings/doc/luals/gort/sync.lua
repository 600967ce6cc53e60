---@meta gort.sync

-- gort.sync - annotations. SPDX-License-Identifier: MIT

---What tasks share beside channels.
---@class gort.sync
local sync = {}

-- ---- wait groups ------------------------------------------------------------

---@return gort.WaitGroup
function sync.waitgroup() end

---@class gort.WaitGroup
local waitgroup = {}

---@param n? integer # 1
function waitgroup:add(n) end

function waitgroup:done() end

---Starts fn(...) in a task, and counts it until it has ended.
---@param fn function
---@param ... any
function waitgroup:go(fn, ...) end

---@param limit? gort.Limit
---@return boolean done
---@return gort.WaitError? err
function waitgroup:wait(limit) end

-- ---- locks ------------------------------------------------------------------

---Unlocks when its block is left: `local _ <close> = mu:guard()`.
---@class gort.Guard

---@return gort.Mutex
function sync.mutex() end

---@class gort.Mutex
local mutex = {}

---@param limit? gort.Limit
---@return boolean locked
---@return gort.WaitError? err
function mutex:lock(limit) end

---@return boolean locked
function mutex:try_lock() end

function mutex:unlock() end

---@param limit? gort.Limit
---@return gort.Guard|false guard
---@return gort.WaitError? err
function mutex:guard(limit) end

---@return gort.RWMutex
function sync.rwmutex() end

---@class gort.RWMutex
local rwmutex = {}

---@param limit? gort.Limit
---@return boolean locked
---@return gort.WaitError? err
function rwmutex:lock(limit) end

---@return boolean locked
function rwmutex:try_lock() end

function rwmutex:unlock() end

---@param limit? gort.Limit
---@return gort.Guard|false guard
---@return gort.WaitError? err
function rwmutex:guard(limit) end

---Locks for reading.
---@param limit? gort.Limit
---@return boolean locked
---@return gort.WaitError? err
function rwmutex:rlock(limit) end

---@return boolean locked
function rwmutex:try_rlock() end

function rwmutex:runlock() end

---@param limit? gort.Limit
---@return gort.Guard|false guard
---@return gort.WaitError? err
function rwmutex:rguard(limit) end

---@param mu gort.Mutex
---@return gort.Cond
function sync.cond(mu) end

---@class gort.Cond
local cond = {}

---Unlocks the mutex, waits to be woken, locks it again.
---@param limit? gort.Limit
---@return boolean woken
---@return gort.WaitError? err
function cond:wait(limit) end

---Wakes one.
function cond:signal() end

---Wakes all.
function cond:broadcast() end

---@param n integer
---@return gort.Semaphore
function sync.semaphore(n) end

---@class gort.Semaphore
local semaphore = {}

---@param k? integer # 1
---@param limit? gort.Limit
---@return boolean acquired
---@return gort.WaitError? err
function semaphore:acquire(k, limit) end

---@param k? integer # 1
---@return boolean acquired
function semaphore:try_acquire(k) end

---@param k? integer # 1
function semaphore:release(k) end

-- ---- values -----------------------------------------------------------------

---An integer that tasks share.
---@param n? integer # 0
---@return gort.Atomic
function sync.atomic(n) end

---@class gort.Atomic
local atomic = {}

---@return integer
function atomic:load() end

---@param value integer
function atomic:store(value) end

---@param d integer
---@return integer new
function atomic:add(d) end

---@param value integer
---@return integer old
function atomic:swap(value) end

---Sets it to new if it is old.
---@param old integer
---@param new integer
---@return boolean swapped
function atomic:cas(old, new) end

---A map that tasks share.
---@return gort.Map
function sync.map() end

---@class gort.Map
---@operator len: integer
local map = {}

---@param key gort.Key
---@return any value
---@return boolean found
function map:load(key) end

---@param key gort.Key
---@param value any
function map:store(key, value) end

---Stores the value if there is none: what is there then, and whether it was.
---@param key gort.Key
---@param value any
---@return any value
---@return boolean found
function map:load_or_store(key, value) end

---@param key gort.Key
---@return any value
---@return boolean found
function map:load_and_delete(key) end

---@param key gort.Key
function map:delete(key) end

---Stores new if the key is there with a value equal to old.
---@param key gort.Key
---@param old any
---@param new any
---@return boolean swapped
function map:cas(key, old, new) end

---`for key, value in m:range() do`
---@return fun(state: any): gort.Key, any
---@return any state
---@return nil
---@return any closing
function map:range() end

-- ---- calls ------------------------------------------------------------------

---A handle whose first call runs fn; every call gives (copies of) its results.
---@param fn function
---@return gort.Once
function sync.once(fn) end

---@class gort.Once
---@overload fun(): any ...

---@return gort.Singleflight
function sync.singleflight() end

---Shares calls among those who want the same at the same time.
---@class gort.Singleflight
local singleflight = {}

---fn's results, and whether others have got them, too.
---@param key gort.Key
---@param fn function
---@param ... any
---@return any ...
function singleflight:call(key, fn, ...) end

---The next call for the key runs.
---@param key gort.Key
function singleflight:forget(key) end

return sync
