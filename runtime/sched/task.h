/* task.h - the C half of a task, and the record it starts from.
 *
 * SPDX-License-Identifier: MIT
 *
 * Life: record -> (started in a vm) ready -> running -> parked -> ready ...
 *   -> finished, when it goes back to its vm's free list.
 * Ownership: a record is its queue's until a worker takes it. A task is its
 *   vm's; while ready it is in its vm's run queue or inbox, while running it
 *   is vm->current, while parked only its waiters know it. */
#ifndef GORT_SCHED_TASK_H
#define GORT_SCHED_TASK_H

#include "sync/inbox.h"
#include "wait/waiter.h"

typedef struct gort__bond gort__bond;

struct gort_record {
  gort__node node; /* in the global queue */
  gort *rt;
  uint64_t id;
  unsigned from;    /* with GORT_PLACE_APART: the vm where it was made */
  gort__bond *bond; /* owned until it is a task's; NULL: not bound */
  _Alignas(16) char payload[];
};

struct gort_task {
  gort__node node; /* run queue, inbox, wake list or free list */
  gort_vm *vm;     /* immutable while alive; NULL: a thread waits (parker.h) */
  void *state;     /* the interpreter's */
  uint64_t id;
  gort__link all; /* in vm->tasks; owner-only */
  /* Not a task of the script but work for the vm's worker: called instead of
   * resumed. */
  void (*call)(gort_vm *vm, gort_task *t);
  gort__bond *bond; /* owned; NULL: not bound to a context */
  bool was_parked;  /* counted in vm->parked */
  gort__wait wait;
};

static inline gort_task *gort__task_of_node(gort__node *n) {
  return gort__container(n, gort_task, node);
}

/* A task in vm, from its free list; NULL when memory is out. Owner-only. */
gort_task *gort__task_new(gort_vm *vm, uint64_t id);
void gort__task_free(gort_vm *vm, gort_task *t);

#endif
