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
  uint64_t id;     /* from 1; 0: no task of the script but work (below) */
  union {
    void *state; /* the interpreter's */
    /* Work for the vm's worker: called where a task would be resumed. */
    void (*call)(gort_vm *vm, gort_task *t);
  };
  gort__link all;   /* in vm->tasks; owner-only */
  gort__bond *bond; /* owned, or NULL: no context ends it */
  gort__wait wait;
};

static inline bool gort__task_is_work(const gort_task *t) { return t->id == 0; }

static inline gort_task *gort__task_of_node(gort__node *n) {
  return gort__container(n, gort_task, node);
}

/* Resets self's wait for n waiters; nothing can see it yet, but the context
 * of a bound task the ticket. */
static inline void gort__wait_begin(gort_task *self, bool has_many, uint32_t n,
                                    int ticket) {
  gort__wait *wait = &self->wait;
  GORT_ASSERT(!wait->parked && !wait->armed);
  wait->n = n;
  wait->has_many = has_many;
  wait->selects = wait->limited = false;
  wait->parked = true;
  wait->number++;
  /* Release: the end of a bound task's context claims it without a lock. */
  atomic_store_explicit(&wait->ticket, ticket, memory_order_release);
}

/* A task in vm, from its free list; NULL when memory is out. Owner-only. */
gort_task *gort__task_new(gort_vm *vm, uint64_t id);
void gort__task_free(gort_vm *vm, gort_task *t);
/* The memory of one that is in no list any more. */
void gort__task_delete(gort_task *t);

#endif
