/* call.h - a function call on its way to become a task.
 *
 * SPDX-License-Identifier: MIT
 *
 * The payload of a record. Two forms: the function's code with its captures
 * and arguments, each a value (plain.h), or one message that holds
 * everything. */
#ifndef LGORT_CROSS_CALL_H
#define LGORT_CROSS_CALL_H

#include "vm/vm.h"

/* Captures the function at index first and the arguments above it as a
 * record, bound to what the running task is bound to. Raises what cannot
 * cross. */
gort_record *lgort_call_new(lua_State *L, lgort_vm *vm, int first);
/* Makes the task tell an object what has become of the call (outcome.h); takes
 * a count. */
void lgort_call_tell(gort_record *r, gort_object *told);
gort_object *lgort_call_told(gort_record *r); /* or NULL; borrowed */

/* The main task's: pushing gives a C function that runs as the task itself,
 * and its argument. */
bool lgort_call_is_body(gort_record *r);
/* True when pushing it can fail only for want of memory. */
bool lgort_call_is_plain(lgort_vm *vm, gort_record *r);
/* Are the additions in use that the call comes with? They are to be before
 * anything else; use raises what goes wrong. */
bool lgort_call_has_additions(lgort_vm *vm, gort_record *r);
void lgort_call_use_additions(lua_State *L, gort_record *r);
/* Pushes the name of a module that must be loaded first, for the additions or,
 * once they are in use, for the call; else false. */
bool lgort_call_push_missing(lua_State *L, gort_record *r);
/* Pushes the function and the arguments; returns how many values. Raises. */
int lgort_call_push(lua_State *L, gort_record *r);
/* A plain call in two steps, with the same effect: its function, and then its
 * arguments, which drop what is left of the captures.
 * Ready: a function that other tasks of the vm have, too, was pushed. Needs no
 * memory but two slots of the stack. To share: others may have the function
 * that is pushed now, if share is true then.
 * Keeps: the function may be called again when the task has ended (noted in
 * t); to be asked before each push. Fits: the one that t kept will do, once it
 * has been refilled with the captures of r (it is at index func). */
bool lgort_call_push_ready(lua_State *L, lgort_vm *vm, gort_record *r);
bool lgort_call_to_share(lgort_vm *vm, gort_record *r);
void lgort_call_push_function(lua_State *L, gort_record *r, bool share);
void lgort_call_push_arguments(lua_State *L, gort_record *r);
bool lgort_call_keeps(gort_record *r, lgort_task *t);
bool lgort_call_fits(gort_record *r, const lgort_task *t);
void lgort_call_refill(lua_State *L, gort_record *r, int func);
/* The host of whoever made the call. */
lgort_host *lgort_call_host(gort_record *r);
/* Tells t where it was created, and hands over whom to tell. */
void lgort_call_site(gort_record *r, lgort_task *t);
/* Drops what is left of the payload; any thread. */
void lgort_call_drop(gort_record *r);
/* The record, too. */
void lgort_call_free(gort_record *r);
/* Makes another record of the same call (after_func); NULL without memory. */
gort_record *lgort_call_copy(gort_record *r);

/* Pushes "main.lua:3: task assigns captured <what> '<name>' ...". */
void lgort_push_refusal(lua_State *L, const char *what, const char *name,
                        const lgort_code *code, int line);

/* "created by task 1 at main.lua:12" into out. */
void lgort_describe_site(const char *source, int line, uint64_t parent,
                         char *out, size_t size);

#endif
