/* collect.c - collectgarbage: Lua's, but a full collection is everybody's.
 *
 * SPDX-License-Identifier: MIT
 *
 * Each vm has a collector of its own, which works when the vm does. What a
 * burst of tasks has left in a vm that has nothing to do since would stay; so
 * who asks for a full collection here asks for one there, too. */
#include <string.h>

#include "cross/call.h"
#include "lib/lib.h"
#include "vm/pool.h"

/* A vm with less than that is left alone by others. */
static const size_t WORTH_IT = 1 << 20;

static int collect_own(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_pool_shrink(L);
  int res = lua_gc(L, LUA_GCCOLLECT, 0);
  gort_vm_trim(vm->vm);
  return res;
}

/* A task that others start in their vms. */
static int visit(lua_State *L) {
  collect_own(L);
  return 0;
}

/* Starts that task where it pays. Nobody waits for it. */
static void collect_others(lua_State *L, lgort_vm *vm) {
  gort_stats s;
  gort_get_stats(vm->rt, &s);
  for (unsigned i = 1; i < s.vms; i++) {
    gort_vm *other = gort_vm_at(vm->rt, i);
    const lgort_vm *it = other ? gort_vm_state(other) : NULL;
    if (!it || it == vm) continue;
    if (atomic_load_explicit(&it->bytes, memory_order_relaxed) < WORTH_IT)
      continue;
    lua_pushcfunction(L, visit);
    gort_record *r = lgort_call_new(L, vm, lua_gettop(L));
    lua_pop(L, 1);
    gort_vm_go(other, r);
  }
}

/* A collector that is busy with a finalizer says -1. */
static int push_number(lua_State *L, int n) {
  if (n == -1)
    luaL_pushfail(L);
  else
    lua_pushinteger(L, n);
  return 1;
}

static int push_flag(lua_State *L, int n) {
  if (n == -1) return push_number(L, n);
  lua_pushboolean(L, n);
  return 1;
}

static int push_mode(lua_State *L, int mode) {
  if (mode == -1) return push_number(L, mode);
  lua_pushstring(L, mode == LUA_GCINC ? "incremental" : "generational");
  return 1;
}

static int push_count(lua_State *L) {
  int kb = lua_gc(L, LUA_GCCOUNT), bytes = lua_gc(L, LUA_GCCOUNTB);
  if (kb == -1) return push_number(L, kb);
  lua_pushnumber(L, (lua_Number)kb + (lua_Number)bytes / 1024);
  return 1;
}

static int option(lua_State *L, int idx) {
  return (int)luaL_optinteger(L, idx, 0);
}

static int lib_collectgarbage(lua_State *L) {
  static const char *const names[] = {
      "collect",      "stop",        "restart",    "count",
      "step",         "setpause",    "setstepmul", "isrunning",
      "generational", "incremental", NULL};
  enum { COLLECT, STOP, RESTART, COUNT, STEP, PAUSE, STEPMUL, RUNS, GEN, INC };
  switch (luaL_checkoption(L, 1, "collect", names)) {
    case STOP:
      return push_number(L, lua_gc(L, LUA_GCSTOP));
    case RESTART:
      return push_number(L, lua_gc(L, LUA_GCRESTART));
    case COUNT:
      return push_count(L);
    case STEP:
      return push_flag(L, lua_gc(L, LUA_GCSTEP, option(L, 2)));
    case PAUSE:
      return push_number(L, lua_gc(L, LUA_GCSETPAUSE, option(L, 2)));
    case STEPMUL:
      return push_number(L, lua_gc(L, LUA_GCSETSTEPMUL, option(L, 2)));
    case RUNS:
      return push_flag(L, lua_gc(L, LUA_GCISRUNNING));
    case GEN:
      return push_mode(L, lua_gc(L, LUA_GCGEN, option(L, 2), option(L, 3)));
    case INC:
      return push_mode(
          L, lua_gc(L, LUA_GCINC, option(L, 2), option(L, 3), option(L, 4)));
    case COLLECT:
    default:;
  }
  int res = collect_own(L);
  if (res != -1) collect_others(L, lgort_vm_of(L));
  return push_number(L, res);
}

void lgort_open_collect(lua_State *L) {
  lua_pushcfunction(L, lib_collectgarbage);
  lua_setglobal(L, "collectgarbage");
}
