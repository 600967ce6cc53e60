/* preempt.h - ending a task's turn from the outside.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_PREEMPT_H
#define LGORT_VM_PREEMPT_H

#include "vm/vm.h"

/* Signal handler's half: makes the running coroutine stop at its next
 * instruction. Async-signal-safe. */
void lgort_preempt(gort_vm *vm);
/* Has the hook called after count instructions of L, which runs in vm. */
void lgort_hook(lgort_vm *vm, lua_State *L, int count);

#endif
