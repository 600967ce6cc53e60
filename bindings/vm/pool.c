/* pool.c - coroutines that wait to be tasks again.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/pool.h"

#include "cross/env.h"

/* A task's memory is its vm's, but for a state that outlives the vm. */
static lgort_task *new_task(lgort_vm *vm) {
  if (vm == vm->host->adopted) return gort_malloc(sizeof(lgort_task));
  return gort_vm_realloc(vm->vm, NULL, 0, sizeof(lgort_task));
}

static void free_task(lgort_vm *vm, lgort_task *lt) {
  if (vm == vm->host->adopted)
    gort_free(lt);
  else
    gort_vm_realloc(vm->vm, lt, sizeof *lt, 0);
}

/* Protected: makes a coroutine and anchors it. Stack: lgort_task pointer. */
static int new_coroutine(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_task *lt = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->threads);
  lt->co = lua_newthread(L);
  /* Slots of the freed are chained through the table itself. */
  int slot = vm->free_slots;
  if (slot) {
    lua_rawgeti(L, -2, slot);
    vm->free_slots = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  } else {
    slot = ++vm->next_slot;
  }
  lua_rawseti(L, -2, slot);
  lt->slot = slot;
  vm->used_slots++;
  return 0;
}

static void free_coroutine(lua_State *L, lgort_vm *vm, lgort_task *lt) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->threads);
  lua_pushinteger(L, vm->free_slots);
  lua_rawseti(L, -2, lt->slot); /* overwrites: needs no memory */
  lua_pop(L, 1);
  vm->free_slots = lt->slot;
  vm->used_slots--;
  free_task(vm, lt);
}

lgort_task *lgort_pool_take(lgort_vm *vm) {
  lgort_task *lt = vm->pool;
  if (lt) {
    vm->pool = lt->next;
    if (--vm->pooled < vm->pool_low) vm->pool_low = vm->pooled;
  } else {
    lt = new_task(vm);
    if (!lt) return NULL;
    lt->kept = 0;
    lua_pushcfunction(vm->L, new_coroutine);
    lua_pushlightuserdata(vm->L, lt);
    if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK) {
      lua_pop(vm->L, 1);
      free_task(vm, lt);
      return NULL;
    }
  }
  lt->has_env = false;
  lt->has_ending = false;
  lt->told = NULL;
  lt->unwinding = lt->cleaning = lt->ended = lt->asked = false;
  lt->stops = 0;
  lt->shields = 0;
  return lt;
}

void lgort_pool_give(lgort_vm *vm, lgort_task *lt) {
  if (lua_gethook(lt->co)) lua_sethook(lt->co, NULL, 0, 0);
  if (lt->has_env) lgort_set_task_env(vm->L, vm, lt);
  lt->next = vm->pool;
  vm->pool = lt;
  vm->pooled++;
}

void lgort_pool_forget(lgort_vm *vm, lgort_task *lt) {
  if (vm == vm->host->adopted) /* its state goes on */
    free_coroutine(vm->L, vm, lt);
  else
    free_task(vm, lt);
}

void lgort_pool_fini(lgort_vm *vm) {
  while (vm->pool) {
    lgort_task *lt = vm->pool;
    vm->pool = lt->next;
    free_task(vm, lt);
  }
}

/* A table with the threads that are left, for one that has mostly holes. */
static void compact_threads(lua_State *L, lgort_vm *vm) {
  int last = 0;
  lua_newtable(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->threads);
  for (int slot = 1; slot <= vm->next_slot; slot++) {
    if (lua_rawgeti(L, -1, slot) == LUA_TTHREAD) {
      lua_rawseti(L, -3, slot);
      last = slot;
    } else {
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->threads);
  vm->next_slot = last;
  vm->free_slots = 0;
}

void lgort_pool_shrink(lua_State *L) {
  enum { KEPT = 64, MANY_SLOTS = 4096 };
  lgort_vm *vm = lgort_vm_of(L);
  while (vm->pooled > KEPT) {
    lgort_task *lt = vm->pool;
    vm->pool = lt->next;
    vm->pooled--;
    free_coroutine(L, vm, lt);
  }
  if (vm->pool_low > vm->pooled) vm->pool_low = vm->pooled;
  if (vm->next_slot >= MANY_SLOTS && vm->used_slots < vm->next_slot / 8)
    compact_threads(L, vm);
}

/* __gc of the reaper, once in each collection: the coroutines that were not
 * needed since the last one go, so that a burst's memory comes back. */
static int reap(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  for (unsigned n = vm->pool_low; n > 0 && vm->pool; n--) {
    lgort_task *lt = vm->pool;
    vm->pool = lt->next;
    vm->pooled--;
    free_coroutine(L, vm, lt);
  }
  vm->pool_low = vm->pooled;
  vm->new_handles = 0;
  lgort_forget_repeats(L, vm);
  lgort_open_pool(L); /* the next collection's reaper */
  return 0;
}

void lgort_open_pool(lua_State *L) {
  lua_newtable(L);
  if (luaL_newmetatable(L, "gort.reaper")) {
    lua_pushcfunction(L, reap);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}
