/* why.c - the words for what cannot cross.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/why.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

const char *lgort_push_kind(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_isthread(L, idx)) return lua_pushliteral(L, "a coroutine");
  if (luaL_testudata(L, idx, LUA_FILEHANDLE))
    return lua_pushliteral(L, "a file");
  if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING) {
    const char *s = lua_pushfstring(L, "userdata (%s)", lua_tostring(L, -1));
    lua_remove(L, -2);
    return s;
  }
  return lua_pushfstring(L, "a %s", luaL_typename(L, idx));
}

static int is_name(const char *s, size_t len) {
  if (len == 0 || isdigit((unsigned char)*s)) return 0;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)s[i]) && s[i] != '_') return 0;
  return 1;
}

/* Pushes ".name" or "[key]" for the key at idx. */
static void push_key(lua_State *L, int idx) {
  size_t len;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, idx, &len);
      lua_pushfstring(L, is_name(s, len) ? ".%s" : "['%s']", s);
      return;
    }
    case LUA_TNUMBER:
      lua_pushvalue(L, idx); /* tolstring would change the key itself */
      lua_pushfstring(L, "[%s]", lua_tostring(L, -1));
      lua_remove(L, -2);
      return;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, idx) ? "[true]" : "[false]");
      return;
    default:
      lua_pushfstring(L, "[a %s]", luaL_typename(L, idx));
  }
}

static void push_field_step(lua_State *L, int parent, int child) {
  for (lua_pushnil(L); lua_next(L, parent); lua_pop(L, 1)) {
    int found = lua_rawequal(L, -1, child) ? 1 : lua_rawequal(L, -2, child) * 2;
    if (!found) continue;
    if (found == 1)
      push_key(L, lua_gettop(L) - 1);
    else
      lua_pushliteral(L, " (a key of it)");
    lua_replace(L, -3);
    lua_pop(L, 1);
    return;
  }
  lua_pushliteral(L, " (its metatable)");
}

static void push_upvalue_step(lua_State *L, int parent, int child) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, parent, i)); i++) {
    int found = lua_rawequal(L, -1, child);
    lua_pop(L, 1);
    if (!found) continue;
    lua_Debug ar;
    lua_pushvalue(L, parent);
    lua_getinfo(L, ">S", &ar);
    lua_pushfstring(L, " (upvalue '%s' of function at %s:%d)", name,
                    ar.short_src, ar.linedefined);
    return;
  }
  lua_pushliteral(L, " (an upvalue)");
}

void lgort_push_step(lua_State *L, int parent, int child) {
  parent = lua_absindex(L, parent);
  child = lua_absindex(L, child);
  if (lua_istable(L, parent))
    push_field_step(L, parent, child);
  else
    push_upvalue_step(L, parent, child);
}
