/* env.c - the globals that functions see.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/env.h"

#include <string.h>

#include "cross/message.h"

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
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->envs);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, lua_topointer(L, -2));
  lua_pop(L, 1);
}

void lgort_push_env(lua_State *L, lgort_vm *vm, int kind) {
  if (kind == LGORT_ENV_BASE) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  } else if (kind == LGORT_ENV_LIGHT) {
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->env_meta);
    lua_setmetatable(L, -2);
  } else {
    push_full(L, vm);
  }
}

int lgort_env_needed(const lgort_code *code) {
  static const char *const whole[] = {"_G",     "load",    "loadfile",
                                      "dofile", "require", "debug"};
  const lgort_analysis *a = code->info;
  int kind = a->env_escapes ? LGORT_ENV_FULL : LGORT_ENV_BASE;
  for (size_t i = 0; i < a->nglobals && kind < LGORT_ENV_FULL; i++) {
    if (a->globals[i].written) kind = LGORT_ENV_LIGHT;
    for (size_t j = 0; j < sizeof whole / sizeof *whole; j++)
      if (strcmp(a->globals[i].name, whole[j]) == 0) kind = LGORT_ENV_FULL;
  }
  return kind;
}

bool lgort_push_captured(lua_State *L, lgort_vm *vm, int env,
                         const lgort_global *g) {
  luaL_checkstack(L, 4, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  lua_pushlstring(L, g->name, g->len);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3); /* base, name, standard */
  lua_insert(L, -2);
  if (lua_topointer(L, env) == vm->base_ptr)
    lua_rawget(L, -3);
  else
    lua_gettable(L, env); /* a light one inherits; a script's may compute */
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

void lgort_open_env(lua_State *L, lgort_vm *vm) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  vm->globals_ptr = lua_topointer(L, -1);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, LUA_GNAME);
  vm->base_ptr = lua_topointer(L, -1);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  vm->env_meta_ptr = lua_topointer(L, -1);
  vm->env_meta = luaL_ref(L, LUA_REGISTRYINDEX);
  vm->base = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  vm->envs = luaL_ref(L, LUA_REGISTRYINDEX);
}
