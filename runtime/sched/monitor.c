/* monitor.c - preemption, hand-off, and timers while all are busy.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/monitor.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "sched/runtime.h"

static const int64_t MS = 1000000;
enum {
  SLICE_MS = 10,
  HURRIED_MS = 4, /* a slice while a task that computes is to end ... */
  HURRY_MS = 100, /* ... for that long after its context has */
  HANDOFF_MS = 20,
  IDLE_TICKS = 20
};

/* ---- preemption: in the signal handler --------------------------------- */

static void on_signal(int signo) {
  (void)signo;
  gort_worker *w = gort__self;
  if (!w) return;
  gort_vm *vm = atomic_load_explicit(&w->vm, memory_order_relaxed);
  unsigned tick = atomic_load_explicit(&w->tick, memory_order_relaxed);
  /* A late signal, meant for an earlier step, is ignored. */
  if (vm && vm->current && !gort__task_is_work(vm->current) &&
      atomic_load_explicit(&w->preempt, memory_order_acquire) == tick)
    vm->rt->options.ops->preempt(vm);
}

static void install(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&sa.sa_mask);
  sigaction(SIGURG, &sa, NULL);
}

int gort__preempt_install(void) {
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, install);
  return 0;
}

/* ---- the thread -------------------------------------------------------- */

/* The worker has sat in one step for too long: another may take its place.
 * It finds out when the step ends (worker.c). */
static void hand_off(gort *rt, gort_worker *w, unsigned tick) {
  gort__lock_take(&rt->lock);
  bool same = atomic_load_explicit(&w->tick, memory_order_relaxed) == tick;
  bool done = same && gort__worker_block_locked(w);
  gort__lock_give(&rt->lock);
  if (!done) return;
  atomic_fetch_add_explicit(&rt->handoffs, 1, memory_order_relaxed);
  gort__sched_spill(rt, w);
  if (gort__sched_any(rt)) gort__sched_wake(rt);
}

/* True when the worker has been in one step for a tick. */
static bool look_at(gort *rt, gort_worker *w, int64_t now) {
  unsigned tick = atomic_load_explicit(&w->tick, memory_order_relaxed);
  gort_vm *vm = atomic_load_explicit(&w->vm, memory_order_acquire);
  if (!vm || tick != w->seen_tick || !w->seen_at) {
    w->seen_tick = tick;
    w->seen_at = now;
    w->signalled = false;
    return false;
  }
  int64_t ran = now - w->seen_at;
  int64_t hurry =
      atomic_load_explicit(&rt->monitor.hurry, memory_order_relaxed);
  int64_t slice = (now < hurry ? HURRIED_MS : SLICE_MS) * MS;
  if (ran >= slice && rt->options.preempt && !vm->solo) {
    /* Again on each tick: the first may have come between two C calls that
     * a hook cannot interrupt, or been taken over by the script's hook. */
    atomic_store_explicit(&w->preempt, tick, memory_order_release);
    pthread_kill(w->signal_to, SIGURG);
    if (!w->signalled)
      atomic_fetch_add_explicit(&rt->preempts, 1, memory_order_relaxed);
    w->signalled = true;
  }
  if (ran >= HANDOFF_MS * MS) hand_off(rt, w, tick);
  return true;
}

static void tick(gort *rt) {
  int64_t now = gort_now();
  bool stuck = false;
  atomic_store_explicit(&rt->monitor.now, now, memory_order_relaxed);
  unsigned n = atomic_load_explicit(&rt->nworkers, memory_order_acquire);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w =
        atomic_load_explicit(&rt->workers[i], memory_order_acquire);
    if (w) stuck |= look_at(rt, w, now);
  }
  gort__gather_tick(rt, now);
  gort__lock_take(&rt->lock);
  bool polling = rt->poller.polling;
  gort__lock_give(&rt->lock);
  if (!polling) {
    gort__timers_fire_due(rt);
    gort__poller_look(&rt->poller);
  } else if (gort__timers_next(&rt->timers) < atomic_load(&rt->poller.until)) {
    gort__poller_kick(&rt->poller); /* armed by a worker that is busy since */
  }
  /* Work that its worker did not come to while another place is free. */
  if (atomic_load(&rt->active) <
          (stuck ? atomic_load(&rt->maxprocs) : gort__places(rt)) &&
      gort__sched_any_for(rt, NULL))
    gort__sched_wake_more(rt);
}

/* A worker in a long C call needs the monitor: nobody may be polling. */
static bool all_idle(gort *rt) {
  return atomic_load(&rt->active) == 0 && atomic_load(&rt->blocked) == 0;
}

static void sleep_a_tick(gort *rt, unsigned *idle) {
  gort__monitor *m = &rt->monitor;
  *idle = all_idle(rt) ? *idle + 1 : 0;
  uv_mutex_lock(&m->mutex);
  if (atomic_load(&rt->stopping)) {
    /* no sleep */
  } else if (*idle >= IDLE_TICKS) {
    atomic_store(&m->asleep, true);
    while (all_idle(rt) && !atomic_load(&rt->stopping))
      uv_cond_wait(&m->cond, &m->mutex);
    atomic_store(&m->asleep, false);
    atomic_store_explicit(&m->now, gort_now(), memory_order_relaxed);
    *idle = 0;
  } else {
    int64_t wait = GORT_TICK_NS;
    int64_t due = gort__timers_next(&rt->timers) - gort_now();
    if (due < wait) wait = due < MS / 2 ? MS / 2 : due;
    uv_cond_timedwait(&m->cond, &m->mutex, (uint64_t)wait);
  }
  uv_mutex_unlock(&m->mutex);
}

static void monitor_main(void *arg) {
  gort *rt = arg;
  unsigned idle = 0;
  while (!atomic_load(&rt->stopping)) {
    tick(rt);
    sleep_a_tick(rt, &idle);
  }
  /* Whoever stops may not wait, or be the one that computes. */
  while (rt->options.preempt && gort__stop_urge(rt, atomic_load(&rt->stopper)))
    nanosleep(&(struct timespec){.tv_nsec = 2 * MS}, NULL);
}

int gort__monitor_init(gort__monitor *m) {
  atomic_init(&m->started, 0);
  atomic_init(&m->asleep, false);
  atomic_init(&m->now, gort_now());
  atomic_init(&m->hurry, 0);
  int rc = uv_mutex_init(&m->mutex);
  if (rc < 0) return rc;
  rc = uv_cond_init(&m->cond);
  if (rc < 0) uv_mutex_destroy(&m->mutex);
  return rc;
}

void gort__monitor_start(gort *rt) {
  unsigned no = 0;
  if (atomic_load_explicit(&rt->monitor.started, memory_order_relaxed) ||
      atomic_load(&rt->stopping))
    return;
  if (!atomic_compare_exchange_strong(&rt->monitor.started, &no, 1)) return;
  /* The signals of the program are for the program's own threads. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  if (uv_thread_create(&rt->monitor.thread, monitor_main, rt) < 0)
    atomic_store(&rt->monitor.started, 0); /* the next task tries again */
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void gort__monitor_join(gort *rt) {
  gort__monitor_poke(rt);
  if (atomic_load(&rt->monitor.started)) uv_thread_join(&rt->monitor.thread);
}

void gort__monitor_fini(gort__monitor *m) {
  uv_cond_destroy(&m->cond);
  uv_mutex_destroy(&m->mutex);
}

void gort__monitor_poke(gort *rt) {
  gort__monitor *m = &rt->monitor;
  if (!atomic_load(&m->asleep) && !atomic_load(&rt->stopping)) return;
  uv_mutex_lock(&m->mutex);
  uv_cond_signal(&m->cond);
  uv_mutex_unlock(&m->mutex);
}

void gort__monitor_hurry(gort *rt) {
  atomic_store_explicit(&rt->monitor.hurry, gort_now() + HURRY_MS * MS,
                        memory_order_relaxed);
}

uint32_t gort__since_now(gort *rt) {
  return (uint32_t)(gort__monitor_now(rt) >> GORT_SINCE_BITS);
}

int64_t gort__monitor_now(gort *rt) {
  return atomic_load_explicit(&rt->monitor.now, memory_order_relaxed);
}
