/* env.h - the globals that functions see: captured at the sender, rebuilt at
 * the receiver.
 *
 * SPDX-License-Identifier: MIT
 *
 * Each vm keeps a pristine copy of the standard globals (vm->base). A task's
 * environment is that copy itself when its functions only read standard
 * globals; a light table over it when they name others; and a full copy when
 * they may look at the table as a whole (_G, _ENV, load ...).
 *
 * The functions of a class are made once for all tasks of a vm. When they name
 * other globals than standard ones, theirs are those of the task that runs,
 * and what was captured with the class where the task has nothing of
 * that name. */
#ifndef LGORT_CROSS_ENV_H
#define LGORT_CROSS_ENV_H

#include "vm/vm.h"

/* Is the table at idx a globals table: main's, the pristine, or a task's? */
bool lgort_is_env(lua_State *L, lgort_vm *vm, int idx);
/* The upvalue (from 0) of the Lua function at idx that holds its globals: any
 * table called _ENV, or where names were stripped a globals table; -1: none.
 * *nups (may be NULL): how many upvalues it has. */
int lgort_find_env(lua_State *L, lgort_vm *vm, int idx, int *nups);
/* Pushes a new environment of a kind (enum lgort_env_kind). */
void lgort_push_env(lua_State *L, lgort_vm *vm, int kind);
/* The globals on top of the stack: pushes the table that is to hold what was
 * captured for them (their own, for those of a class; else themselves). */
void lgort_push_own_globals(lua_State *L, lgort_vm *vm);
/* What kind a function with this code needs at least. */
int lgort_env_needed(const lgort_code *code);
/* Pushes the value of a global that must be captured, or returns false: it is
 * nil, or what every vm has under that name. env: absolute index. */
bool lgort_push_captured(lua_State *L, lgort_vm *vm, int env,
                         const lgort_global *g);
/* The globals table on top of the stack (popped) is the running task t's, for
 * the chunks that it loads; with t->has_env set, forgets the one it had. */
void lgort_set_task_env(lua_State *L, lgort_vm *vm, lgort_task *t);
/* Pushes the running task's globals as a table of its own; makes one if there
 * is none. */
void lgort_push_task_env(lua_State *L, lgort_vm *vm);
/* Makes the pristine copy of the globals as they are now. */
void lgort_open_env(lua_State *L, lgort_vm *vm);

#endif
