/* park.h - how a C function of the bindings blocks.
 *
 * SPDX-License-Identifier: MIT
 *
 * A blocking function asks the wait core; when that says GORT_PARKED the
 * function ends with `return lgort_park(L, ctx, k)`, and k goes on when the
 * task is resumed. lgort_wait_then is all of that for one source; lgort_wait
 * the first half, for functions that have something to keep meanwhile. */
#ifndef LGORT_VM_PARK_H
#define LGORT_VM_PARK_H

#include "vm/vm.h"

/* True when the running function could park. */
static inline bool lgort_can_park(lua_State *L, lgort_vm *vm) {
  return lua_isyieldable(L) && vm->nopark == 0 && vm->task;
}

/* Raises the error that names the C function that is in the way. */
_Noreturn void lgort_cannot_park(lua_State *L);

/* For what begins something and then waits for it: raises when it cannot wait,
 * or the task is to end. */
void lgort_will_park(lua_State *L, lgort_vm *vm);

/* Leaves to the scheduler; k runs when the task is resumed. */
int lgort_park(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* Lets others run; the task stays runnable. */
int lgort_yield_turn(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* Lets those begin that the task has started; it goes on soon. */
int lgort_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k);

/* Raises the text of a negative code; for GORT_EBOUND, which tells that the
 * task's context was done after the call had looked, the context's error. */
_Noreturn void lgort_raise(lua_State *L, int code);

/* True when the running task, which no context ends, can park. */
static inline bool lgort_waits_plainly(lua_State *L, lgort_vm *vm) {
  return vm->task && !vm->task->bound && lgort_can_park(L, vm);
}
int lgort__wait(lua_State *L, lgort_vm *vm, gort_source *s, gort_op op,
                gort_value *value, const gort_limit *limit, gort_result *res);
/* gort_wait for a Lua function: 0 (res is filled) or GORT_PARKED. Raises when
 * it would have to wait where it cannot, before anything is queued; value
 * (never NULL) is dropped then. */
static inline int lgort_wait(lua_State *L, lgort_vm *vm, gort_source *s,
                             gort_op op, gort_value *value,
                             const gort_limit *limit, gort_result *res) {
  if (lgort_waits_plainly(L, vm)) {
    int rc = gort_wait(gort_vm_current(vm->vm), s, op, value, limit, res);
    if (rc >= 0) return rc;
    gort_value_drop(value);
    lgort_raise(L, rc);
  }
  return lgort__wait(L, vm, s, op, value, limit, res);
}
/* gort_wait_finish for the running task. Raises when the wait was given up: the
 * error of the context that the task is bound to, or "interrupted!". */
void lgort_wait_finish(lua_State *L, gort_result *res);

/* Pushes what a wait has given and returns how many values that is; takes the
 * result's value. */
typedef int (*lgort_pusher)(lua_State *L, gort_result *res);
int lgort__then_k(lua_State *L, int status, lua_KContext push);
/* Goes on where a wait has given rc (0 or GORT_PARKED): returns what push does,
 * at once or when the task is resumed. The value (NULL: nil) is dropped unless
 * it was taken. Inline: what does not park calls push directly. */
static inline int lgort_then(lua_State *L, int rc, gort_value *value,
                             gort_result *res, lgort_pusher push) {
  if (rc == GORT_PARKED)
    return lgort_park(L, (lua_KContext)push, lgort__then_k);
  if (value && value->type != GORT_NIL) gort_value_drop(value);
  return push(L, res);
}
/* Waits for s and goes on: `return lgort_wait_then(...)`. */
static inline int lgort_wait_then(lua_State *L, lgort_vm *vm, gort_source *s,
                                  gort_op op, gort_value *value,
                                  const gort_limit *limit, lgort_pusher push) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  int rc = lgort_wait(L, vm, s, op, value ? value : &none, limit, &res);
  return lgort_then(L, rc, value, &res, push);
}

gort_limit lgort__check_limit(lua_State *L, int idx);
/* The limit that argument idx asks for: absent or nil, none; a number of
 * seconds from now; a context. Raises for anything else. */
static inline gort_limit lgort_check_limit(lua_State *L, int idx) {
  if (lua_gettop(L) < idx) return (gort_limit){GORT_FOREVER, NULL};
  return lgort__check_limit(L, idx);
}
/* 0, or the status of a wait that the limit keeps from beginning. */
int lgort_limit_reached(const gort_limit *limit);
/* A duration in seconds as nanoseconds, saturated; raises for NaN. */
int64_t lgort_check_duration(lua_State *L, int idx);
/* now + duration, never past GORT_FOREVER. */
int64_t lgort_after(int64_t duration);

#endif
