/* standard.c - the values that every vm has: print, string, math.sin ...
 *
 * SPDX-License-Identifier: MIT */
#include "cross/standard.h"

#include <string.h>

#include "cross/message.h"

enum { MAX_DEPTH = 3 };

bool lgort_encode_standard(lua_State *L, lgort_vm *vm, int idx,
                           gort_value *out) {
  int type = lua_type(L, idx);
  if (type != LUA_TTABLE && type != LUA_TFUNCTION) return false;
  if (!lgort_special_has(&vm->special, lua_topointer(L, idx))) return false;
  idx = lua_absindex(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->standard_ids);
  lua_pushvalue(L, idx);
  bool is = lua_rawget(L, -2) == LUA_TNUMBER;
  if (is)
    *out = (gort_value){.type = GORT_POINTER,
                        .kind = LGORT_KIND_STANDARD,
                        .u.i = lua_tointeger(L, -1)};
  lua_pop(L, 2);
  return is;
}

void lgort_push_standard(lua_State *L, lgort_vm *vm, const gort_value *v) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->standard);
  lua_rawgeti(L, -1, v->u.i);
  lua_remove(L, -2);
}

/* ---- opening ----------------------------------------------------------- */

static bool is_left_out(const char *name) {
  static const char *const names[] = {"debug",    "package", "require", "load",
                                      "loadfile", "dofile",  LUA_GNAME};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

/* The value on top of the stack has this number here; pops it. Stack indices:
 * values by number, numbers by value. */
static void number(lua_State *L, lgort_vm *vm, int values, int ids, int id) {
  lgort_special_add(&vm->special, lua_topointer(L, -1));
  lua_pushvalue(L, -1);
  lua_pushinteger(L, id);
  lua_rawset(L, ids);
  lua_rawseti(L, values, id);
}

/* Adds a path, names that each end with a zero byte, to the list. */
static int add_path(lgort_codes *cs, const char *path, size_t len) {
  if (cs->nstandard == cs->standard_room) {
    int room = cs->standard_room ? cs->standard_room * 2 : 256;
    char **grown = gort_realloc(cs->standard, (size_t)room * sizeof *grown);
    if (!grown) return GORT_ENOMEM;
    cs->standard = grown;
    cs->standard_room = room;
  }
  char *copy = gort_malloc(len + 1);
  if (!copy) return GORT_ENOMEM;
  memcpy(copy, path, len);
  copy[len] = '\0'; /* an empty name ends the path */
  cs->standard[cs->nstandard++] = copy;
  return 0;
}

/* Numbers what the table at idx holds; path: stack index of the way there. */
static void number_fields(lua_State *L, lgort_vm *vm, int idx, int path,
                          int ids, int depth) {
  lgort_codes *cs = &vm->host->codes;
  luaL_checkstack(L, 12, NULL);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    int key = lua_gettop(L) - 1, value = key + 1;
    int type = lua_type(L, value);
    if (lua_type(L, key) != LUA_TSTRING) continue;
    if (type != LUA_TTABLE && type != LUA_TFUNCTION) continue;
    if (depth == 0 && is_left_out(lua_tostring(L, key))) continue;
    lua_pushvalue(L, value);
    if (lua_rawget(L, ids) == LUA_TNIL) {
      size_t len;
      lua_pushvalue(L, path);
      lua_pushvalue(L, key);
      lua_pushlstring(L, "", 1);
      lua_concat(L, 3);
      const char *way = lua_tolstring(L, -1, &len);
      if (add_path(cs, way, len) < 0) luaL_error(L, "not enough memory");
      lua_pushvalue(L, value);
      number(L, vm, ids - 1, ids, cs->nstandard);
      if (type == LUA_TTABLE && depth < MAX_DEPTH)
        number_fields(L, vm, value, lua_gettop(L), ids, depth + 1);
    }
    lua_settop(L, value);
  }
}

/* Numbers as the first vm did. */
static void look_up(lua_State *L, lgort_vm *vm, int values, int ids) {
  const lgort_codes *cs = &vm->host->codes;
  for (int id = 1; id <= cs->nstandard; id++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
    for (const char *name = cs->standard[id - 1]; *name;
         name += strlen(name) + 1) {
      if (lua_istable(L, -1))
        lua_getfield(L, -1, name);
      else
        lua_pushnil(L);
      lua_remove(L, -2);
    }
    if (lua_isnil(L, -1))
      lua_pop(L, 1);
    else
      number(L, vm, values, ids, id);
  }
}

void lgort_open_standard(lua_State *L, lgort_vm *vm) {
  int top = lua_gettop(L), values = top + 1, ids = top + 2;
  lua_newtable(L);
  lua_newtable(L);
  if (vm->host->codes.nstandard == 0) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
    lua_pushliteral(L, "");
    number_fields(L, vm, top + 3, top + 4, ids, 0);
  } else {
    look_up(L, vm, values, ids);
  }
  lua_settop(L, ids);
  vm->standard_ids = luaL_ref(L, LUA_REGISTRYINDEX);
  vm->standard = luaL_ref(L, LUA_REGISTRYINDEX);
}
