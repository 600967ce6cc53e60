/* parker.h - a thread that waits as a task does.
 *
 * SPDX-License-Identifier: MIT
 *
 * A thread of the host borrows the wait core: its parker holds a task without
 * a vm, which stands in the sources' queues. Who claims it tells the parker
 * (gort__ready) instead of queueing a vm.
 *
 * Invariants:
 *   I1. state goes RUNNING -> (ASLEEP ->) TOLD, once for each wait.
 *   I2. The parker's own clock ends a wait: by moving the ticket from OPEN to
 *       TIMEOUT, as a timer would. When that fails somebody has claimed the
 *       wait, and TOLD follows.
 * Ownership: a parker stands on its thread's stack for one call. Who tells it
 *   touches it no more once state is TOLD, but for the wake-up of whoever
 *   sleeps at that address, which is harmless if nobody does. */
#ifndef GORT_WAIT_PARKER_H
#define GORT_WAIT_PARKER_H

#include "sched/task.h"

enum gort__parker_state {
  GORT_PARKER_RUNNING,
  GORT_PARKER_ASLEEP,
  GORT_PARKER_TOLD
};

typedef struct gort__parker {
  gort_task task; /* vm is NULL */
  /* Atomic. Released by who tells, acquired by the thread. */
  atomic_int state;
  int cpu; /* where it was told, by who tells; or -1 */
} gort__parker;

void gort__parker_init(gort__parker *p);
void gort__parker_fini(gort__parker *p);
/* After GORT_PARKED: until somebody has claimed the wait or deadline. Then
 * comes gort_wait_finish. */
void gort__parker_wait(gort__parker *p, int64_t deadline);
/* The task of a parker was claimed. Any thread, once. */
void gort__parker_tell(gort_task *t);

#endif
