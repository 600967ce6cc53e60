/* meet.h - workers whose tasks talk to each other.
 *
 * SPDX-License-Identifier: MIT
 *
 * A hand-over within a worker costs some ten nanoseconds; between two, which
 * fetch each line of memory from the other's cache, ten times as much. So a
 * worker counts how often it meets another one: it takes a lock that the other
 * had last, or readies a task in a vm that the other runs. Where that comes
 * often it asks whether they should be one (gather.h). If so it sends each vm
 * that meets the other there: the task that runs yields, and the vm goes.
 *
 * Sent vms: 1. push the vm   2. if the other is not ACTIVE, take back what was
 *   sent to it. Going idle, or blocked: 1. leave ACTIVE   2. look at what was
 *   sent. Both pairs are sequentially consistent: one side sees the other, and
 *   each vm is taken by one exchange.
 * Threads: all of this is for threads of workers. */
#ifndef GORT_SCHED_MEET_H
#define GORT_SCHED_MEET_H

#include "sched/worker.h"

/* This thread is w's from now on; NULL: no worker's. */
void gort__meet_begin(gort_worker *w);
/* w has readied a task in vm, which is not idle. */
void gort__meet_in(gort_worker *w, gort_vm *vm);
/* w had nothing to do for so long. */
static inline void gort__meet_pause(gort_worker *w, int64_t ns) {
  w->meetings.since += ns;
}

/* After a step, when w->meetings.joins: sends vm, which w holds, to the worker
 * that w joins; false: it stays. */
bool gort__meet_join(gort_worker *w, gort_vm *vm);
/* Moves what was sent to from into w's ring, or the global queue; w is the
 * caller, or NULL. False: nothing was. */
bool gort__meet_take(gort *rt, gort_worker *w, gort_worker *from);

#endif
