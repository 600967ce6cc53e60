/* task.c - go().
 *
 * SPDX-License-Identifier: MIT */
#include "cross/call.h"
#include "lib/lib.h"

static int lib_go(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  gort_go(vm->rt, lgort_call_new(L, vm, 1));
  return 0;
}

int lgort_open_task(lua_State *L) {
  lua_pushcfunction(L, lib_go);
  return 1;
}
