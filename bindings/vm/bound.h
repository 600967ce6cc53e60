/* bound.h - tasks that a context ends, as their Lua code sees it.
 *
 * SPDX-License-Identifier: MIT
 *
 * Once the context of a task is done
 *   - every call that may block raises the context's error, again and again:
 *     a pcall that catches one meets the next;
 *   - code that computes is stopped by the preemption hook, which raises the
 *     same, after some more instructions. From the second time on it stays
 *     and raises at the next instruction after each pcall, so that a loop
 *     around a pcall ends, too.
 * It does not do so
 *   - in a shield (context.shield);
 *   - in clean-up: in a <close> variable's handler, while the task unwinds or
 *     leaves a block. There, waits are cut to what is left of
 *     LGORT_CLEANUP_NS: what all of it takes, but not the time between.
 * How one knows that the task unwinds: pcall and xpcall (protect.c), and
 * task_body, have a message handler that says so; they take it back once
 * they have caught the error, which is after the handlers have run.
 *
 * Threads: all of it belongs to the worker that holds the vm. */
#ifndef LGORT_VM_BOUND_H
#define LGORT_VM_BOUND_H

#include "vm/vm.h"

/* How long clean-up may take, in all. */
enum { LGORT_CLEANUP_NS = 1000000000 };

/* Slow halves of what follows. */
int lgort__before_wait(lua_State *L, lgort_vm *vm, gort_limit *limit);
void lgort__after_wait(lua_State *L, lgort_vm *vm, const gort_result *res);
void lgort__check_stop(lua_State *L, lgort_vm *vm);

static inline bool lgort_is_bound(const lgort_vm *vm) {
  return vm->task && vm->task->bound;
}

/* For a call that may block, before it does: 0, and limit is cut if need be;
 * or a code: the task is to end (lgort_raise_end). */
static inline int lgort_before_wait(lua_State *L, lgort_vm *vm,
                                    gort_limit *limit) {
  return lgort_is_bound(vm) ? lgort__before_wait(L, vm, limit) : 0;
}

/* The same where nothing is held. */
void lgort_check_end(lua_State *L, lgort_vm *vm, gort_limit *limit);

/* Cuts the limit of a wait that goes on, as its beginning did. */
static inline void lgort_cut_limit(const lgort_vm *vm, gort_limit *limit) {
  if (vm->task && vm->task->cleaning &&
      limit->deadline > vm->task->ending->clean_until)
    limit->deadline = vm->task->ending->clean_until;
}

/* What a wait came to, at once or later. Raises when it was given up because
 * the task is to end, or was interrupted. */
static inline void lgort_after_wait(lua_State *L, lgort_vm *vm,
                                    const gort_result *res) {
  if (lgort_is_bound(vm) || res->status == GORT_EINTR)
    lgort__after_wait(L, vm, res);
}

/* The code of the context that the running task is bound to. */
int lgort_end_of(lgort_vm *vm);
/* Raises the error of a context: its text, without a place. */
_Noreturn void lgort_raise_end(lua_State *L, int code);

/* In the preemption hook: raises when the task is to end. */
static inline void lgort_check_stop(lua_State *L, lgort_vm *vm) {
  if (lgort_is_bound(vm)) lgort__check_stop(L, vm);
}

/* Code of a lower level has failed and L goes on: a task that has to be
 * stopped again is stopped there, too. */
void lgort_stop_again(lua_State *L, lgort_vm *vm);

/* Whether the error at idx is the end of the running task's context. */
bool lgort_is_end(lua_State *L, lgort_vm *vm, int idx);

/* A pcall has caught the error that t unwound for: the time until it cleans up
 * again does not count. */
void lgort_pause_cleaning(lgort_task *t);

/* While on (they nest), the running task goes on whatever its context. */
void lgort_shield(lgort_vm *vm, bool on);

/* pcall and xpcall for scripts, in the globals table. */
void lgort_open_protect(lua_State *L);

#endif
