/* mutex.c - one task at a time.
 *
 * SPDX-License-Identifier: MIT
 *
 * Fair as Go's. Normally an unlock frees the lock and wakes the oldest waiter,
 * which has to compete: a task that runs may take the lock first, and need not
 * wait until a sleeper has got a processor. A waiter that has waited for longer
 * than STARVING gets the lock itself, handed over; so does one that selects.
 * A waiter that lost the competition goes back to the front of the queue with
 * the time at which it first came.
 *
 * Invariants (whenever the lock is free):
 *   I1. a claimable waiter is queued => locked or woken.
 *   I2. woken => one task has been claimed with ok false and has not called
 *       gort_mutex_resume yet.
 * A waiter's value is the time at which it came. */
#include "sched/sched.h"
#include "wait/waiter.h"

static const int64_t STARVING = 1000000; /* ns */

struct gort_mutex {
  gort_source src;
  /* Guarded by src.lock. */
  bool locked;
  bool woken;
  gort__link waiters;
};

static gort_mutex *mutex_of(gort_source *s) {
  return gort__container(s, gort_mutex, src);
}

static const gort_value yes = {.type = GORT_BOOLEAN, .u.b = true};

static bool take_locked(gort_mutex *mu, gort_result *res) {
  if (mu->locked) return false;
  mu->locked = true;
  res->status = 0;
  res->ok = true;
  res->value = yes;
  return true;
}

static int mutex_poll(gort_source *s, gort_op op, gort_value *value,
                      gort_result *res, gort__wakelist *wake) {
  (void)op, (void)value, (void)wake;
  return take_locked(mutex_of(s), res) ? 0 : GORT_PARKED;
}

static void mutex_enqueue(gort_source *s, gort_waiter *w) {
  gort_mutex *mu = mutex_of(s);
  if (w->value.type == GORT_INTEGER) {
    gort__list_push_front(&mu->waiters, &w->link);
  } else {
    w->value = (gort_value){.type = GORT_INTEGER, .u.i = gort_now()};
    gort__list_push(&mu->waiters, &w->link);
  }
}

static void mutex_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

/* It has waited for long enough, or cannot come again. */
static bool gets_the_lock(const gort_waiter *w) {
  return w->task->wait.selects || gort_now() - w->value.u.i > STARVING;
}

/* The lock has been let go: hands it over or wakes a competitor. */
static void pass_locked(gort_mutex *mu, gort__wakelist *wake) {
  gort_waiter *w;
  mu->locked = false;
  while ((w = gort__waiter_first(&mu->waiters))) {
    bool give = gets_the_lock(w);
    if (!give && mu->woken) return;
    gort__list_unlink(&w->link);
    if (!gort__waiter_claim(w)) continue;
    w->status = 0;
    w->ok = give;
    if (give) {
      w->value = yes;
      mu->locked = true;
    } else {
      mu->woken = true;
    }
    gort__wakelist_add(wake, w->task);
    return;
  }
}

static void mutex_destroy(gort_object *o) {
  gort_free(gort__container(o, gort_mutex, src.obj));
}

static const gort__source_ops mutex_source = {
    .poll = mutex_poll,
    .enqueue = mutex_enqueue,
    .dequeue = mutex_dequeue,
    .reason = {"sync.Mutex.Lock", "sync.Mutex.Lock"},
};
static const gort_class mutex_class = {"mutex", mutex_destroy, &mutex_source};

const gort_class *gort_mutex_class(void) { return &mutex_class; }

int gort_mutex_new(gort_mutex **out) {
  gort_mutex *mu = gort_malloc(sizeof *mu);
  if (!mu) return GORT_ENOMEM;
  gort__source_init(&mu->src, &mutex_class);
  mu->locked = mu->woken = false;
  gort__list_init(&mu->waiters);
  *out = mu;
  return 0;
}

int gort_mutex_lock(gort_task *self, gort_mutex *mu, const gort_limit *limit,
                    gort_result *res) {
  gort_value came = {.type = GORT_NIL};
  return gort_wait(self, &mu->src, GORT_RECV, &came, limit, res);
}

int gort_mutex_resume(gort_task *self, gort_mutex *mu, const gort_limit *limit,
                      gort_result *res) {
  gort_wait_finish(self, res);
  if (res->status != 0 || res->ok) return 0;
  gort_value came = res->value;
  /* First of all: should this task wait no more, an unlock must know that
   * nobody is on the way. */
  gort__lock_take(&mu->src.lock);
  mu->woken = false;
  bool taken = take_locked(mu, res);
  gort__lock_give(&mu->src.lock);
  if (taken) return 0;
  return gort_wait(self, &mu->src, GORT_RECV, &came, limit, res);
}

bool gort_mutex_try_lock(gort_mutex *mu) {
  gort__lock_take(&mu->src.lock);
  bool taken = !mu->locked;
  mu->locked = true;
  gort__lock_give(&mu->src.lock);
  return taken;
}

bool gort_mutex_is_locked(gort_mutex *mu) {
  gort__lock_take(&mu->src.lock);
  bool locked = mu->locked;
  gort__lock_give(&mu->src.lock);
  return locked;
}

int gort_mutex_unlock(gort_mutex *mu) {
  gort__wakelist wake = {0};
  gort__lock_take(&mu->src.lock);
  int rc = mu->locked ? 0 : GORT_EUNLOCKED;
  if (rc == 0) pass_locked(mu, &wake);
  gort__lock_give(&mu->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}
