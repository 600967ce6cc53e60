/* modules.c - what crosses by name.
 *
 * SPDX-License-Identifier: MIT
 *
 * A weak table maps each function and table that package.loaded reaches in
 * two steps to its name. It is made anew when a value is not in it and the
 * set of loaded modules has changed since. */
#include "cross/modules.h"

#include <string.h>

/* names[value on top] = name at idx, unless it has one; pops the value. */
static void note(lua_State *L, int names, int name) {
  int type = lua_type(L, -1);
  if (type == LUA_TTABLE || type == LUA_TFUNCTION) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, names) == LUA_TNIL) {
      lua_pop(L, 1);
      if (type == LUA_TFUNCTION && !lua_iscfunction(L, -1))
        lgort_mark_module(L, lgort_vm_of(L), -1);
      lua_pushvalue(L, name);
      lua_rawset(L, names);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* The fields of the module on top of the stack, named at index name. */
static void note_fields(lua_State *L, int names, int name) {
  int module = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, module);) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, name);
    lua_pushlstring(L, "", 1);
    lua_pushvalue(L, -4);
    lua_concat(L, 3);
    lua_insert(L, -2); /* key, full name, value */
    note(L, names, lua_gettop(L) - 1);
    lua_pop(L, 1);
  }
}

static void rebuild(lua_State *L, lgort_vm *vm) {
  luaL_checkstack(L, 16, NULL);
  lua_newtable(L);
  int names = lua_gettop(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, names);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  int loaded = lua_gettop(L);
  /* Modules first, so that none is known as a field of another. */
  for (int fields = 0; fields <= 1; fields++)
    for (lua_pushnil(L); lua_next(L, loaded); lua_settop(L, loaded + 1)) {
      if (lua_type(L, -2) != LUA_TSTRING ||
          strcmp(lua_tostring(L, -2), LUA_GNAME) == 0)
        continue;
      if (!fields)
        note(L, names, loaded + 1);
      else if (lua_istable(L, -1))
        note_fields(L, names, loaded + 1);
    }
  vm->modules_stale = false;
  lua_settop(L, names);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->modules);
}

static bool look_up(lua_State *L, lgort_vm *vm, int idx) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->modules);
  lua_pushvalue(L, idx);
  bool found = lua_rawget(L, -2) != LUA_TNIL;
  if (found)
    lua_remove(L, -2);
  else
    lua_pop(L, 2);
  return found;
}

bool lgort_push_module_of(lua_State *L, lgort_vm *vm, int idx) {
  idx = lua_absindex(L, idx);
  if (look_up(L, vm, idx)) return true;
  if (!vm->modules_stale) return false;
  rebuild(L, vm);
  return look_up(L, vm, idx);
}

static void require(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, "gort.require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

void lgort_push_module(lua_State *L, const char *name, size_t len) {
  luaL_checkstack(L, 10, NULL);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  bool loaded = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_remove(L, -2);
  if (!loaded) {
    lua_pop(L, 1);
    require(L, name);
  }
  size_t module_len = strlen(name);
  if (module_len == len) return;
  const char *field = name + module_len + 1;
  if (!lua_istable(L, -1) || lua_getfield(L, -1, field) == LUA_TNIL)
    luaL_error(L, "module '%s' has no '%s' in this task", name, field);
  lua_remove(L, -2);
}

static void set_path(lua_State *L, const char *field, const char *value) {
  lua_getfield(L, -1, field);
  const char *now = lua_tostring(L, -1);
  bool same = now && strcmp(now, value) == 0;
  lua_pop(L, 1);
  if (same) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

void lgort_use_paths(lua_State *L, const char *paths) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  if (lua_istable(L, -1)) {
    set_path(L, "path", paths);
    set_path(L, "cpath", paths + strlen(paths) + 1);
  }
  lua_pop(L, 2);
}

gort_buf *lgort_paths(lua_State *L) {
  gort_buf *b = NULL;
  luaL_checkstack(L, 6, NULL);
  int top = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "path");
    lua_getfield(L, -2, "cpath");
    size_t path_len, cpath_len;
    const char *path = lua_tolstring(L, -2, &path_len);
    const char *cpath = lua_tolstring(L, -1, &cpath_len);
    if (path && cpath &&
        (b = gort_buf_new(path_len + cpath_len + 2, NULL)) != NULL) {
      memcpy(gort_buf_bytes(b), path, path_len + 1);
      memcpy(gort_buf_bytes(b) + path_len + 1, cpath, cpath_len + 1);
    }
  }
  lua_settop(L, top);
  return b;
}

bool lgort_is_of_module(lua_State *L, lgort_vm *vm, int idx) {
  if (vm->modules_stale) rebuild(L, vm);
  if (!lgort_is_marked_module(L, vm, idx)) return false;
  if (!lgort_push_module_of(L, vm, idx)) return false;
  lua_pop(L, 1);
  return true;
}

/* ---- require ----------------------------------------------------------- */

/* Finds the loader of a module: pushes it and its extra value, or raises the
 * list of places where the module is not. */
static void find_loader(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  if (!lua_istable(L, -1) || lua_getfield(L, -1, "searchers") != LUA_TTABLE)
    luaL_error(L, "'package.searchers' must be a table");
  int searchers = lua_gettop(L);
  luaL_Buffer tried;
  luaL_buffinit(L, &tried);
  luaL_addstring(&tried, "\n\t");
  for (int i = 1;; i++) {
    if (lua_rawgeti(L, searchers, i) == LUA_TNIL) {
      lua_pop(L, 1);
      luaL_buffsub(&tried, 2);
      luaL_pushresult(&tried);
      luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, -1));
    }
    lua_pushstring(L, name);
    lua_call(L, 1, 2);
    if (lua_isfunction(L, -2)) return;
    if (lua_isstring(L, -2)) {
      lua_pop(L, 1);
      luaL_addvalue(&tried);
      luaL_addstring(&tried, "\n\t");
    } else {
      lua_pop(L, 2);
    }
  }
}

/* The loader has run. Stack: name, loaded, extra value, result. */
static int require_end(lua_State *L, int status, lua_KContext ctx) {
  const char *name = lua_tostring(L, 1);
  (void)status, (void)ctx;
  if (!lua_isnil(L, -1))
    lua_setfield(L, 2, name);
  else
    lua_pop(L, 1);
  if (lua_getfield(L, 2, name) == LUA_TNIL) {
    lua_pushboolean(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    lua_replace(L, -2);
  }
  lgort_vm_of(L)->modules_stale = true;
  lua_pushvalue(L, 3);
  return 2;
}

/* require, as Lua's, but a module may block while it loads. */
static int lib_require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, 2, name);
  if (lua_toboolean(L, -1)) return 1;
  lua_pop(L, 1);
  find_loader(L, name);
  int loader = lua_gettop(L) - 1;
  lua_copy(L, loader + 1, 3); /* the extra value: the second result */
  lua_pushvalue(L, loader);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, loader + 1);
  lua_callk(L, 2, 1, 0, require_end);
  return require_end(L, LUA_OK, 0);
}

void lgort_open_modules(lua_State *L, lgort_vm *vm) {
  lua_pushcfunction(L, lib_require);
  lua_pushvalue(L, -1);
  lua_setglobal(L, "require");
  lua_setfield(L, LUA_REGISTRYINDEX, "gort.require");
  lua_newtable(L);
  vm->modules = luaL_ref(L, LUA_REGISTRYINDEX);
  vm->modules_stale = true;
}
