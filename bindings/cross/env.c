/* env.c - the globals that functions see.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/env.h"

#include <string.h>

#include "cross/message.h"
#include "vm/registry.h"

bool lgort_is_env(lua_State *L, lgort_vm *vm, int idx) {
  if (!lua_istable(L, idx)) return false;
  const void *p = lua_topointer(L, idx);
  if (p == vm->base_ptr || p == vm->globals_ptr) return true;
  if (lua_getmetatable(L, idx)) {
    bool light = lua_topointer(L, -1) == vm->env_meta_ptr;
    lua_pop(L, 1);
    if (light) return true;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->envs);
  bool full = lua_rawgetp(L, -1, p) != LUA_TNIL;
  lua_pop(L, 2);
  return full;
}

int lgort_find_env(lua_State *L, lgort_vm *vm, int idx, int *nups) {
  int env_up = -1, i = 1;
  const char *name;
  for (; (name = lua_getupvalue(L, idx, i)); i++) {
    bool env = *name == '_' ? strcmp(name, "_ENV") == 0 && lua_istable(L, -1)
                            : *name == '(' && lgort_is_env(L, vm, -1);
    lua_pop(L, 1);
    if (env && env_up < 0) env_up = i - 1;
    if (env && !nups) break;
  }
  if (nups) *nups = i - 1;
  return env_up;
}

/* Lets the table on top of the stack be known as globals. */
static void note_env(lua_State *L, lgort_vm *vm) {
  lgort_special_add(&vm->special, lua_topointer(L, -1));
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->envs);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, lua_topointer(L, -1));
  lua_pop(L, 1);
}

static void push_full(lua_State *L, lgort_vm *vm) {
  lua_createtable(L, 0, 40);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -6);
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, LUA_GNAME);
  note_env(L, vm);
}

/* ---- the globals of a class's functions -------------------------------- */

/* Pushes the globals of the task that runs; false when it has no own ones. */
static bool push_running(lua_State *L, lgort_vm *vm) {
  if (gort_vm_index(vm->vm) == 0) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    return true;
  }
  gort_task *self = gort_vm_current(vm->vm);
  lgort_task *t = self ? gort_task_state(self) : NULL;
  if (!t || !t->has_env) return false;
  lgort_push_task_env(L, vm);
  return true;
}

/* Upvalue: what was captured with the class. */
static int shared_index(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING &&
      strcmp(lua_tostring(L, 2), LUA_GNAME) == 0) {
    if (!push_running(L, vm)) lgort_push_task_env(L, vm);
    return 1;
  }
  if (push_running(L, vm)) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  }
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

static int shared_newindex(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_settop(L, 3);
  if (!push_running(L, vm)) lgort_push_task_env(L, vm);
  lua_insert(L, 2);
  lua_settable(L, 2);
  return 0;
}

static int shared_pairs(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  lua_getfield(L, -1, "next");
  if (!push_running(L, vm)) lgort_push_task_env(L, vm);
  return 2;
}

static void push_shared(lua_State *L, lgort_vm *vm) {
  lua_newtable(L);
  lua_createtable(L, 0, 4);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "captured");
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, shared_index, 1);
  lua_setfield(L, -3, "__index");
  lua_pushcclosure(L, shared_newindex, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, shared_pairs);
  lua_setfield(L, -2, "__pairs");
  lua_setmetatable(L, -2);
  note_env(L, vm);
}

void lgort_push_own_globals(lua_State *L, lgort_vm *vm) {
  if (lua_topointer(L, -1) == vm->base_ptr || !lua_getmetatable(L, -1)) {
    lua_pushvalue(L, -1);
    return;
  }
  if (lua_getfield(L, -1, "captured") != LUA_TTABLE) {
    lua_pop(L, 2);
    lua_pushvalue(L, -1);
    return;
  }
  lua_remove(L, -2);
}

/* ---- kinds ------------------------------------------------------------- */

void lgort_push_env(lua_State *L, lgort_vm *vm, int kind) {
  if (kind == LGORT_ENV_BASE) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  } else if (kind == LGORT_ENV_LIGHT) {
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->env_meta);
    lua_setmetatable(L, -2);
  } else if (kind == LGORT_ENV_BARE) {
    lua_newtable(L);
  } else if (kind == LGORT_ENV_SHARED) {
    push_shared(L, vm);
  } else {
    push_full(L, vm);
  }
}

int lgort_env_needed(const lgort_code *code) {
  static const char *const whole[] = {"_G",      "load",  "loadfile", "dofile",
                                      "require", "debug", "package"};
  const lgort_analysis *a = code->info;
  int kind = a->env_escapes ? LGORT_ENV_FULL : LGORT_ENV_BASE;
  for (size_t i = 0; i < a->nglobals && kind < LGORT_ENV_FULL; i++) {
    if (a->globals[i].written) kind = LGORT_ENV_LIGHT;
    for (size_t j = 0; j < sizeof whole / sizeof *whole; j++)
      if (strcmp(a->globals[i].name, whole[j]) == 0) kind = LGORT_ENV_FULL;
  }
  return kind;
}

static int get_global(lua_State *L) {
  lua_gettable(L, 1);
  return 1;
}

/* Replaces the name on top of the stack by the value of the global: nil where
 * the script's own metatable refuses to read what is not declared. */
static void push_global(lua_State *L, lgort_vm *vm, int env) {
  lua_pushvalue(L, -1);
  bool there = lua_rawget(L, env) != LUA_TNIL;
  if (there || lua_topointer(L, env) == vm->base_ptr) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  if (lua_getmetatable(L, env)) {
    bool light = lua_topointer(L, -1) == vm->env_meta_ptr;
    lua_pop(L, 1);
    if (!light) {
      lua_pushcfunction(L, get_global);
      lua_pushvalue(L, env);
      lua_rotate(L, -3, 2);
      if (lua_pcall(L, 2, 1, 0) == LUA_OK) return;
    }
  }
  lua_pop(L, 1);  /* the name, or the error */
  lua_pushnil(L); /* where a light one inherits it is a standard global */
}

bool lgort_push_captured(lua_State *L, lgort_vm *vm, int env,
                         const lgort_global *g) {
  luaL_checkstack(L, 8, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  lua_pushlstring(L, g->name, g->len);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3); /* base, name, standard */
  lua_insert(L, -2);
  push_global(L, vm, env);
  bool own = !lua_isnil(L, -1) && !lua_rawequal(L, -1, -2) &&
             !(lua_istable(L, -1) && lgort_is_env(L, vm, -1));
  if (own) {
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 3);
  }
  return own;
}

void lgort_set_task_env(lua_State *L, lgort_vm *vm, lgort_task *t) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->task_envs);
  if (t->has_env)
    lua_pushnil(L);
  else
    lua_rotate(L, -2, 1); /* the table of tables, the environment */
  lua_rawseti(L, -2, t->slot);
  lua_pop(L, 1);
  t->has_env = !t->has_env;
}

void lgort_push_task_env(lua_State *L, lgort_vm *vm) {
  gort_task *self = gort_vm_current(vm->vm);
  lgort_task *t = self ? gort_task_state(self) : NULL;
  if (t && t->has_env) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->task_envs);
    lua_rawgeti(L, -1, t->slot);
    lua_remove(L, -2);
    return;
  }
  lgort_push_env(L, vm, LGORT_ENV_FULL);
  if (!t) return;
  lua_pushvalue(L, -1);
  lgort_set_task_env(L, vm, t);
}

/* ---- opening ----------------------------------------------------------- */

/* Whether the global at idx is one that every state has. */
static bool is_standard(lua_State *L, const lgort_vm *vm, int idx) {
  lua_State *pristine = vm->host->pristine;
  if (!pristine || vm != vm->host->adopted) return true;
  if (lua_type(L, idx) != LUA_TSTRING) return false;
  bool is = lua_getglobal(pristine, lua_tostring(L, idx)) != LUA_TNIL;
  lua_pop(pristine, 1);
  return is;
}

void lgort_open_env(lua_State *L, lgort_vm *vm) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  vm->globals_ptr = lua_topointer(L, -1);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
    if (!is_standard(L, vm, -2)) continue;
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, LUA_GNAME);
  vm->base_ptr = lua_topointer(L, -1);
  lgort_special_add(&vm->special, vm->base_ptr);
  lgort_special_add(&vm->special, vm->globals_ptr);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  vm->env_meta_ptr = lua_topointer(L, -1);
  vm->env_meta = luaL_ref(L, LUA_REGISTRYINDEX);
  vm->base = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  vm->envs = lgort_ref_table(L, "v");
  vm->task_envs = lgort_ref_table(L, NULL);
}
