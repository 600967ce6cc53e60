/* worker.c - a worker's life: search, spin, sleep.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sched/meet.h"
#include "sched/runtime.h"
#include "sched/steal.h"
#include "sched/turn.h"

enum {
  TIMER_TURN = 8,    /* every so many searches: a look at the timers */
  SPIN_PAUSES = 128, /* between two searches of a worker that looks around */
};

/* How long a worker looks around before it sleeps: about what it costs to wake
 * it. Not a number of pauses, whose length differs tenfold between machines. */
static const int64_t SPIN_NS = 40000;

_Thread_local gort_worker *gort__self
    __attribute__((tls_model("initial-exec")));

/* ---- its place --------------------------------------------------------- */

GORT_COLD bool gort__worker_regain_place(gort_worker *w) {
  gort *rt = w->rt;
  gort__lock_take(&rt->lock);
  bool free_place = atomic_load(&rt->active) < atomic_load(&rt->maxprocs);
  if (free_place) {
    atomic_fetch_sub(&rt->blocked, 1);
    atomic_store(&w->status, GORT_WORKER_ACTIVE);
    atomic_fetch_add(&rt->active, 1);
  }
  gort__lock_give(&rt->lock);
  if (free_place) gort__monitor_poke(rt);
  return free_place;
}

bool gort__worker_block_locked(gort_worker *w) {
  gort *rt = w->rt;
  if (atomic_load(&w->status) != GORT_WORKER_ACTIVE) return false;
  atomic_store(&w->status, GORT_WORKER_BLOCKED);
  atomic_fetch_add(&rt->blocked, 1);
  atomic_fetch_sub(&rt->active, 1);
  return true;
}

/* ---- searching and sleeping -------------------------------------------- */

static void stop_spinning(gort_worker *w, bool fruitful) {
  gort *rt = w->rt;
  unsigned quiet = atomic_load_explicit(&rt->quiet, memory_order_relaxed);
  /* One find may be chance: a worker that lost its processor for a moment. */
  quiet = fruitful ? quiet / 8 : quiet * 2 + 1;
  if (quiet > GORT_MAX_QUIET) quiet = GORT_MAX_QUIET;
  atomic_store_explicit(&rt->quiet, quiet, memory_order_relaxed);
  atomic_fetch_sub(&rt->spinning, 1);
  /* Whoever submitted while this worker was the one that spun woke nobody; what
   * they submitted is to be seen by now, as before a sleep (P1 to P3). */
  gort__fence();
  if (fruitful && gort__steal_offers(w)) gort__sched_wake(rt);
}

/* Whoever woke this worker, or a thread of the host that works with this runtime,
 * may wait for the processor that it is on: it gets it, or nothing ever comes
 * while this one looks. */
static void pause_spinning(gort_worker *w) {
  int cpu = sched_getcpu();
  if (cpu == atomic_load_explicit(&w->waker_cpu, memory_order_relaxed) ||
      cpu == atomic_load_explicit(&w->rt->outside_cpu, memory_order_relaxed)) {
    sched_yield();
    return;
  }
  for (int j = 0; j < SPIN_PAUSES; j++) gort__pause();
}

/* Looks around for a while before it sleeps: work often comes at once. */
static bool spin(gort_worker *w, gort__work *out) {
  gort *rt = w->rt;
  if (!w->spinning) {
    unsigned none = 0;
    if (!atomic_compare_exchange_strong(&rt->spinning, &none, 1)) return false;
    w->spinning = true;
  }
  int64_t until = gort_now() + SPIN_NS;
  do {
    if (atomic_load_explicit(&rt->stopping, memory_order_relaxed)) return false;
    gort__timers_fire_due(rt);
    if (gort__sched_find(w, out)) return true;
    pause_spinning(w);
  } while (gort_now() < until);
  return false;
}

/* Takes a place back after a last look showed work; false: none is free. */
static bool rejoin(gort_worker *w) {
  gort *rt = w->rt;
  gort__lock_take(&rt->lock);
  if (!gort__link_listed(&w->idle)) { /* somebody has just woken it */
    gort__lock_give(&rt->lock);
    return false;
  }
  bool free_place = atomic_load(&rt->active) < gort__places(rt);
  if (free_place) {
    gort__list_unlink(&w->idle);
    atomic_store(&w->status, GORT_WORKER_ACTIVE);
    atomic_fetch_add(&rt->active, 1);
    /* As a spinner: when it finds work it wakes the next worker. */
    atomic_fetch_add(&rt->spinning, 1);
    w->spinning = true;
  }
  gort__lock_give(&rt->lock);
  if (free_place) gort__monitor_poke(rt);
  return free_place;
}

/* Waits in the poller, then fires what is due. */
static void poll_once(gort_worker *w) {
  gort *rt = w->rt;
  int64_t until = gort__timers_next(&rt->timers);
  atomic_store(&rt->poller.until, until);
  /* A timer armed in between would be slept over. */
  int64_t now_next = gort__timers_next(&rt->timers);
  gort__poller_wait(&rt->poller, now_next < until ? now_next : until);
  atomic_store(&rt->poller.until, GORT_FOREVER);
  atomic_store_explicit(&rt->monitor.now, gort_now(), memory_order_relaxed);
  gort__timers_fire_due(rt);
}

/* Another worker polls: it must not sleep past the next timer. */
static void check_poller(gort *rt) {
  gort__fence();
  if (gort__timers_next(&rt->timers) < atomic_load(&rt->poller.until))
    gort__poller_kick(&rt->poller);
}

static void sleep_until_woken(gort_worker *w) {
  gort *rt = w->rt;
  while (!atomic_load(&w->awake) && !atomic_load(&rt->stopping)) {
    gort__lock_take(&rt->lock);
    bool poll = !atomic_load(&w->awake) && !rt->poller.polling;
    if (poll) rt->poller.polling = w->polls = true;
    gort__lock_give(&rt->lock);
    if (!poll) {
      check_poller(rt);
      uv_sem_wait(&w->sleep);
      continue;
    }
    poll_once(w);
    gort__lock_take(&rt->lock);
    rt->poller.polling = w->polls = false;
    gort__lock_give(&rt->lock);
    if (gort__sched_any_for(rt, w) && rejoin(w)) return;
    /* What ended the wait may have been the end of the last hope. */
    if (!atomic_load(&w->awake)) gort__deadlock_check(rt);
  }
}

/* Gives the place back and sleeps; returns active, or when stopping. */
static void go_idle(gort_worker *w) {
  gort *rt = w->rt;
  bool spun = w->spinning;
  w->spinning = false; /* from the list on, only a waker sets it */
  gort__lock_take(&rt->lock);
  atomic_store(&w->awake, false);
  unsigned status = atomic_load(&w->status);
  if (status == GORT_WORKER_ACTIVE) atomic_fetch_sub(&rt->active, 1);
  if (status == GORT_WORKER_BLOCKED) atomic_fetch_sub(&rt->blocked, 1);
  atomic_store(&w->status, GORT_WORKER_IDLE);
  gort__list_push(&rt->idle, &w->idle);
  gort__lock_give(&rt->lock);
  if (spun) stop_spinning(w, false);
  gort__fence();
  if (!(gort__sched_any_for(rt, w) && rejoin(w)) &&
      !atomic_load(&rt->stopping)) {
    /* No place is free: others must find what this worker leaves behind. */
    gort__sched_spill(rt, w);
    gort__deadlock_check(rt);
    sleep_until_woken(w);
  }
}

/* More workers are active than maxprocs allows now. */
static bool over_limit(gort_worker *w) {
  gort *rt = w->rt;
  return atomic_load_explicit(&w->status, memory_order_relaxed) !=
             GORT_WORKER_ACTIVE ||
         GORT_UNLIKELY(atomic_load(&rt->active) > atomic_load(&rt->maxprocs));
}

void gort__worker_loop(gort_worker *w, gort_record *first) {
  gort *rt = w->rt;
  gort__self = w;
  gort__meet_begin(w);
  w->signal_to = pthread_self();
  gort__work work = {gort_vm_main(rt), first};
  /* Vm 0 was made RUNNING, for the first worker. */
  if (w->index == 0) gort__turn_run(w, work);
  while (!atomic_load_explicit(&rt->stopping, memory_order_relaxed)) {
    if (over_limit(w)) {
      go_idle(w);
      continue;
    }
    int64_t since = 0;
    /* Nobody may have slept or yielded for long: vms that wake each other. */
    if (w->searches % TIMER_TURN == 0) gort__timers_fire_due(rt);
    bool found = gort__sched_find(w, &work);
    if (!found) {
      since = gort_now();
      found = spin(w, &work);
    }
    if (!found) go_idle(w);
    if (since) gort__meet_pause(w, gort_now() - since);
    if (!found) continue;
    if (w->spinning) {
      w->spinning = false;
      stop_spinning(w, true);
    }
    gort__turn_run(w, work);
  }
  gort__self = NULL;
  gort__meet_begin(NULL);
  atomic_store_explicit(&w->inside, false, memory_order_release);
}

/* ---- threads ----------------------------------------------------------- */

static void worker_main(void *arg) {
  gort_worker *w = arg;
  /* Not the mask of whoever started it, which may be the monitor: children
   * of the script's inherit this one. */
  pthread_sigmask(SIG_SETMASK, &w->rt->signals, NULL);
  gort__worker_loop(w, NULL);
}

gort_worker *gort__worker_new_locked(gort *rt) {
  unsigned index = atomic_load(&rt->nworkers);
  if (index >= GORT_MAX_WORKERS) return NULL;
  gort_worker *w = gort__malloc_aligned(sizeof *w);
  if (!w) return NULL;
  memset(w, 0, sizeof *w);
  if (uv_sem_init(&w->sleep, 0) < 0) {
    gort__free_aligned(w);
    return NULL;
  }
  w->rt = rt;
  w->index = index;
  atomic_init(&w->waker_cpu, -1);
  gort__rand_init(&w->rand, (uint64_t)gort_now() + index);
  atomic_init(&w->sent, NULL);
  gort__ring_init(&w->vms);
  gort__ring_init(&w->records);
  atomic_store_explicit(&rt->workers[index], w, memory_order_release);
  atomic_store(&rt->nworkers, index + 1);
  return w;
}

int gort__worker_start(gort_worker *w) {
  uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                 .stack_size = 8 << 20};
  atomic_store_explicit(&w->inside, true, memory_order_relaxed);
  int rc = uv_thread_create_ex(&w->thread, &options, worker_main, w);
  if (rc == 0)
    w->has_thread = true;
  else
    atomic_store_explicit(&w->inside, false, memory_order_relaxed);
  return rc;
}

void gort__worker_free(gort_worker *w) {
  uv_sem_destroy(&w->sleep);
  gort__free_aligned(w);
}
