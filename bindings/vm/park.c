/* park.c - parking a task from a C function of the bindings.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/park.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cross/handles.h"
#include "vm/bound.h"
#include "vm/names.h"

/* C functions that Lua can leave and come back to. */
static bool lets_yield(const char *name) {
  static const char *const fine[] = {
      "pcall",          "xpcall",           "dofile", "require",
      "coroutine.wrap", "coroutine.resume", "select", "?"};
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
    if (strcmp(name, fine[i]) == 0) return true;
  return false;
}

void lgort_cannot_park(lua_State *L) {
  lua_Debug ar;
  lgort_vm *vm = lgort_vm_of(L);
  if (vm == vm->host->adopted && !vm->task)
    luaL_error(L, "cannot block here: only inside gort.run");
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Snf", &ar);
    bool is_c = *ar.what == 'C';
    if (is_c) {
      lgort_push_function_name(L, &ar);
      const char *name = lua_tostring(L, -1);
      if (!lets_yield(name))
        luaL_error(L,
                   "cannot block inside a function called by '%s': "
                   "it is a C function that cannot be left and resumed",
                   name);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  luaL_error(L, "cannot block here: this code was called from C that cannot "
                "be left and resumed (a finalizer, a hook, or a coroutine "
                "resumed inside a C function's callback)");
  abort();
}

void lgort_will_park(lua_State *L, lgort_vm *vm) {
  gort_limit none = {GORT_FOREVER, NULL};
  lgort_check_end(L, vm, &none);
  if (!lgort_can_park(L, vm)) lgort_cannot_park(L);
}

int lgort_park(lua_State *L, lua_KContext ctx, lua_KFunction k) {
  lgort_vm_of(L)->yielding = LGORT_YIELD_PARK;
  return lua_yieldk(L, 0, ctx, k);
}

int lgort_yield_turn(lua_State *L, lua_KContext ctx, lua_KFunction k) {
  lgort_vm_of(L)->yielding = LGORT_YIELD_TURN;
  return lua_yieldk(L, 0, ctx, k);
}

int lgort_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k) {
  lgort_vm_of(L)->yielding = LGORT_YIELD_WAY;
  return lua_yieldk(L, 0, ctx, k);
}

/* Before the wait of a task that a context may end: its limit, cut. */
static const gort_limit *bound_limit(lua_State *L, lgort_vm *vm,
                                     gort_value *value, const gort_limit *limit,
                                     gort_limit *cut) {
  *cut = limit ? *limit : (gort_limit){GORT_FOREVER, NULL};
  int code = lgort_before_wait(L, vm, cut);
  if (code) {
    gort_value_drop(value);
    lgort_raise_end(L, code);
  }
  return cut;
}

/* Where the task cannot park. */
static int wait_not(lua_State *L, gort_source *s, gort_op op, gort_value *value,
                    const gort_limit *limit, gort_result *res) {
  if (gort_wait_try(s, op, value, res)) return 0;
  if (limit && (res->status = lgort_limit_reached(limit)) != 0) return 0;
  gort_value_drop(value);
  lgort_cannot_park(L);
}

int lgort__wait(lua_State *L, lgort_vm *vm, gort_source *s, gort_op op,
                gort_value *value, const gort_limit *limit, gort_result *res) {
  gort_limit cut;
  if (lgort_is_bound(vm)) limit = bound_limit(L, vm, value, limit, &cut);
  if (!lgort_can_park(L, vm)) return wait_not(L, s, op, value, limit, res);
  int rc = gort_wait(gort_vm_current(vm->vm), s, op, value, limit, res);
  if (rc < 0 || (rc == 0 && res->status < 0)) {
    gort_value_drop(value); /* it was not taken; this may raise */
    if (rc < 0) lgort_raise(L, rc);
    lgort_after_wait(L, vm, res);
  }
  return rc;
}

static inline void finish(lua_State *L, gort_result *res) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_wait_finish(gort_vm_current(vm->vm), res);
  if (res->status < 0) lgort_after_wait(L, vm, res);
}

void lgort_wait_finish(lua_State *L, gort_result *res) { finish(L, res); }

int lgort__then_k(lua_State *L, int status, lua_KContext push) {
  gort_result res;
  (void)status;
  finish(L, &res);
  return ((lgort_pusher)push)(L, &res);
}

int lgort_limit_reached(const gort_limit *limit) {
  int status = limit->ctx ? gort_context_err(limit->ctx) : 0;
  if (status == 0 && limit->deadline != GORT_FOREVER &&
      limit->deadline <= gort_now())
    status = GORT_ETIMEOUT;
  return status;
}

int64_t lgort_check_duration(lua_State *L, int idx) {
  lua_Number s = luaL_checknumber(L, idx);
  luaL_argcheck(L, !isnan(s), idx, "the duration is not a number (NaN)");
  if (s >= 9.2e9) return GORT_FOREVER;
  if (s <= -9.2e9) return -GORT_FOREVER;
  return (int64_t)ceil(s * 1e9);
}

int64_t lgort_after(int64_t duration) {
  if (duration == GORT_FOREVER) return GORT_FOREVER;
  int64_t now = gort_now(), when;
  if (duration <= 0) return now; /* what is past is due */
  return __builtin_add_overflow(now, duration, &when) ? GORT_FOREVER : when;
}

gort_limit lgort__check_limit(lua_State *L, int idx) {
  gort_limit limit = {GORT_FOREVER, NULL};
  if (lua_isnoneornil(L, idx)) return limit;
  if (lua_type(L, idx) == LUA_TNUMBER) {
    limit.deadline = lgort_after(lgort_check_duration(L, idx));
    return limit;
  }
  lgort_handle *h = lgort_to_handle(L, idx);
  if (!h || h->type != LGORT_CONTEXT)
    luaL_typeerror(L, idx, "context or timeout in seconds");
  limit.ctx = lgort_context_of(lgort_check_handle(L, idx, LGORT_CONTEXT));
  return limit;
}

void lgort_raise(lua_State *L, int code) {
  if (code == GORT_EBOUND) lgort_raise_end(L, lgort_end_of(lgort_vm_of(L)));
  luaL_error(L, "%s", gort_strerror(code));
  abort();
}
