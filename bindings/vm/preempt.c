/* preempt.c - ending a task's turn from the outside.
 *
 * SPDX-License-Identifier: MIT
 *
 * The handler sets a count hook of one instruction on the coroutine that
 * runs. The hook takes itself off, puts the script's own hook back, and
 * yields if every C function on the way can be left; or it raises, in a task
 * that is to end (bound.h). lua_sethook is the one
 * function that Lua allows in a signal handler. */
#include "vm/preempt.h"

#include "vm/bound.h"

/* A script's line hook is called after the count hook for the same
 * instruction, and would find the coroutine already yielded: with such a hook
 * the turn ends after its line event instead. */
static void turn_over(lua_State *L, lua_Debug *ar) {
  lgort_vm *vm = lgort_vm_of(L);
  bool mine = vm->saved_hook.L == L;
  lua_Hook hook = mine ? vm->saved_hook.hook : NULL;
  int mask = mine ? vm->saved_hook.mask : 0;
  if (ar->event == LUA_HOOKCOUNT) {
    if (mask & LUA_MASKLINE) return;
  } else {
    if (hook) hook(L, ar);
    if (ar->event != LUA_HOOKLINE || lua_gethook(L) != turn_over) return;
  }
  lua_sethook(L, hook, mask, mine ? vm->saved_hook.count : 0);
  vm->saved_hook.L = NULL;
  lgort_check_stop(L, vm);
  if (lua_gethook(L) == turn_over) return; /* it is to be asked again */
  if (vm->nopark == 0 && lua_isyieldable(L)) {
    vm->yielding = LGORT_YIELD_TURN;
    lua_yield(L, 0);
  }
}

void lgort_hook(lgort_vm *vm, lua_State *L, int count) {
  lua_Hook hook = lua_gethook(L);
  if (hook && hook != turn_over) {
    vm->saved_hook.hook = hook;
    vm->saved_hook.mask = lua_gethookmask(L);
    vm->saved_hook.count = lua_gethookcount(L);
    vm->saved_hook.L = L;
  } else if (vm->saved_hook.L == L && !hook) {
    vm->saved_hook.L = NULL; /* the script has taken its own off since */
  }
  lua_sethook(L, turn_over, lua_gethookmask(L) | LUA_MASKCOUNT, count);
}

void lgort_preempt(gort_vm *gvm) {
  lgort_vm *vm = gort_vm_state(gvm);
  lua_State *L = atomic_load_explicit(&vm->innermost, memory_order_relaxed);
  if (L && lua_gethook(L) != turn_over) lgort_hook(vm, L, 1);
}
