/* wake.c - waking workers.
 *
 * SPDX-License-Identifier: MIT */
#include <sched.h>

#include "sched/runtime.h"

/* Takes a sleeping worker off the list; the caller tells it. */
static gort_worker *pop_idle_locked(gort *rt) {
  if (gort__list_empty(&rt->idle)) return NULL;
  gort__link *last = rt->idle.prev; /* its caches are the warmest */
  gort__list_unlink(last);
  return gort__container(last, gort_worker, idle);
}

static void tell(gort *rt, gort_worker *w, bool polls) {
  if (polls)
    gort__poller_kick(&rt->poller);
  else
    uv_sem_post(&w->sleep);
}

/* A worker to wake, ACTIVE and spinning from now on; *fresh: its thread is to
 * be started, *polls: it sleeps in the poller. NULL: no place, or no worker to
 * be had (*full tells which). */
static gort_worker *engage(gort *rt, bool *fresh, bool *polls, bool *full) {
  gort_worker *w = NULL;
  gort__lock_take(&rt->lock);
  *full = atomic_load(&rt->stopping) ||
          atomic_load(&rt->active) >= atomic_load(&rt->maxprocs);
  if (!*full) {
    w = pop_idle_locked(rt);
    *fresh = !w;
    if (!w) w = gort__worker_new_locked(rt);
  }
  if (w) {
    *polls = w->polls;
    w->spinning = true;
    atomic_store(&w->status, GORT_WORKER_ACTIVE);
    atomic_fetch_add(&rt->active, 1);
    atomic_store_explicit(&w->waker_cpu, sched_getcpu(), memory_order_relaxed);
    atomic_store(&w->awake, true);
  }
  gort__lock_give(&rt->lock);
  return w;
}

/* The thread could not be started: the others will do the work. */
static GORT_COLD void disengage(gort *rt, gort_worker *w) {
  gort__lock_take(&rt->lock);
  atomic_store(&w->status, GORT_WORKER_DEAD);
  atomic_fetch_sub(&rt->active, 1);
  gort__lock_give(&rt->lock);
  atomic_fetch_sub(&rt->spinning, 1);
}

/* more: up to maxprocs, though there are fewer processors. Both are read in each
 * round: they may have become fewer since. */
static bool has_place(const gort *rt, bool more) {
  unsigned places = more ? atomic_load(&rt->maxprocs) : gort__places(rt);
  return atomic_load(&rt->active) < places;
}

static void wake(gort *rt, bool more) {
  for (;;) {
    bool fresh = false, polls = false, full = false;
    unsigned none = 0;
    gort__fence();
    if (atomic_load(&rt->spinning) || !has_place(rt, more) ||
        !atomic_compare_exchange_strong(&rt->spinning, &none, 1))
      return;
    gort_worker *w = engage(rt, &fresh, &polls, &full);
    if (w) {
      atomic_fetch_add_explicit(&rt->wakeups, 1, memory_order_relaxed);
      gort__monitor_poke(rt);
      if (!fresh)
        tell(rt, w, polls);
      else if (gort__worker_start(w) < 0)
        disengage(rt, w);
      return;
    }
    atomic_fetch_sub(&rt->spinning, 1);
    /* Another submit may have seen this one's spinner, which was none; and
     * the place that was missing may be free by now. */
    if (!full || atomic_load(&rt->stopping) || !gort__sched_any(rt)) return;
  }
}

void gort__sched_wake(gort *rt) { wake(rt, false); }

void gort__sched_wake_more(gort *rt) { wake(rt, true); }
