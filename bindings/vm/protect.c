/* protect.c - pcall and xpcall for scripts.
 *
 * SPDX-License-Identifier: MIT
 *
 * They do what Lua's do. In a bound task their message handler says that the
 * task unwinds, which is until they return (bound.h). */
#include "vm/bound.h"

/* What lies below the results: nothing, or the message handler; and whether
 * the task was unwinding before. Packed into a KContext. */
enum { BELOW = 1, UNWINDING = 2 };

/* Upvalue 1: the script's own handler, or nil. */
static int on_error(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  if (vm->task) vm->task->unwinding = true;
  if (lua_isnil(L, lua_upvalueindex(1))) return 1;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

/* Stack: the message handler (BELOW), true, results; or ..., the error. */
static int caught(lua_State *L, int status, lua_KContext ctx) {
  lgort_vm *vm = lgort_vm_of(L);
  if (lgort_is_bound(vm)) {
    vm->task->unwinding = ctx & UNWINDING;
    if (!vm->task->unwinding) {
      lgort_pause_cleaning(vm->task);
      lgort_stop_again(L, vm);
    }
  }
  if (status == LUA_OK || status == LUA_YIELD)
    return lua_gettop(L) - (int)(ctx & BELOW);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* Stack: the handler (nil: none) if there is one, the function, arguments. */
static int protect(lua_State *L, bool handled) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_KContext ctx = handled ? BELOW : 0;
  if (lgort_is_bound(vm)) {
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, on_error, 1);
    lua_replace(L, 1);
    if (vm->task->unwinding) ctx |= UNWINDING;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, handled + 1);
  int status = lua_pcallk(L, lua_gettop(L) - handled - 2, LUA_MULTRET, handled,
                          ctx, caught);
  return caught(L, status, ctx);
}

static int protect_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  bool bound = lgort_is_bound(lgort_vm_of(L));
  if (bound) {
    lua_pushnil(L);
    lua_insert(L, 1);
  }
  return protect(L, bound);
}

static int protect_xpcall(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 1);
  lua_copy(L, 2, 1);
  lua_replace(L, 2);
  return protect(L, true);
}

void lgort_open_protect(lua_State *L) {
  lua_pushcfunction(L, protect_pcall);
  lua_setglobal(L, "pcall");
  lua_pushcfunction(L, protect_xpcall);
  lua_setglobal(L, "xpcall");
}
