/* colib.c - coroutine.* inside tasks.
 *
 * SPDX-License-Identifier: MIT
 *
 * A coroutine of the script that blocks, or is preempted, yields to the
 * resume of the script; that resume must not return but yield on, up to the
 * scheduler, and go back into the coroutine when the task is resumed. So a
 * resume looks at vm->yielding to see whose yield it was.
 * To the script the task's own coroutine is the main one. */
#include "vm/bound.h"
#include "vm/coro.h"
#include "vm/preempt.h"

enum { FAILED = -1, PASSED_ON = -2 };

/* Resumes co with narg values on its stack. The number of results, moved to
 * L; FAILED with the error on L; PASSED_ON when the task must yield. */
static int run(lua_State *L, lua_State *co, int narg) {
  lgort_vm *vm = lgort_vm_of(L);
  int nres, stuck = vm->nopark > 0 || !lua_isyieldable(L);
  lua_State *outer = atomic_load_explicit(&vm->innermost, memory_order_relaxed);
  atomic_store_explicit(&vm->innermost, co, memory_order_relaxed);
  vm->nopark += stuck;
  lgort_set_suspended(co, false);
  if (atomic_load_explicit(&vm->interrupt, memory_order_relaxed))
    lgort_hook(vm, co, 1);
  int status = lua_resume(co, L, narg, &nres);
  vm->nopark -= stuck;
  atomic_store_explicit(&vm->innermost, outer, memory_order_relaxed);
  if (status == LUA_OK || status == LUA_YIELD) {
    if (status == LUA_YIELD && vm->yielding != LGORT_YIELD_USER) {
      lgort_set_suspended(co, true);
      return PASSED_ON;
    }
    if (!lua_checkstack(L, nres + 1)) {
      lua_pop(co, nres);
      lua_pushliteral(L, "too many results to resume");
      return FAILED;
    }
    lua_xmove(co, L, nres);
    return nres;
  }
  lua_xmove(co, L, 1);
  lgort_stop_again(L, vm);
  return FAILED;
}

static int begin(lua_State *L, lua_State *co, int narg) {
  if (lgort_is_suspended(co)) { /* another task waits in it */
    lua_pushliteral(L, "cannot resume non-suspended coroutine");
    return FAILED;
  }
  if (!lua_checkstack(co, narg)) {
    lua_pushliteral(L, "too many arguments to resume");
    return FAILED;
  }
  lua_xmove(L, co, narg);
  return run(L, co, narg);
}

static lua_State *check_co(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "thread");
  return co;
}

static int co_resume_k(lua_State *L, int status, lua_KContext ctx);

static int resume_end(lua_State *L, int n) {
  if (n == PASSED_ON) return lua_yieldk(L, 0, 0, co_resume_k);
  bool ok = n != FAILED;
  if (!ok) n = 1;
  lua_pushboolean(L, ok);
  lua_insert(L, -(n + 1));
  return n + 1;
}

static int co_resume_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  lgort_vm_of(L)->yielding = LGORT_YIELD_USER;
  return resume_end(L, run(L, lua_tothread(L, 1), 0));
}

static int co_resume(lua_State *L) {
  lua_State *co = check_co(L);
  return resume_end(L, begin(L, co, lua_gettop(L) - 1));
}

/* lua_resetthread, whose __close handlers cannot be left. They are clean-up
 * (bound.h). */
static int reset(lua_State *L, lua_State *co) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_task *t = vm->task;
  lua_State *outer = atomic_load_explicit(&vm->innermost, memory_order_relaxed);
  bool before = t && t->unwinding;
  atomic_store_explicit(&vm->innermost, co, memory_order_relaxed);
  vm->nopark++;
  if (t) t->unwinding = true;
  int status = lua_resetthread(co);
  if (t) t->unwinding = before;
  vm->nopark--;
  atomic_store_explicit(&vm->innermost, outer, memory_order_relaxed);
  return status;
}

static int co_wrap_k(lua_State *L, int status, lua_KContext ctx);

static int wrap_end(lua_State *L, lua_State *co, int n) {
  if (n == PASSED_ON) return lua_yieldk(L, 0, 0, co_wrap_k);
  if (n != FAILED) return n;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) { /* it failed: close it */
    status = reset(L, co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int co_wrap_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  lgort_vm_of(L)->yielding = LGORT_YIELD_USER;
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  return wrap_end(L, co, run(L, co, 0));
}

static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  return wrap_end(L, co, begin(L, co, lua_gettop(L)));
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

static int co_yield (lua_State *L) {
  if (L == lgort_vm_of(L)->task_co)
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

static int co_running(lua_State *L) {
  bool is_main = lua_pushthread(L) || L == lgort_vm_of(L)->task_co;
  lua_pushboolean(L, is_main);
  return 2;
}

/* As the stock library names them; one that waits is not to be resumed. */
static const char *status_of(lua_State *L, lua_State *co) {
  lua_Debug ar;
  if (L == co) return "running";
  if (lgort_is_suspended(co)) return "normal";
  switch (lua_status(co)) {
    case LUA_YIELD:
      return "suspended";
    case LUA_OK:
      if (lua_getstack(co, 0, &ar)) return "normal"; /* it has frames */
      return lua_gettop(co) == 0 ? "dead" : "suspended";
    default:
      return "dead";
  }
}

static int co_status(lua_State *L) {
  lua_pushstring(L, status_of(L, check_co(L)));
  return 1;
}

static int co_close(lua_State *L) {
  lua_State *co = check_co(L);
  const char *status = status_of(L, co);
  if (*status != 's' && *status != 'd')
    return luaL_error(L, "cannot close a %s coroutine", status);
  if (reset(L, co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

static int co_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : check_co(L);
  lua_pushboolean(L, co != lgort_vm_of(L)->task_co && lua_isyieldable(co));
  return 1;
}

static const luaL_Reg functions[] = {
    {"resume", co_resume},
    {"wrap", co_wrap},
    {"yield", co_yield },
    {"running", co_running},
    {"isyieldable", co_isyieldable},
    {"status", co_status},
    {"close", co_close},
    {NULL, NULL},
};

void lgort_open_coroutine(lua_State *L) {
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
