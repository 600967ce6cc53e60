/* coro.h - coroutines as tasks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_CORO_H
#define LGORT_VM_CORO_H

#include "vm/vm.h"

/* The functions of gort_vm_ops. */
int lgort_start(gort_vm *vm, gort_task *t, gort_record *r);
int lgort_resume(gort_vm *vm, gort_task *t);
gort_step lgort_stopped(gort_vm *vm, gort_task *t, int status);
void lgort_fail(gort_record *r, int code);
void lgort_describe(gort_vm *vm, gort_task *t, gort_text *out);
/* Arranges for unneeded pooled coroutines to go at each collection. */
void lgort_open_pool(lua_State *L);
void lgort_forget(gort_vm *vm, gort_task *t);
void lgort_pool_fini(lgort_vm *vm);
/* Before a full collection: lets go of all coroutines that wait to be used
 * again, but for some. May raise for want of memory. */
void lgort_pool_shrink(lua_State *L);

/* A message handler: the error value as text, with a traceback; or as it is,
 * when the task's error is not the program's. */
int lgort_traceback(lua_State *L);

/* The coroutine library whose resume and wrap pass runtime yields through,
 * over the stock one. Raises on memory. */
void lgort_open_coroutine(lua_State *L);

#endif
