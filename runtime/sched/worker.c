/* worker.c - a worker's life: search, run, spin, sleep.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctx/bond.h"
#include "sched/loop.h"
#include "sched/meet.h"
#include "sched/runtime.h"
#include "sched/steal.h"

enum {
  SLICE = 64,        /* steps in one vm before others get a turn */
  TIMER_TURN = 8,    /* every so many searches: a look at the timers */
  SPIN_PAUSES = 128, /* between two searches of a worker that looks around */
};

/* How long a worker looks around before it sleeps: about what it costs to wake
 * it. Not a number of pauses, whose length differs tenfold between machines. */
static const int64_t SPIN_NS = 40000;

_Thread_local gort_worker *gort__self
    __attribute__((tls_model("initial-exec")));

/* ---- running a vm ------------------------------------------------------ */

static void add_one(_Atomic uint64_t *counter) {
  atomic_store_explicit(counter,
                        atomic_load_explicit(counter, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

static void end_step(gort_worker *w) {
  atomic_store_explicit(&w->takes, gort__lock_self.takes, memory_order_relaxed);
  atomic_store_explicit(
      &w->tick, atomic_load_explicit(&w->tick, memory_order_relaxed) + 1,
      memory_order_relaxed);
}

static void finished(gort_worker *w, gort_vm *vm, gort_task *t) {
  add_one(&w->finished);
  atomic_store_explicit(&vm->live, vm->n_live -= 1, memory_order_relaxed);
  bool was_main = t == w->rt->main_task;
  gort__task_free(vm, t);
  if (was_main) gort__main_ended(w->rt);
}

/* How the step ended, and what it left behind. */
static GORT_ALWAYS_INLINE gort_step after_step(gort_worker *w, gort_vm *vm,
                                               gort_task *t, int status) {
  gort_step step = w->rt->options.ops->stopped(vm, t, status);
  vm->current = NULL;
  end_step(w);
  if (step == GORT_STEP_PARKED) {
    atomic_store_explicit(&vm->parked, vm->n_parked += 1, memory_order_relaxed);
    t->wait.counted = true;
    t->wait.since = gort__since_now(w->rt);
  } else if (step != GORT_STEP_FINISHED) {
    gort__runq_push(&vm->turnq, &t->node);
  } else {
    finished(w, vm, t);
  }
  return step;
}

/* Both are in line in run_vm: see start in gort_vm_ops. */
static GORT_ALWAYS_INLINE gort_step run_task(gort_worker *w, gort_vm *vm,
                                             gort_task *t) {
  vm->current = t;
  if (GORT_UNLIKELY(gort__task_is_work(t))) {
    t->call(vm, t);
    vm->current = NULL;
    end_step(w);
    return GORT_STEP_FINISHED;
  }
  if (t->wait.counted) {
    atomic_store_explicit(&vm->parked, vm->n_parked -= 1, memory_order_relaxed);
    t->wait.counted = false;
  }
  return after_step(w, vm, t, w->rt->options.ops->resume(vm, t));
}

static GORT_ALWAYS_INLINE gort_step start_record(gort_worker *w, gort_vm *vm,
                                                 gort_record *r) {
  gort_task *t = gort__task_new(vm, r->id);
  if (GORT_UNLIKELY(!t)) {
    gort__sched_fail(w, r, GORT_ENOMEM);
    return GORT_STEP_FINISHED;
  }
  if (vm->index == 0 && !w->rt->serves) w->rt->main_task = t;
  vm->current = t;
  atomic_store_explicit(&vm->live, vm->n_live += 1, memory_order_relaxed);
  if (GORT_UNLIKELY(r->bond != NULL)) {
    gort__bond_start(t, r->bond);
    r->bond = NULL;
  }
  return after_step(w, vm, t, w->rt->options.ops->start(vm, t, r));
}

gort_step gort__worker_run(gort_worker *w, gort_vm *vm, gort_task *t) {
  return run_task(w, vm, t);
}

gort_step gort__worker_start_record(gort_worker *w, gort_vm *vm,
                                    gort_record *r) {
  return start_record(w, vm, r);
}

/* The step took so long that another has this worker's place: takes one back
 * if there is one. Else the worker still counts as blocked, and so keeps the
 * program from looking deadlocked, until it has put its vm down. */
static GORT_COLD bool regain_place(gort_worker *w) {
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

static bool lost_place(gort_worker *w) {
  return GORT_UNLIKELY(atomic_load_explicit(&w->status, memory_order_acquire) ==
                       GORT_WORKER_BLOCKED) &&
         !regain_place(w);
}

static void fire_timers(gort *rt) {
  if (gort__timers_next(&rt->timers) == GORT_FOREVER) return;
  int64_t now = gort_now();
  if (gort__timers_next(&rt->timers) <= now) gort__timers_fire(rt, now);
}

static void hold(gort_worker *w, gort_vm *vm) {
  atomic_store_explicit(&vm->holder, w->index, memory_order_relaxed);
  atomic_store_explicit(&w->vm, vm, memory_order_release);
}

void gort__worker_let_go(gort_worker *w, gort_vm *vm) {
  atomic_store_explicit(&w->vm, NULL, memory_order_relaxed);
  atomic_store(&vm->state_now, GORT_VM_QUEUED);
}

void gort__worker_put_down(gort_worker *w, gort_vm *vm, bool fair) {
  gort__worker_let_go(w, vm);
  gort__sched_queue_vm(w->rt, w, vm, fair);
}

/* Whether the vm should be put down after this step, and that done. */
static bool others_turn(gort_worker *w, gort_vm *vm, gort_step step) {
  fire_timers(w->rt);
  if (vm->loop) gort__loop_poll(vm);
  if (!gort__sched_others(w)) return false;
  if (step == GORT_STEP_GAVE_WAY) {
    gort__worker_let_go(w, vm);
    gort__sched_give_way(w, vm);
  } else if (!gort__sched_gives_way(w)) {
    gort__worker_put_down(w, vm, step == GORT_STEP_YIELDED);
  } else {
    return false;
  }
  /* Somebody asleep may take what this worker leaves behind. */
  if (gort__steal_offers(w)) gort__sched_wake(w->rt);
  return true;
}

/* Leaves a vm without ready tasks; false when some arrived meanwhile. */
bool gort__worker_leave_vm(gort_worker *w, gort_vm *vm) {
  if (GORT_UNLIKELY(vm->loop != NULL) && !vm->loop_polled) {
    vm->loop_polled = true;
    gort__loop_poll(vm);
    return false; /* what the loop readied comes first */
  }
  vm->loop_polled = false;
  atomic_store_explicit(&w->vm, NULL, memory_order_relaxed);
  atomic_store(&vm->state_now, GORT_VM_IDLE);
  if (gort__inbox_empty(&vm->inbox) ||
      !gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_RUNNING))
    return true;
  atomic_store_explicit(&w->vm, vm, memory_order_release);
  return false;
}

/* The same where the worker has a partner for it: what its exchange costs is
 * paid already. Others may have the vm when this returns. */
static GORT_ALWAYS_INLINE gort_vm *leave_for_partner(gort_worker *w,
                                                     gort_vm *vm) {
  atomic_store_explicit(&w->vm, NULL, memory_order_relaxed);
  atomic_store_explicit(&vm->state_now, GORT_VM_IDLE, GORT_BEFORE_EXCHANGE);
  gort_vm *partner = gort__sched_take_partner(w);
  if (GORT_UNLIKELY(!gort__inbox_empty(&vm->inbox)) &&
      gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_QUEUED)) {
    gort__sched_queue_vm(w->rt, w, vm, false);
    if (!gort__stays(w)) gort__sched_wake(w->rt);
  }
  return partner;
}

/* Leaves vm; *next is the one to go on with, or NULL. False: it has something to
 * do. */
static GORT_ALWAYS_INLINE bool leave(gort_worker *w, gort_vm *vm,
                                     gort_vm **next) {
  /* The task that just parked has most likely woken its partner. */
  bool has_partner = gort__sched_has_partner(w);
  *next = NULL;
  if (GORT_LIKELY(has_partner && !vm->loop)) {
    *next = leave_for_partner(w, vm);
    return true;
  }
  if (!gort__worker_leave_vm(w, vm)) return false;
  if (has_partner) *next = gort__sched_take_partner(w);
  return true;
}

bool gort__worker_block_locked(gort_worker *w) {
  gort *rt = w->rt;
  if (atomic_load(&w->status) != GORT_WORKER_ACTIVE) return false;
  atomic_store(&w->status, GORT_WORKER_BLOCKED);
  atomic_fetch_add(&rt->blocked, 1);
  atomic_fetch_sub(&rt->active, 1);
  return true;
}

/* Runs the vm until it has nothing to do or others should have a turn. */
static void run_vm(gort_worker *w, gort__work work) {
  gort *rt = w->rt;
  gort_vm *vm = work.vm;
  if (GORT_UNLIKELY(vm->solo)) {
    gort__solo_run(w, vm);
    return;
  }
  gort_record *r = work.record;
  int budget = SLICE;
  hold(w, vm);
  for (;;) {
    gort_step step;
    gort_task *t;
    if (r) {
      step = start_record(w, vm, r);
      r = NULL;
    } else if ((t = gort__vm_next(vm))) {
      step = run_task(w, vm, t);
    } else if ((r = gort__sched_record_for(w, vm))) {
      continue;
    } else {
      gort_vm *next;
      if (leave(w, vm, &next)) {
        if (!next) return;
        vm = next;
        if (GORT_UNLIKELY(vm->solo)) {
          gort__solo_run(w, vm);
          return;
        }
        hold(w, vm);
        budget = SLICE;
      }
      if (lost_place(w)) break;
      continue;
    }
    if (GORT_UNLIKELY(
            atomic_load_explicit(&rt->stopping, memory_order_relaxed)))
      break;
    if (lost_place(w)) break;
    if (GORT_UNLIKELY(w->meetings.joins) && gort__meet_join(w, vm)) return;
    bool yielded = step == GORT_STEP_YIELDED || step == GORT_STEP_GAVE_WAY;
    if (GORT_UNLIKELY(yielded) || --budget <= 0) {
      if (others_turn(w, vm, step)) return;
      budget = SLICE;
    }
  }
  gort__worker_put_down(w, vm, true);
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
    fire_timers(rt);
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
  fire_timers(rt);
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
  if (w->index == 0) run_vm(w, work);
  while (!atomic_load_explicit(&rt->stopping, memory_order_relaxed)) {
    if (over_limit(w)) {
      go_idle(w);
      continue;
    }
    int64_t since = 0;
    /* Nobody may have slept or yielded for long: vms that wake each other. */
    if (w->searches % TIMER_TURN == 0) fire_timers(rt);
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
    run_vm(w, work);
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
