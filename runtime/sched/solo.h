/* solo.h - vms for calls that block their thread.
 *
 * SPDX-License-Identifier: MIT
 *
 * A record started by gort_go_blocking gets a vm to itself, and the worker
 * that runs it gives its place to another at once instead of after the usual
 * time: so such calls wait for nobody, and nobody for them. The task is one
 * like any other; it may park.
 *
 * Invariants (whenever rt->lock is free):
 *   I1. a solo vm is in free, or one record is on its way to it or has
 *       become its task (vm->n_live <= 1).
 *   I2. backlog is not empty => free is empty, and n == GORT_MAX_SOLO or
 *       memory was out.
 * Ownership: a record in backlog, or in vm->start_next, is the runtime's. */
#ifndef GORT_SCHED_SOLO_H
#define GORT_SCHED_SOLO_H

#include "sched/worker.h"

enum { GORT_MAX_SOLO = 256 };

/* Guarded by rt->lock. */
typedef struct gort__solo {
  gort_vm *free; /* by gort_vm.next_free */
  gort__runq backlog;
  unsigned n; /* solo vms, and those being made */
  /* Atomic, for counting only. */
  atomic_uint vms;     /* that are there */
  atomic_uint busy;    /* records from their start to their end */
  atomic_uint workers; /* that run one: blocked, but not stuck */
} gort__solo;

/* Runs a solo vm, RUNNING and w's, until it has nothing to do. Gives w's place
 * away first. */
void gort__solo_run(gort_worker *w, gort_vm *vm);
/* Drops what was never started; nothing runs any more. */
void gort__solo_fini(gort *rt);

#endif
