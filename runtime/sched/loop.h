/* loop.h - the uv loop of a vm: run by the vm's worker, watched by the poller
 * while the vm is idle.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_SCHED_LOOP_H
#define GORT_SCHED_LOOP_H

#include "sched/vm.h"

void gort__loop_init(gort_vm *vm);
void gort__loop_fini(gort_vm *vm);
/* Runs what is ready in the loop and asks to be told of what comes next.
 * The vm's worker, between tasks. */
void gort__loop_poll(gort_vm *vm);
/* The loop's descriptor is readable or its timeout has come. Any thread. */
void gort__loop_wake(gort_vm *vm);

#endif
