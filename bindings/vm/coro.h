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
void lgort_forget(gort_vm *vm, gort_task *t);
void lgort_describe(gort_vm *vm, gort_task *t, gort_text *out);

/* A message handler: the error value as text, with a traceback; or as it is,
 * when the task's error is not the program's. */
int lgort_traceback(lua_State *L);

/* The coroutine library whose resume and wrap pass runtime yields through,
 * over the stock one. Raises on memory. */
void lgort_open_coroutine(lua_State *L);

#endif
