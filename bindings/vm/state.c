/* state.c - making and destroying the Lua side of a vm.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cross/additions.h"
#include "cross/classes.h"
#include "cross/env.h"
#include "cross/modules.h"
#include "cross/require.h"
#include "cross/standard.h"
#include "lib/lib.h"
#include "cross/call.h"
#include "vm/adopt.h"
#include "vm/bound.h"
#include "vm/coro.h"
#include "vm/pool.h"
#include "vm/hooks.h"
#include "vm/preempt.h"
#include "vm/reach.h"
#include "vm/registry.h"

static void count_bytes(lgort_vm *vm, size_t less, size_t more) {
  size_t bytes = atomic_load_explicit(&vm->bytes, memory_order_relaxed);
  atomic_store_explicit(&vm->bytes, bytes - less + more, memory_order_relaxed);
}

static void *lua_memory(void *ud, void *ptr, size_t osize, size_t nsize) {
  lgort_vm *vm = ud;
  if (!ptr) { /* osize tells what for */
    void *block = nsize ? gort_vm_realloc(vm->vm, NULL, 0, nsize) : NULL;
    if (block) count_bytes(vm, 0, nsize);
    return block;
  }
  if (nsize == 0) {
    lgort_proto_freed(&vm->protos, ptr);
    count_bytes(vm, osize, 0);
    return gort_vm_realloc(vm->vm, ptr, osize, 0);
  }
  void *moved = gort_vm_realloc(vm->vm, ptr, osize, nsize);
  if (moved) count_bytes(vm, osize, nsize);
  return moved;
}

/* The same where the host limits or does it. */
static void *host_memory(void *ud, void *ptr, size_t osize, size_t nsize) {
  lgort_vm *vm = ud;
  const lgort_host *h = vm->host;
  size_t bytes = atomic_load_explicit(&vm->bytes, memory_order_relaxed);
  size_t old = ptr ? osize : 0;
  if (h->vm_memory && nsize > old &&
      (bytes > h->vm_memory || nsize - old > h->vm_memory - bytes))
    return NULL;
  if (!h->alloc) return lua_memory(ud, ptr, osize, nsize);
  if (nsize == 0) lgort_proto_freed(&vm->protos, ptr);
  void *moved = h->alloc(h->alloc_user, ptr, osize, nsize);
  if (moved || nsize == 0) count_bytes(vm, old, nsize);
  return moved;
}

/* Writes the warning that has been put together. */
static void end_warning(lgort_vm *vm) {
  char *text = gort_text_take(vm->warning);
  vm->warning = NULL;
  if (text && vm->host->warn) {
    vm->host->warn(vm->host, text);
  } else if (text) {
    lgort_write(vm->host, stderr, text, strlen(text));
    fflush(stderr);
  }
  gort_free(text);
}

/* The warning function of lua: "@on" and "@off" control it. A warning may come
 * in pieces, and is written in one. */
static void warn(void *ud, const char *message, int to_be_continued) {
  static const char head[] = "Lua warning: ";
  lgort_vm *vm = ud;
  if (!vm->warning && !to_be_continued && *message == '@') {
    if (strcmp(message, "@on") == 0) vm->warn_on = true;
    if (strcmp(message, "@off") == 0) vm->warn_on = false;
    return;
  }
  if (!vm->warn_on && !vm->host->warn) return;
  if (!vm->warning) {
    vm->warning = gort_text_new();
    if (!vm->warning) return;
    if (!vm->host->warn) gort_text_add(vm->warning, head, sizeof head - 1);
  }
  gort_text_add(vm->warning, message, strlen(message));
  if (to_be_continued) return;
  if (!vm->host->warn) gort_text_add(vm->warning, "\n", 1);
  end_warning(vm);
}

/* C libraries stay when the state goes: what they made may have crossed. */
static void keep_libraries(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "_CLIBS") == LUA_TTABLE) {
    lua_pushnil(L);
    lua_setmetatable(L, -2);
  }
  lua_pop(L, 1);
}

/* The host's modules, where require finds them. */
static void preload(lua_State *L, const luaL_Reg *modules) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (; modules && modules->name; modules++) {
    lua_pushcfunction(L, modules->func);
    lua_setfield(L, -2, modules->name);
  }
  lua_pop(L, 1);
}

/* Protected: fills a fresh state. */
static int open_state(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  if (vm->host->no_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  if (vm != vm->host->adopted) luaL_openlibs(L);
  keep_libraries(L);
  vm->threads = lgort_ref_table(L, NULL);
  vm->handles = lgort_ref_table(L, "v");
  vm->factories = lgort_ref_table(L, NULL);
  vm->old_factories = lgort_ref_table(L, NULL);
  vm->anchors = lgort_ref_table(L, "v");
  vm->shared_closures = lgort_ref_table(L, "v");
  lgort_codes *codes = &vm->host->codes;
  if (gort_vm_index(vm->vm) == 0) lgort_layout_probe(L, &codes->layout);
  lgort_open_pool(L);
  lgort_open_repeats(L);
  lgort_open_keys(L);
  lgort_open_coroutine(L);
  lgort_open_protect(L);
  lgort_open_hooks(L);
  lgort_open_modules(L, vm);
  lgort_open_require(L, vm);
  lgort_open_classes(L, vm);
  lgort_open_stock(L);
  lgort_open_output(L);
  lgort_open_collect(L);
  lgort_open_all(L);
  preload(L, vm->host->modules);
  if (vm->host->on_open) {
    lua_pushcfunction(L, vm->host->on_open);
    lua_pushlightuserdata(L, vm->host->user);
    lua_call(L, 1, 0);
  }
  lgort_open_env(L, vm);
  lgort_open_additions(L, vm);
  lgort_note_modules(L, vm);
  lgort_open_standard(L, vm);
  return 0;
}

static void free_parts(lgort_vm *vm) {
  if (vm->warning) end_warning(vm);
  lgort_held_fini(&vm->held);
  lgort_encoder_fini(&vm->encoder);
  lgort_protos_fini(&vm->protos);
  for (int i = 0; i < LGORT_PURSES; i++) lgort_purse_fini(&vm->purses[i]);
  lgort_class_release(vm->additions);
  lgort_forget_repeats(NULL, vm);
  lgort_pool_fini(vm);
}

static void vm_destroy(gort_vm *gvm) {
  lgort_vm *vm = gort_vm_state(gvm);
  if (vm == vm->host->adopted) return;
  if (vm->L) lua_close(vm->L);
  free_parts(vm);
  gort_free(vm);
}

/* The state that is there already serves one more runtime. */
static int vm_reuse(gort_vm *gvm, lgort_vm *vm) {
  vm->vm = gvm;
  vm->rt = gort_vm_runtime(gvm);
  vm->task_co = NULL;
  gort_vm_set_state(gvm, vm);
  return 0;
}

static int vm_create(gort_vm *gvm, void *arg) {
  lgort_host *h = arg;
  if (h->adopted && gort_vm_index(gvm) == 0) return vm_reuse(gvm, h->adopted);
  lgort_vm *vm = gort_malloc(sizeof *vm);
  if (!vm) return GORT_ENOMEM;
  memset(vm, 0, sizeof *vm);
  vm->vm = gvm;
  vm->rt = gort_vm_runtime(gvm);
  vm->host = h;
  bool counted = vm->host->alloc || vm->host->vm_memory;
  vm->L = lua_newstate(counted ? host_memory : lua_memory, vm);
  if (!vm->L) {
    gort_free(vm);
    return GORT_ENOMEM;
  }
  *(lgort_vm **)lua_getextraspace(vm->L) = vm;
  lua_setwarnf(vm->L, warn, vm);
  vm->warn_on = vm->host->warn_on;
  gort_vm_set_state(gvm, vm);
  lua_pushcfunction(vm->L, open_state);
  int status = lua_pcall(vm->L, 0, 0, 0);
  if (status != LUA_OK) {
    if (vm->host->refused) vm->host->refused(vm->host, lua_tostring(vm->L, -1));
    vm_destroy(gvm);
    return status == LUA_ERRMEM ? GORT_ENOMEM : GORT_ELUA;
  }
  return 0;
}

const gort_vm_ops lgort_ops = {
    .create = vm_create,
    .destroy = vm_destroy,
    .start = lgort_start,
    .resume = lgort_resume,
    .stopped = lgort_stopped,
    .preempt = lgort_preempt,
    .describe = lgort_describe,
    .reach = lgort_reach,
    .fail = lgort_fail,
    .forget = lgort_forget,
    .drop = lgort_call_drop,
};

/* ---- a state that is there already ------------------------------------- */

static const char adopted_key = 0;

bool lgort_is_adopted(lua_State *L) {
  bool is = lua_rawgetp(L, LUA_REGISTRYINDEX, &adopted_key) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

lgort_vm *lgort__vm_of_stranger(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lgort_vm *vm = *(lgort_vm **)lua_getextraspace(lua_tothread(L, -1));
  lua_pop(L, 1);
  *(lgort_vm **)lua_getextraspace(L) = vm;
  return vm;
}

void lgort_adopt_state(lua_State *L, lgort_vm *vm) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  *(lgort_vm **)lua_getextraspace(lua_tothread(L, -1)) = vm;
  *(lgort_vm **)lua_getextraspace(L) = vm;
  lua_pop(L, 1);
  vm->L = lua_newthread(L); /* the main one may be in use while tasks run */
  lua_rawsetp(L, LUA_REGISTRYINDEX, &adopted_key);
}

void lgort_open_adopted(lua_State *L, lgort_vm *vm) {
  lua_State *pristine = luaL_newstate();
  if (!pristine) luaL_error(L, "not enough memory");
  luaL_openlibs(pristine);
  vm->host->pristine = pristine;
  lua_pushcfunction(L, open_state);
  int status = lua_pcall(L, 0, 0, 0);
  vm->host->pristine = NULL;
  lua_close(pristine);
  if (status != LUA_OK) lua_error(L);
}

void lgort_abandon_state(lgort_vm *vm) { free_parts(vm); }
