/* preempt.h - ending a task's turn, or interrupting it, from the outside.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_PREEMPT_H
#define LGORT_VM_PREEMPT_H

#include "vm/vm.h"

/* Signal handler's half: makes the running coroutine stop at its next
 * instruction. Async-signal-safe. */
void lgort_preempt(gort_vm *vm);
/* Has the hook called after count instructions of L, which runs in vm, or is
 * about to. */
void lgort_hook(lgort_vm *vm, lua_State *L, int count);

/* For hooks. Raises when the task is to end or to be interrupted; lets others
 * have their turn when this one is over. The last thing that a hook does. */
void lgort_end_hook(lua_State *L, lgort_vm *vm);
/* Raises "interrupted!", which has then been noticed. */
_Noreturn void lgort_raise_interrupt(lua_State *L, lgort_vm *vm);
/* The hook that only does that: to a script, none. */
bool lgort_is_turn_hook(lua_Hook hook);

#endif
