/* names.c - how functions and things are called in messages.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/names.h"

#include <stdbool.h>
#include <string.h>

/* Pushes "mod.field" for the value at func, if a loaded module has it. */
static bool push_module_name(lua_State *L, int func) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1)) continue;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, func))
        continue;
      const char *module = lua_tostring(L, -4);
      if (strcmp(module, LUA_GNAME) == 0)
        lua_pushvalue(L, -2);
      else
        lua_pushfstring(L, "%s.%s", module, lua_tostring(L, -2));
      lua_replace(L, func + 1);
      lua_settop(L, func + 1);
      return true;
    }
  }
  lua_settop(L, func);
  return false;
}

void lgort_push_function_name(lua_State *L, const lua_Debug *ar) {
  int func = lua_gettop(L);
  luaL_checkstack(L, 8, NULL);
  if (push_module_name(L, func)) return;
  lua_pushstring(L, ar->name ? ar->name : "?");
}

/* By its sound: "rw" is spelled out, the u of "userdata" is a consonant. */
const char *lgort_article(const char *noun) {
  bool vowel = strchr("aeio", *noun) || strncmp(noun, "rw", 2) == 0;
  return vowel ? "an" : "a";
}
