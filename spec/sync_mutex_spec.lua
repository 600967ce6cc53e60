-- gort.sync.mutex and gort.sync.rwmutex.
-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local tasks = require "spec.support.tasks"
local run = require "spec.support.run"
local within = require "spec.support.within"

local error_of = tasks.error_of
local time = gort.time

describe("a mutex", function()
  it("lets one in at a time", within(20, function()
    local mu, n, wg = gort.sync.mutex(), gort.sync.atomic(),
      gort.sync.waitgroup()
    for _ = 1, 20 do
      wg:go(function()
        for i = 1, 100 do
          assert(mu:lock() == true)
          local before = n:load()
          if i % 10 == 0 then gort.runtime.yield() end
          n:store(before + 1)
          mu:unlock()
        end
      end)
    end
    wg:wait()
    assert.equal(2000, n:load())
  end))

  it("is an error to unlock when it is not locked", function()
    local mu = gort.sync.mutex()
    assert.equal("unlock of unlocked mutex",
      error_of(function() mu:unlock() end))
    mu:lock()
    mu:unlock()
    assert.matches("unlocked", error_of(function() mu:unlock() end))
    assert.is_true(mu:try_lock())
  end)

  it("belongs to no task", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    go(function() mu:unlock() end)
    assert.is_true((mu:lock()))
  end))

  it("waits up to a timeout or a context", within(5, function()
    local mu = gort.sync.mutex()
    local ctx, cancel = gort.context.with_cancel(gort.context.background())
    assert.same({ true }, { mu:lock(0) })
    for _, t in ipairs { 0.01, 0, -1 } do
      assert.same({ false, "timeout" }, { mu:lock(t) })
      assert.same({ false, "timeout" }, { mu:guard(t) })
    end
    go(function()
      time.sleep(0.01)
      cancel()
    end)
    assert.same({ false, "context canceled" }, { mu:lock(ctx) })
    assert.same({ false, "context canceled" }, { mu:guard(ctx) })
    mu:unlock()
    assert.same({ true }, { mu:lock(ctx) }) -- what can be done is done
    assert.has_error(function() mu:lock "x" end)
    assert.has_error(function() mu:lock(0 / 0) end)
  end))

  it("tries without waiting", function()
    local mu = gort.sync.mutex()
    assert.is_true(mu:try_lock())
    assert.is_false(mu:try_lock())
    mu:unlock()
    assert.is_true(mu:try_lock())
  end)

  it("is one in every task", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    local same = tasks.by_channel(mu)
    assert.equal(mu, same)
    assert.is_false(same:try_lock())
    assert.matches("^mutex: ", tostring(mu))
  end))

  it("can be a case of a select", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    assert.equal(2, (select { { recv = mu }, { after = 0.005 } }))
    go(function()
      time.sleep(0.005)
      mu:unlock()
    end)
    assert.equal("got it", (select {
      { recv = mu, function() return "got it" end },
      { recv = chan() },
    }))
    assert.is_false(mu:try_lock())
  end))

  it("starves nobody", within(20, function()
    local mu, stop = gort.sync.mutex(), chan()
    for _ = 1, 3 do
      go(function()
        while not stop:try_recv() do
          mu:lock()
          for _ = 1, 10000 do end
          mu:unlock()
        end
      end)
    end
    for _ = 1, 10 do
      time.sleep(0.001)
      mu:lock()
      mu:unlock()
    end
    stop:close()
  end))

  it("goes from one who gave up to the next", within(30, function()
    local mu, wg, n = gort.sync.mutex(), gort.sync.waitgroup(),
      gort.sync.atomic()
    for i = 1, 30 do
      wg:go(function()
        for j = 1, 50 do
          if mu:lock((i + j) % 3 > 0 and (j % 5) * 1e-4 or nil) then
            if n:add(1) ~= 1 then error "not alone" end
            if j % 7 == 0 then gort.runtime.yield() end
            n:add(-1)
            mu:unlock()
          end
        end
      end)
    end
    wg:wait()
    assert.is_true(mu:try_lock())
  end))

  it("may be waited for inside a coroutine", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    go(function() mu:unlock() end)
    local co = coroutine.wrap(function()
      mu:lock()
      coroutine.yield "locked"
    end)
    assert.equal("locked", co())
  end))

  it("says what is in the way where nothing can wait", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    assert.matches("cannot block inside a function called by 'table.sort'",
      error_of(table.sort, { 2, 1 }, function() mu:lock() end))
  end))

  it("shows in a deadlock report", function()
    local r = run [[
      local mu = gort.sync.mutex()
      mu:lock()
      mu:lock()]]
    assert.matches("all tasks are asleep", r.err)
    assert.matches("%[sync.Mutex.Lock", r.err)
    assert.equal(2, r.status)
  end)

  it("takes no arguments of another kind", function()
    local mu = gort.sync.mutex()
    assert.matches("mutex expected", error_of(function() mu.lock(chan()) end))
    assert.has_error(function() mu.unlock() end)
  end)
end)

describe("a guard", function()
  it("unlocks at the end of its block", within(5, function()
    local mu = gort.sync.mutex()
    do
      local _ <close> = mu:guard()
      assert.is_false(mu:try_lock())
    end
    assert.is_true(mu:try_lock())
    mu:unlock()
    assert.is_false(pcall(function()
      local _ <close> = mu:guard()
      error "out of here"
    end))
    assert.is_true(mu:try_lock())
  end))

  it("unlocks when its task fails", within(5, function()
    local mu = gort.sync.mutex()
    local f = gort.async(function()
      local _ <close> = mu:guard()
      error "failed"
    end)
    assert.is_false(pcall(f.wait, f))
    assert.is_true((mu:lock(1)))
  end))

  it("waits for the lock", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    go(function()
      time.sleep(0.005)
      mu:unlock()
    end)
    local g <close> = mu:guard()
    assert.matches("^mutex guard: ", tostring(g))
  end))

  it("is nothing to close when the lock was not got", within(5, function()
    local mu = gort.sync.mutex()
    mu:lock()
    do
      local g <close>, err = mu:guard(0)
      assert.is_false(g)
      assert.equal("timeout", err)
    end
    assert.is_false(mu:try_lock())
  end))
end)

describe("an rwmutex", function()
  it("is for many readers or one writer", within(5, function()
    local rw = gort.sync.rwmutex()
    assert.is_true((rw:rlock()))
    assert.is_true((rw:rlock()))
    assert.is_true(rw:try_rlock())
    assert.is_false(rw:try_lock())
    assert.same({ false, "timeout" }, { rw:lock(0.005) })
    for _ = 1, 3 do rw:runlock() end
    assert.is_true((rw:lock()))
    assert.is_false(rw:try_lock())
    assert.is_false(rw:try_rlock())
    assert.same({ false, "timeout" }, { rw:rlock(0.005) })
    rw:unlock()
    assert.is_true(rw:try_rlock())
  end))

  it("refuses what is not locked so", function()
    local rw = gort.sync.rwmutex()
    assert.matches("unlock of unlocked rwmutex",
      error_of(function() rw:unlock() end))
    assert.matches("runlock of unlocked rwmutex",
      error_of(function() rw:runlock() end))
    rw:rlock()
    assert.matches("unlocked rwmutex: it is locked for reading",
      error_of(function() rw:unlock() end))
    rw:runlock()
    rw:lock()
    assert.matches("unlocked", error_of(function() rw:runlock() end))
    rw:unlock()
  end)

  it("lets a waiting writer in before new readers", within(5, function()
    local rw, log = gort.sync.rwmutex(), chan(10)
    rw:rlock()
    go(function()
      rw:lock()
      log:send "writer"
      rw:unlock()
    end)
    tasks.until_parked(1, "sync.RWMutex.Lock")
    assert.is_false(rw:try_rlock())
    go(function()
      rw:rlock()
      log:send "reader"
      rw:runlock()
    end)
    tasks.until_parked(1, "sync.RWMutex.RLock")
    rw:runlock()
    assert.equal("writer", (log:recv()))
    assert.equal("reader", (log:recv()))
  end))

  it("lets readers in when the waiting writer leaves", within(5, function()
    local rw, log = gort.sync.rwmutex(), chan(10)
    rw:rlock()
    go(function() log:send(select(2, rw:lock(0.05))) end)
    tasks.until_parked(1, "sync.RWMutex.Lock")
    go(function()
      rw:rlock()
      log:send "reader"
    end)
    local all = { (log:recv()), (log:recv()) }
    table.sort(all)
    assert.same({ "reader", "timeout" }, all)
  end))

  it("has guards of both kinds", within(5, function()
    local rw = gort.sync.rwmutex()
    do
      local a <close> = rw:rguard()
      local b <close> = rw:rguard(1)
      assert.matches("^rwmutex read guard", tostring(a))
      assert.equal(a, b)
      assert.is_false(rw:try_lock())
      local c <close>, err = rw:guard(0)
      assert.is_false(c)
      assert.equal("timeout", err)
    end
    do
      local _ <close> = rw:guard()
      assert.is_false(rw:try_rlock())
    end
    assert.is_true(rw:try_lock())
  end))

  it("keeps readers and writers apart", within(20, function()
    local rw, wg = gort.sync.rwmutex(), gort.sync.waitgroup()
    local readers, writers = gort.sync.atomic(), gort.sync.atomic()
    for i = 1, 20 do
      wg:go(function()
        for j = 1, 50 do
          if (i + j) % 4 == 0 then
            local _ <close> = rw:guard()
            if writers:add(1) ~= 1 or readers:load() ~= 0 then
              error "a writer is not alone"
            end
            gort.runtime.yield()
            writers:add(-1)
          else
            local _ <close> = rw:rguard()
            readers:add(1)
            if writers:load() ~= 0 then error "a reader beside a writer" end
            gort.runtime.yield()
            readers:add(-1)
          end
        end
      end)
    end
    wg:wait()
    assert.is_true(rw:try_lock())
  end))

  it("is no case of a select: it has two sides", function()
    assert.matches("cannot receive from an rwmutex", error_of(function()
      select { { recv = gort.sync.rwmutex() }, default = true }
    end))
  end)
end)
