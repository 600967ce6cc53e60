-- gort.sync.cond and gort.sync.semaphore.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local within = require "spec.support.within"

local error_of = tasks.error_of
local time = gort.time

describe("a cond", function()
  it("wakes one by one, the first first", within(10, function()
    local mu, log = gort.sync.mutex(), chan(10)
    local c = gort.sync.cond(mu)
    for i = 1, 5 do
      go(function()
        mu:lock()
        assert(c:wait() == true)
        log:send(i)
        mu:unlock()
      end)
      tasks.until_parked(i, "sync.Cond.Wait")
    end
    for i = 1, 5 do
      c:signal()
      assert.equal(i, (log:recv()))
      assert.is_false((log:try_recv()))
    end
    c:signal() -- for nobody
  end))

  it("wakes all", within(10, function()
    local mu, log = gort.sync.mutex(), chan(20)
    local c = gort.sync.cond(mu)
    for i = 1, 20 do
      go(function()
        local _ <close> = mu:guard()
        c:wait()
        log:send(i)
      end)
    end
    tasks.until_parked(20, "sync.Cond.Wait")
    c:broadcast()
    for _ = 1, 20 do log:recv() end
    assert.is_true((mu:lock(1)))
  end))

  it("lets go of the mutex while it waits", within(5, function()
    local mu = gort.sync.mutex()
    local c = gort.sync.cond(mu)
    local ready = gort.sync.atomic()
    go(function()
      local _ <close> = mu:guard()
      ready:store(1)
      c:signal()
    end)
    mu:lock()
    while ready:load() == 0 do c:wait() end
    assert.is_false(mu:try_lock())
    mu:unlock()
  end))

  it("gives up with the mutex locked", within(5, function()
    local mu = gort.sync.mutex()
    local c = gort.sync.cond(mu)
    local ctx, cancel = gort.context.with_cancel(gort.context.background())
    mu:lock()
    for _, t in ipairs { 0.01, 0, -1 } do
      assert.same({ false, "timeout" }, { c:wait(t) })
      assert.is_false(mu:try_lock())
    end
    go(function() cancel() end)
    assert.same({ false, "context canceled" }, { c:wait(ctx) })
    assert.is_false(mu:try_lock())
  end))

  it("gives a signal to one who has not given up", within(30, function()
    local mu = gort.sync.mutex()
    local c = gort.sync.cond(mu)
    local items, wg = gort.sync.atomic(), gort.sync.waitgroup()
    for i = 1, 10 do
      wg:go(function()
        for j = 1, 50 do
          local _ <close> = mu:guard()
          while items:load() == 0 do
            c:wait((i + j) % 2 == 0 and 1e-4 or nil)
          end
          items:add(-1)
        end
      end)
    end
    for i = 1, 500 do
      mu:lock()
      items:add(1)
      mu:unlock()
      c:signal()
      if i % 20 == 0 then time.sleep(1e-4) end
    end
    wg:wait()
    assert.equal(0, items:load())
  end))

  it("wants its mutex locked", function()
    local c = gort.sync.cond(gort.sync.mutex())
    assert.matches("its mutex is unlocked",
      error_of(function() c:wait() end))
    assert.has_error(function() gort.sync.cond() end)
    assert.has_error(function() gort.sync.cond(chan()) end)
  end)

  it("is one in every task", within(5, function()
    local mu = gort.sync.mutex()
    local c = gort.sync.cond(mu)
    assert.equal(c, (tasks.by_channel(c)))
    assert.matches("^cond: ", tostring(c))
    assert.matches("cannot receive from a cond", error_of(function()
      select { { recv = c }, default = true }
    end))
  end))
end)

describe("a semaphore", function()
  it("holds no more than there is", within(20, function()
    local sem, wg = gort.sync.semaphore(3), gort.sync.waitgroup()
    local inside, most = gort.sync.atomic(), gort.sync.atomic()
    for i = 1, 20 do
      wg:go(function()
        for _ = 1, 20 do
          local k = 1 + i % 3
          assert(sem:acquire(k) == true)
          local now = inside:add(k)
          if now > most:load() then most:store(now) end
          gort.runtime.yield()
          inside:add(-k)
          sem:release(k)
        end
      end)
    end
    wg:wait()
    assert.is_true(most:load() <= 3)
    assert.is_true(sem:try_acquire(3))
  end))

  it("takes one by default", function()
    local sem = gort.sync.semaphore(2)
    assert.is_true((sem:acquire()))
    assert.is_true(sem:try_acquire())
    assert.is_false(sem:try_acquire())
    sem:release()
    assert.is_true(sem:try_acquire(nil))
    assert.is_true(sem:try_acquire(0))
  end)

  it("waits up to a timeout or a context, and takes nothing then",
    within(5, function()
      local sem = gort.sync.semaphore(2)
      local ctx, cancel = gort.context.with_cancel(gort.context.background())
      sem:acquire()
      for _, t in ipairs { 0.01, 0, -1 } do
        assert.same({ false, "timeout" }, { sem:acquire(2, t) })
      end
      cancel()
      assert.same({ false, "context canceled" }, { sem:acquire(2, ctx) })
      assert.same({ false, "timeout" }, { sem:acquire(5, 0.005) })
      assert.is_true((sem:acquire(1, 0)))
    end))

  it("serves in order, the large ones too", within(5, function()
    local sem, log = gort.sync.semaphore(4), chan(10)
    sem:acquire(4)
    go(function()
      sem:acquire(3)
      log:send "large"
    end)
    tasks.until_parked(1, "semaphore.Acquire")
    go(function()
      sem:acquire(1)
      log:send "small"
    end)
    tasks.until_parked(2, "semaphore.Acquire")
    sem:release(2)
    assert.is_false(sem:try_acquire())
    assert.is_false((select(2, log:recv(0.01))))
    sem:release(1)
    assert.equal("large", (log:recv()))
    sem:release(1)
    assert.equal("small", (log:recv()))
  end))

  it("lets the next through when the first gives up", within(5, function()
    local sem, log = gort.sync.semaphore(4), chan(10)
    sem:acquire(3)
    go(function() log:send(select(2, sem:acquire(4, 0.05))) end)
    tasks.until_parked(1, "semaphore.Acquire")
    go(function()
      sem:acquire(1)
      log:send "small"
    end)
    local all = { (log:recv()), (log:recv()) }
    table.sort(all)
    assert.same({ "small", "timeout" }, all)
  end))

  it("is in nobody's way when it asks for too much", within(5, function()
    local sem = gort.sync.semaphore(2)
    local f = gort.async(function() return sem:acquire(3, 0.05) end)
    tasks.until_parked(1, "semaphore.Acquire")
    assert.is_true(sem:try_acquire(2))
    assert.same({ false, "timeout" }, { f:wait() })
  end))

  it("can be a case of a select", within(5, function()
    local sem = gort.sync.semaphore(1)
    assert.equal(1, (select { { recv = sem }, { recv = chan() } }))
    assert.equal("default", (select { { recv = sem }, default = true }))
    sem:release()
    assert.is_true(sem:try_acquire())
  end))

  it("refuses nonsense", function()
    local sem = gort.sync.semaphore(1)
    assert.equal("semaphore: released more than held",
      error_of(function() sem:release() end))
    sem:acquire()
    assert.has_error(function() sem:release(2) end)
    sem:release()
    for _, bad in ipairs { -1, 1.5, "x" } do
      assert.has_error(function() sem:acquire(bad) end)
      assert.has_error(function() sem:try_acquire(bad) end)
      assert.has_error(function() sem:release(bad) end)
      assert.has_error(function() gort.sync.semaphore(bad) end)
    end
    assert.has_error(function() gort.sync.semaphore() end)
    assert.is_true(gort.sync.semaphore(0):try_acquire(0))
  end)

  it("is one in every task", within(5, function()
    local sem = gort.sync.semaphore(1)
    assert.equal(sem, (tasks.by_channel(sem)))
    assert.matches("^semaphore: ", tostring(sem))
  end))
end)

describe("in a bound task", function()
  local function closing(fn)
    return setmetatable({}, { __close = fn })
  end

  -- Cancels once a task waits so: what its <close> variable sent.
  local function cancelled(reason, fn)
    local ctx, cancel = gort.context.with_cancel(gort.context.background())
    local log = chan(10)
    ctx:go(function() fn(log) end)
    tasks.until_parked(1, reason)
    cancel()
    return (log:recv())
  end

  it("a cond's wait ends with the mutex locked", within(5, function()
    local mu = gort.sync.mutex()
    local c = gort.sync.cond(mu)
    assert.equal("locked", cancelled("sync.Cond.Wait", function(log)
      local _ <close> = mu:guard()
      local _ <close> = closing(function()
        log:send(mu:try_lock() and "free" or "locked")
      end)
      c:wait()
      log:send "not reached"
    end))
    assert.is_true((mu:lock(2))) -- the guard has unlocked it
  end))

  it("a wait for a lock ends, and the lock goes to the next",
    within(5, function()
      local mu, sem = gort.sync.mutex(), gort.sync.semaphore(1)
      local rw = gort.sync.rwmutex()
      mu:lock()
      sem:acquire()
      rw:rlock()
      for reason, wait in pairs {
        ["sync.Mutex.Lock"] = function() mu:lock() end,
        ["semaphore.Acquire"] = function() sem:acquire() end,
        ["sync.RWMutex.Lock"] = function() rw:guard() end,
      } do
        assert.equal("left", cancelled(reason, function(log)
          local _ <close> = closing(function() log:send "left" end)
          wait()
          log:send "not reached"
        end))
      end
      mu:unlock()
      sem:release()
      assert.is_true(mu:try_lock())
      assert.is_true(sem:try_acquire())
      assert.is_true(rw:try_rlock())
    end))

  it("a wait for a call ends, and the call goes on", within(5, function()
    local gate = chan()
    local f = gort.async(function() return (gate:recv()) end)
    local once = gort.sync.once(function() return (gate:recv()) end)
    for _, wait in ipairs {
      function() f:wait() end,
      function() once() end,
    } do
      assert.equal("left", cancelled("future", function(log)
        local _ <close> = closing(function() log:send "left" end)
        wait()
      end))
      gate:send "result"
    end
    assert.equal("result", f:wait())
    assert.equal("result", once())
  end))
end)
