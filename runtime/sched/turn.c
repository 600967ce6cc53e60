/* turn.c - a vm's turn on a worker.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/turn.h"

#include "ctx/bond.h"
#include "sched/loop.h"
#include "sched/meet.h"
#include "sched/runtime.h"
#include "sched/steal.h"

/* Steps in one vm before others get a turn. */
enum { SLICE = 64 };

/* ---- steps ------------------------------------------------------------- */

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

/* Both are in line in gort__turn_run: see start in gort_vm_ops. */
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

gort_step gort__turn_step(gort_worker *w, gort_vm *vm, gort_task *t) {
  return run_task(w, vm, t);
}

gort_step gort__turn_start(gort_worker *w, gort_vm *vm, gort_record *r) {
  return start_record(w, vm, r);
}

/* ---- leaving ----------------------------------------------------------- */

static bool lost_place(gort_worker *w) {
  return GORT_UNLIKELY(atomic_load_explicit(&w->status, memory_order_acquire) ==
                       GORT_WORKER_BLOCKED) &&
         !gort__worker_regain_place(w);
}

static void hold(gort_worker *w, gort_vm *vm) {
  atomic_store_explicit(&vm->holder, w->index, memory_order_relaxed);
  atomic_store_explicit(&w->vm, vm, memory_order_release);
}

void gort__turn_let_go(gort_worker *w, gort_vm *vm) {
  atomic_store_explicit(&w->vm, NULL, memory_order_relaxed);
  atomic_store(&vm->state_now, GORT_VM_QUEUED);
}

void gort__turn_put_down(gort_worker *w, gort_vm *vm, bool fair) {
  gort__turn_let_go(w, vm);
  gort__sched_queue_vm(w->rt, w, vm, fair);
}

/* Whether the vm should be put down after this step, and that done. */
static bool others_turn(gort_worker *w, gort_vm *vm, gort_step step) {
  gort__timers_fire_due(w->rt);
  if (vm->loop) gort__loop_poll(vm);
  if (!gort__sched_others(w)) return false;
  if (step == GORT_STEP_GAVE_WAY) {
    gort__turn_let_go(w, vm);
    gort__sched_give_way(w, vm);
  } else if (!gort__sched_gives_way(w)) {
    gort__turn_put_down(w, vm, step == GORT_STEP_YIELDED);
  } else {
    return false;
  }
  /* Somebody asleep may take what this worker leaves behind. */
  if (gort__steal_offers(w)) gort__sched_wake(w->rt);
  return true;
}

/* Leaves a vm without ready tasks; false when some arrived meanwhile. */
bool gort__turn_leave(gort_worker *w, gort_vm *vm) {
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
  if (!gort__turn_leave(w, vm)) return false;
  if (has_partner) *next = gort__sched_take_partner(w);
  return true;
}

/* ---- the turn ---------------------------------------------------------- */

/* Runs the vm until it has nothing to do or others should have a turn. */
void gort__turn_run(gort_worker *w, gort__work work) {
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
  gort__turn_put_down(w, vm, true);
}
