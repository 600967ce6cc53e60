/* solo.c - vms for calls that block their thread.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/solo.h"

#include "sched/loop.h"
#include "sched/placement.h"
#include "sched/runtime.h"
#include "sched/turn.h"

static gort_record *record_of(gort__node *n) {
  return n ? gort__container(n, gort_record, node) : NULL;
}

/* A vm for r; or NULL: *wait tells whether r waits for one. */
static gort_vm *take_vm(gort *rt, gort_record *r, bool *wait) {
  gort__solo *a = &rt->solo;
  gort__lock_take(&rt->lock);
  gort_vm *vm = a->free;
  if (vm) a->free = vm->next_free;
  *wait = !vm && a->n == GORT_MAX_SOLO;
  if (*wait) gort__runq_push(&a->backlog, &r->node);
  if (!vm && !*wait) a->n++;
  gort__lock_give(&rt->lock);
  return vm;
}

/* No memory for another vm: r waits for one of those there are. */
static bool wait_for_another(gort *rt, gort_record *r) {
  gort__solo *a = &rt->solo;
  gort__lock_take(&rt->lock);
  a->n--;
  bool some = a->n > 0 && !a->free;
  if (some) gort__runq_push(&a->backlog, &r->node);
  gort__lock_give(&rt->lock);
  return some;
}

void gort_go_blocking(gort *rt, gort_record *r) {
  bool waits;
  gort__sched_count_spawn(rt);
  atomic_fetch_add(&rt->solo.busy, 1);
  gort_vm *vm = take_vm(rt, r, &waits);
  if (waits) return;
  if (!vm) {
    vm = gort__placement_add_vm(rt, true);
    if (!vm && wait_for_another(rt, r)) return;
    if (!vm) {
      atomic_fetch_sub(&rt->solo.busy, 1);
      gort__sched_fail(gort__self, r, GORT_ENOMEM);
      return;
    }
  }
  vm->start_next = r;
  gort__ready(&vm->starter);
}

/* The task of vm has ended: another record for it, or NULL and it is free. */
static gort_record *next_record(gort *rt, gort_vm *vm) {
  gort__solo *a = &rt->solo;
  atomic_fetch_sub(&a->busy, 1);
  gort__lock_take(&rt->lock);
  gort_record *r = record_of(gort__runq_pop(&a->backlog));
  if (!r) {
    vm->next_free = a->free;
    a->free = vm;
  }
  gort__lock_give(&rt->lock);
  return r;
}

/* ---- running ---------------------------------------------------------- */

/* The task in this vm may block the thread: others take over first. */
static void leave_place(gort_worker *w) {
  gort *rt = w->rt;
  gort__lock_take(&rt->lock);
  gort__worker_block_locked(w);
  gort__lock_give(&rt->lock);
  gort__sched_spill(rt, w);
  if (gort__sched_any(rt)) gort__sched_wake(rt);
}

/* One task, and then the next record for this vm. */
static void run_call(gort_worker *w, gort_vm *vm, gort_task *t) {
  gort_record *r = NULL;
  unsigned live = vm->n_live;
  bool ended = false;
  if (t == &vm->starter) {
    r = vm->start_next;
    vm->start_next = NULL;
  } else {
    gort_step step = gort__turn_step(w, vm, t);
    bool over = step == GORT_STEP_PARKED || step == GORT_STEP_FINISHED;
    if (!over && vm->loop) gort__loop_poll(vm);
    ended = vm->n_live < live;
  }
  while (r || (ended && (r = next_record(w->rt, vm)))) {
    gort__turn_start(w, vm, r);
    r = NULL;
    ended = vm->n_live == 0;
  }
}

void gort__solo_run(gort_worker *w, gort_vm *vm) {
  gort *rt = w->rt;
  leave_place(w);
  atomic_fetch_add(&rt->solo.workers, 1);
  atomic_store_explicit(&w->vm, vm, memory_order_release);
  for (;;) {
    gort_task *t = gort__vm_next(vm);
    if (t)
      run_call(w, vm, t);
    else if (gort__turn_leave(w, vm))
      break;
    if (atomic_load_explicit(&rt->stopping, memory_order_relaxed)) {
      gort__turn_put_down(w, vm, true);
      break;
    }
  }
  atomic_fetch_sub(&rt->solo.workers, 1);
}

/* ---- the end ---------------------------------------------------------- */

static void drop(gort *rt, gort_record *r) {
  if (!r) return;
  rt->options.ops->drop(r);
  gort_record_free(r);
}

void gort__solo_fini(gort *rt) {
  gort__node *n;
  while ((n = gort__runq_pop(&rt->solo.backlog))) drop(rt, record_of(n));
}
