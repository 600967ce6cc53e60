/* registry.c - making tables for the registry.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/registry.h"

#include <lauxlib.h>

void lgort_make_weak(lua_State *L, const char *mode) {
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

void lgort_push_weak_table(lua_State *L, const char *mode) {
  lua_newtable(L);
  lgort_make_weak(L, mode);
}

int lgort_ref_table(lua_State *L, const char *mode) {
  if (mode)
    lgort_push_weak_table(L, mode);
  else
    lua_newtable(L);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

int lgort_ref_meta(lua_State *L, const char *event, lua_CFunction f) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, event);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}
