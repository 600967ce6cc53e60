/* pool.h - coroutines that wait to be tasks again.
 *
 * SPDX-License-Identifier: MIT
 *
 * Making one costs a microsecond, and memory. So whoever ends comes into its vm's
 * pool; who was not needed between two collections goes.
 * Ownership: all are anchored in the table of threads, by slot, with those that
 *   run. A task's memory is its vm's, but for a state that outlives the vm. */
#ifndef LGORT_VM_POOL_H
#define LGORT_VM_POOL_H

#include "vm/vm.h"

/* One for a task; its coroutine has an empty stack, or the function that it keeps.
 * NULL without memory. */
lgort_task *lgort_pool_take(lgort_vm *vm);
/* It has ended. */
void lgort_pool_give(lgort_vm *vm, lgort_task *lt);
/* It never will: the vm is going. */
void lgort_pool_forget(lgort_vm *vm, lgort_task *lt);

/* Arranges for those not needed to go at each collection. */
void lgort_open_pool(lua_State *L);
void lgort_pool_fini(lgort_vm *vm);
/* Before a full collection: lets go of all but some. May raise for want of
 * memory. */
void lgort_pool_shrink(lua_State *L);

#endif
