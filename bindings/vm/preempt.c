/* preempt.c - ending a task's turn, or the task, from the outside.
 *
 * SPDX-License-Identifier: MIT
 *
 * The handler makes the coroutine that runs stop at its next instruction:
 * lua_sethook is the one function that Lua allows in a signal handler. What
 * it sets depends on the hook that is there:
 *   none          turn_over, which takes itself off
 *   the script's  (hooks.c) a count event more; that hook knows what the
 *                 script asked for
 *   a C module's  turn_over, which puts that hook back (vm->saved_hook).
 * The hook yields if every C function on the way can be left; or it raises, in
 * a task that is to end (bound.h), or to be interrupted at a prompt. */
#include "vm/preempt.h"

#include <stdlib.h>

#include "vm/bound.h"
#include "vm/hooks.h"

void lgort_raise_interrupt(lua_State *L, lgort_vm *vm) {
  int how = atomic_load_explicit(&vm->interrupt, memory_order_acquire);
  if (how == LGORT_INTERRUPT_STICK)
    lgort_hook(vm, L, 1);
  else /* unless another has come meanwhile */
    atomic_compare_exchange_strong(&vm->interrupt, &how, LGORT_INTERRUPT_NONE);
  luaL_error(L, "%s", gort_strerror(GORT_EINTR));
  abort();
}

static void check_interrupt(lua_State *L, lgort_vm *vm) {
  if (atomic_load_explicit(&vm->interrupt, memory_order_acquire))
    lgort_raise_interrupt(L, vm);
}

/* Lua marks the call whose hook has yielded, and passes over the next hook in
 * it: which is to be one of ours that comes at once, not one that has come to
 * end the task. Line and count hooks come at once anyway. */
static void spend_mark(lua_State *L, lgort_vm *vm) {
  if (!(lua_gethookmask(L) & (LUA_MASKLINE | LUA_MASKCOUNT)))
    lgort_hook(vm, L, 1);
}

void lgort_end_hook(lua_State *L, lgort_vm *vm) {
  lua_Hook hook = lua_gethook(L);
  int mask = lua_gethookmask(L);
  check_interrupt(L, vm);
  lgort_check_stop(L, vm);
  /* It is to be asked again, after some more instructions. */
  if (lua_gethook(L) != hook || lua_gethookmask(L) != mask) return;
  if (!atomic_load_explicit(&vm->preempt, memory_order_relaxed)) return;
  atomic_store_explicit(&vm->preempt, false, memory_order_relaxed);
  if (vm->nopark == 0 && lua_isyieldable(L)) {
    vm->yielding = LGORT_YIELD_TURN;
    lua_yield(L, 0); /* comes back: Lua yields when the hook has returned */
    spend_mark(L, vm);
  } else if (vm->host->insists && gort_is_stopping(vm->rt)) {
    luaL_error(L, "%s", gort_strerror(GORT_ESTOPPED));
  }
}

/* A C module's line hook is called after the count hook for the same
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
  if (mine) vm->saved_hook.L = NULL;
  lgort_end_hook(L, vm);
}

bool lgort_is_turn_hook(lua_Hook hook) { return hook == turn_over; }

void lgort_hook(lgort_vm *vm, lua_State *L, int count) {
  lua_Hook hook = lua_gethook(L);
  if (lgort_is_script_hook(hook)) {
    /* With a count event of its own it comes along often enough. */
    if (!(lua_gethookmask(L) & LUA_MASKCOUNT))
      lua_sethook(L, hook, lua_gethookmask(L) | LUA_MASKCOUNT, count);
    return;
  }
  if (hook && hook != turn_over) {
    /* Taken: a coroutine further out is to stop once it runs again. */
    if (vm->saved_hook.L && vm->saved_hook.L != L) return;
    vm->saved_hook.hook = hook;
    vm->saved_hook.mask = lua_gethookmask(L);
    vm->saved_hook.count = lua_gethookcount(L);
    vm->saved_hook.L = L;
  } else if (!hook && vm->saved_hook.L == L) {
    vm->saved_hook.L = NULL; /* its module has taken it off since */
  }
  lua_sethook(L, turn_over, lua_gethookmask(L) | LUA_MASKCOUNT, count);
}

void lgort_preempt(gort_vm *gvm) {
  lgort_vm *vm = gort_vm_state(gvm);
  lua_State *L = atomic_load_explicit(&vm->innermost, memory_order_relaxed);
  if (!L) return;
  atomic_store_explicit(&vm->preempt, true, memory_order_relaxed);
  if (lua_gethook(L) != turn_over) lgort_hook(vm, L, 1);
}
