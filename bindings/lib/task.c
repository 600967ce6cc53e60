/* task.c - go().
 *
 * SPDX-License-Identifier: MIT */
#include "cross/call.h"
#include "lib/lib.h"
#include "vm/park.h"

enum {
  /* Calls that a task starts in one turn before it gives them way: more would
   * lie about until the caches have forgotten them, a burst by the hundred
   * megabytes. */
  STARTS = 256,
  /* Calls that compute hold their starter up for longer than this. It gives
   * way less and less often then: they do not get done by that. */
  HELD_UP_NS = 2000000,
  MOST_STARTS = 1 << 20
};

/* since: when the task gave way. */
static int go_on(lua_State *L, int status, lua_KContext since) {
  lgort_vm *vm = lgort_vm_of(L);
  (void)status;
  if (gort_now() - since < HELD_UP_NS)
    vm->most = STARTS;
  else if (vm->most < MOST_STARTS)
    vm->most *= 2;
  return 0;
}

int lgort_start_task(lua_State *L, lgort_vm *vm, gort_record *r) {
  gort_go(vm->rt, r);
  if (++vm->starts < vm->most || !lgort_can_park(L, vm)) return 0;
  return lgort_give_way(L, gort_now(), go_on);
}

static int lib_go(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  return lgort_start_task(L, vm, lgort_call_new(L, vm, 1));
}

int lgort_open_task(lua_State *L) {
  lgort_vm_of(L)->most = STARTS;
  lua_pushcfunction(L, lib_go);
  return 1;
}
