/* turn.h - a vm's turn on a worker.
 *
 * SPDX-License-Identifier: MIT
 *
 * The worker holds the vm and runs its tasks, a step each: woken ones, those that
 * want to go on, and records that may start in it. The turn is over when there
 * is none, or when others wait and it has had its slice; then it goes on at once
 * with the vm in the worker's slot, mostly, whose task has just been woken.
 * Threads: all of this is for the worker that holds the vm. */
#ifndef GORT_SCHED_TURN_H
#define GORT_SCHED_TURN_H

#include "sched/sched.h"

/* A turn of work's vm, which is RUNNING, and of those that follow it. */
void gort__turn_run(gort_worker *w, gort__work work);

/* One step: a task, a record. */
gort_step gort__turn_step(gort_worker *w, gort_vm *vm, gort_task *t);
gort_step gort__turn_start(gort_worker *w, gort_vm *vm, gort_record *r);

/* Leaves a vm without ready tasks; false when some arrived meanwhile. */
bool gort__turn_leave(gort_worker *w, gort_vm *vm);
/* It is QUEUED, and the caller's to put into a queue. */
void gort__turn_let_go(gort_worker *w, gort_vm *vm);
/* The same, and queues it: at the end (fair), or here. */
void gort__turn_put_down(gort_worker *w, gort_vm *vm, bool fair);

#endif
