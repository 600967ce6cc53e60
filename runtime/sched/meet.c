/* meet.c - counting meetings, and joining another worker.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/meet.h"

#include "sched/runtime.h"
#include "sched/turn.h"

/* So many meetings within so long are worth a trial. */
enum { MANY = 256 };
static const int64_t SOON_NS = MANY * INT64_C(4000);

/* The vm is to leave at the end of this step. It may go on and on without
 * parking: both sides of a buffer do. */
static void leave_soon(gort_worker *w) {
  if (w->meetings.joins) return;
  w->meetings.joins = true;
  gort_vm *vm = atomic_load_explicit(&w->vm, memory_order_relaxed);
  if (vm && vm->current && !gort__task_is_work(vm->current) &&
      w->rt->options.preempt)
    w->rt->options.ops->preempt(vm);
}

static void meet(gort_worker *w, unsigned with) {
  gort__meetings *m = &w->meetings;
  if (with == w->index) return;
  atomic_store_explicit(&w->takes, gort__lock_self.takes, memory_order_relaxed);
  gort_worker *joins =
      atomic_load_explicit(&w->gather.joins, memory_order_acquire);
  if (joins) {
    if (joins->index == with) leave_soon(w);
    return;
  }
  if (m->n++ == 0) m->since = gort_now();
  if (m->n < MANY) return;
  m->n = 0;
  if (gort_now() - m->since > SOON_NS || with >= atomic_load(&w->rt->nworkers))
    return;
  gort_worker *other =
      atomic_load_explicit(&w->rt->workers[with], memory_order_acquire);
  if (other) gort__gather_ask(w, other);
}

/* Under the lock. */
static void follow(unsigned id) {
  if (gort__self && id >= GORT_LOCK_FIRST_ID)
    meet(gort__self, (id - GORT_LOCK_FIRST_ID) / 2);
}

void gort__meet_begin(gort_worker *w) {
  gort__lock_self.id = w ? GORT_LOCK_FIRST_ID + 2 * w->index : GORT_LOCK_NO_ID;
  gort__lock_self.follow = w ? follow : NULL;
}

void gort__meet_in(gort_worker *w, gort_vm *vm) {
  meet(w, atomic_load_explicit(&vm->holder, memory_order_relaxed));
}

/* What is queued at w has most likely to do with the same. Records are for all
 * who join nobody. */
static void send_all(gort_worker *w, gort_worker *other) {
  gort_vm *vm = atomic_exchange(&w->next_vm, NULL);
  if (!vm) vm = gort__ring_pop(&w->vms);
  for (; vm; vm = gort__ring_pop(&w->vms))
    gort__inbox_push(&other->sent, &vm->queued);
  gort_record *r;
  while ((r = gort__ring_pop(&w->records))) gort__sched_give_back(w->rt, r);
}

bool gort__meet_join(gort_worker *w, gort_vm *vm) {
  w->meetings.joins = false;
  gort_worker *other =
      atomic_load_explicit(&w->gather.joins, memory_order_acquire);
  if (vm->solo || !other || atomic_load(&other->status) != GORT_WORKER_ACTIVE)
    return false;
  gort__turn_let_go(w, vm);
  gort__inbox_push(&other->sent, &vm->queued);
  send_all(w, other);
  if (atomic_load(&other->status) != GORT_WORKER_ACTIVE)
    gort__meet_take(w->rt, w, other);
  return true;
}

bool gort__meet_take(gort *rt, gort_worker *w, gort_worker *from) {
  if (gort__inbox_empty(&from->sent)) return false;
  gort__node *n = gort__inbox_take(&from->sent);
  bool some = n != NULL;
  while (n) {
    gort__node *next = n->next;
    gort__sched_queue_vm(rt, w, gort__container(n, gort_vm, queued), false);
    n = next;
  }
  return some;
}
