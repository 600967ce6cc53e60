/* meet.c - counting meetings, and joining another worker.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/meet.h"

#include "sched/runtime.h"
#include "sched/steal.h"

/* So many meetings within so long are too many: a chance encounter of what
 * computes comes to less. Two microseconds between two of them is about where
 * two workers get done more than one. */
enum { MANY = 256 };
static const int64_t SOON_NS = MANY * INT64_C(1500);

static void meet(gort_worker *w, unsigned with) {
  gort__meetings *m = &w->meetings;
  if (with == w->index) return;
  m->with = with;
  if (m->n++ == 0) m->since = gort_now();
  if (m->n < MANY) return;
  m->n = 0;
  if (gort_now() - m->since > SOON_NS) return;
  m->joins = true;
  /* A step may go on and on without parking: both sides of a buffer do. */
  gort_vm *vm = atomic_load_explicit(&w->vm, memory_order_relaxed);
  if (vm && vm->current && !gort__task_is_work(vm->current) &&
      w->rt->options.preempt)
    w->rt->options.ops->preempt(vm);
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

/* Others come to a worker that some have joined; if that is so with both the
 * first one is the one to go to. */
static bool should_join(const gort_worker *w, const gort_worker *other) {
  return !gort__stays(w, GORT_LOOT_VMS) ||
         (gort__stays(other, GORT_LOOT_VMS) && other->index < w->index);
}

bool gort__meet_join(gort_worker *w, gort_vm *vm) {
  gort *rt = w->rt;
  unsigned with = w->meetings.with;
  w->meetings.joins = false;
  if (vm->solo || with >= atomic_load(&rt->nworkers)) return false;
  gort_worker *other =
      atomic_load_explicit(&rt->workers[with], memory_order_acquire);
  if (!other || atomic_load(&other->status) != GORT_WORKER_ACTIVE ||
      !should_join(w, other))
    return false;
  gort__stay(other, GORT_LOOT_VMS);
  gort__worker_let_go(w, vm);
  gort__inbox_push(&other->sent, &vm->queued);
  if (atomic_load(&other->status) != GORT_WORKER_ACTIVE)
    gort__meet_take(rt, w, other);
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
