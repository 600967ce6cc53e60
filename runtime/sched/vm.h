/* vm.h - what a worker needs to run Lua: a state, a run queue, a loop.
 *
 * SPDX-License-Identifier: MIT
 *
 * A vm is in one of three states:
 *   IDLE     nothing to run; whoever gives it work queues it.
 *   QUEUED   in exactly one queue of vms (a worker's ring or slot, or the
 *            global queue), once.
 *   RUNNING  held by one worker, which alone touches its owner-only fields.
 *
 * Waking (any thread):  0. if the state is IDLE move it to QUEUED (CAS); then
 *   the vm is the waker's alone: push the task into its run queue and queue
 *   the vm. Else   1. push the task into inbox   2. if the state is IDLE now,
 *   move it to QUEUED (CAS) and queue the vm.
 * Leaving (its worker): 1. state = IDLE   2. if the inbox is not empty, move
 *   IDLE back to RUNNING (CAS) and go on; or, where another vm has been taken in
 *   between, to QUEUED, and queue it.
 * Both pairs are sequentially consistent, so at least one side sees the other
 * and the CAS lets exactly one win: no task stays in the inbox of an idle vm.
 * Modelled in tests/model/vm.pml. */
#ifndef GORT_SCHED_VM_H
#define GORT_SCHED_VM_H

#include <uv.h>

#include "base/arena.h"
#include "sched/task.h"

enum gort__vm_state { GORT_VM_IDLE, GORT_VM_QUEUED, GORT_VM_RUNNING };

typedef struct gort__runq {
  gort__node *first, *last;
} gort__runq;

struct gort_vm {
  /* Immutable after it is published in rt->vms. */
  gort *rt;
  unsigned index;
  void *state;
  bool solo; /* for calls that block (solo.h) */

  /* Owner-only. */
  gort__runq runq;  /* woken */
  gort__runq turnq; /* had their turn and want another */
  unsigned picks;   /* so that neither queue starves */
  gort_task *current;
  unsigned n_live;       /* live, without the atomic */
  unsigned n_parked;     /* parked, likewise */
  gort__link tasks;      /* all started tasks */
  gort_task *free_tasks; /* linked by node */
  unsigned n_free_tasks;
  gort__arena arena;       /* small blocks, if has_arena */
  bool has_arena;          /* immutable */
  uv_loop_t *loop;         /* NULL until asked for */
  gort_task loop_task;     /* polls loop when its descriptor is ready */
  atomic_bool loop_queued; /* loop_task is queued; whoever sets it queues */
  bool loop_polled;        /* since the last task ran */
  bool loop_alive;         /* counted in rt->loops_alive */
  gort__timer loop_timer;

  /* Atomic: a call for this vm and no other (gort_vm_go), owned; whoever sets
   * it queues guest_call. */
  _Atomic(gort_record *) guest;
  gort_task guest_call;

  /* In the global queue: guarded by rt->lock; or in what was sent to a worker:
   * whose exchange took it. */
  gort__node queued;

  /* Of a solo vm: guarded by rt->lock; whoever takes it out of the list owns
   * start_next and starter until the worker that runs vm has them. */
  gort_vm *next_free;
  gort_record *start_next;
  gort_task starter; /* in the inbox it says: start start_next */

  /* Atomic. live: started tasks; written by the owner, read by anyone who
   * looks for the emptiest vm (relaxed). */
  _Alignas(GORT_CACHELINE) atomic_uint state_now;
  atomic_uint
      holder; /* the worker that runs it, or did last: a hint, relaxed */
  atomic_uint live;
  atomic_uint parked; /* of these; woken ones too until they go on */
  gort__inbox inbox;
};

int gort__vm_new(gort *rt, unsigned index, gort_vm **out);
void gort__vm_free(gort_vm *vm);

/* How many started tasks it has, about. */
static inline unsigned gort__vm_live(gort_vm *vm) {
  return atomic_load_explicit(&vm->live, memory_order_relaxed);
}

static inline void gort__runq_push(gort__runq *q, gort__node *n) {
  n->next = NULL;
  if (q->last)
    q->last->next = n;
  else
    q->first = n;
  q->last = n;
}

static inline gort__node *gort__runq_pop(gort__runq *q) {
  gort__node *n = q->first;
  if (n) {
    q->first = n->next;
    if (!q->first) q->last = NULL;
  }
  return n;
}

/* Moves what others readied behind what is in the run queue. Owner-only. */
static inline void gort__vm_collect(gort_vm *vm) {
  gort__node *n = gort__inbox_take(&vm->inbox);
  if (!n) return;
  if (vm->runq.last)
    vm->runq.last->next = n;
  else
    vm->runq.first = n;
  while (n->next) n = n->next;
  vm->runq.last = n;
}

/* The next ready task: woken ones before those that only had to let go of the
 * processor, which get every sixteenth pick. The inbox is looked at each
 * time: a task that yields would keep the queues filled for ever. Owner-only. */
static inline gort_task *gort__vm_next(gort_vm *vm) {
  if (atomic_load_explicit(&vm->inbox, memory_order_relaxed) != NULL)
    gort__vm_collect(vm);
  gort__node *n = NULL;
  if (vm->turnq.first && ++vm->picks % 16 == 0) n = gort__runq_pop(&vm->turnq);
  if (!n) n = gort__runq_pop(&vm->runq);
  if (!n) n = gort__runq_pop(&vm->turnq);
  return n ? gort__task_of_node(n) : NULL;
}

static inline bool gort__vm_claim(gort_vm *vm, unsigned from, unsigned to) {
  return atomic_compare_exchange_strong(&vm->state_now, &from, to);
}

#endif
