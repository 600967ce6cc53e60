/* require.c - require for many tasks in one state, and where it looks.
 *
 * SPDX-License-Identifier: MIT
 *
 * A module may block while it loads. Then other tasks of the vm that ask for
 * it wait, so that each vm loads it once. vm->loading has a wait group and the
 * id of the task for each module that is being loaded. */
#include "cross/require.h"

#include <string.h>

#include "cross/handles.h"
#include "cross/modules.h"
#include "vm/park.h"
#include "vm/registry.h"

/* ---- paths ------------------------------------------------------------- */

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

/* ---- one loads, the others wait ---------------------------------------- */

static lua_Integer task_id(lgort_vm *vm) {
  gort_task *self = gort_vm_current(vm->vm);
  return self ? (lua_Integer)gort_task_id(self) : 0;
}

/* __close of a load that ends, well or not. Upvalue: the module's name. */
static int end_load(lua_State *L) {
  const char *name = lua_tostring(L, lua_upvalueindex(1));
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, lgort_vm_of(L)->loading);
  if (lua_getfield(L, 1, name) == LUA_TTABLE) {
    lua_rawgeti(L, 2, 1);
    lgort_handle *h = lgort_to_handle(L, -1);
    gort_waitgroup_add((gort_waitgroup *)(void *)h->obj, -1);
  }
  lua_pushnil(L);
  lua_setfield(L, 1, name);
  return 0;
}

/* Notes that this task loads the module at index 1; the mark, which is pushed,
 * goes when it is closed. */
static void begin_load(lua_State *L, lgort_vm *vm) {
  gort_waitgroup *wg;
  lua_newtable(L); /* the mark */
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, end_load, 1);
  lua_setfield(L, -2, "__close");
  lua_setmetatable(L, -2);
  lua_createtable(L, 2, 0);
  int rc = gort_waitgroup_new(&wg);
  if (rc < 0) lgort_raise(L, rc);
  gort_waitgroup_add(wg, 1);
  lgort_push_new(L, (gort_object *)(void *)wg, LGORT_BOTH);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, task_id(vm));
  lua_rawseti(L, -2, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->loading);
  lua_insert(L, -2);
  lua_setfield(L, -2, lua_tostring(L, 1));
  lua_pop(L, 1);
  lua_toclose(L, -1);
}

/* Pushes the wait group of another task's load of the module at index 1. */
static bool push_load_of_another(lua_State *L, lgort_vm *vm) {
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->loading);
  if (lua_getfield(L, -1, lua_tostring(L, 1)) == LUA_TTABLE) {
    lua_rawgeti(L, -1, 2);
    bool another = lua_tointeger(L, -1) != task_id(vm);
    lua_pop(L, 1);
    if (another) {
      lua_rawgeti(L, -1, 1);
      return true;
    }
  }
  lua_settop(L, top);
  return false;
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

enum { STRANGERS = 4 };

/* The loader has run. Stack: name, loaded, mark, strangers, ..., loader (at
 * ctx), extra value, result. */
static int require_end(lua_State *L, int status, lua_KContext ctx) {
  const char *name = lua_tostring(L, 1);
  (void)status;
  if (!lua_isnil(L, -1))
    lua_setfield(L, 2, name);
  else
    lua_pop(L, 1);
  if (lua_getfield(L, 2, name) == LUA_TNIL) {
    lua_pushboolean(L, 1);
    lua_copy(L, -1, -2);
    lua_setfield(L, 2, name);
  }
  lgort_note_module(L, lgort_vm_of(L), 1, lua_gettop(L), (int)ctx, STRANGERS);
  lua_pushvalue(L, (int)ctx + 1);
  return 2;
}

static int require_k(lua_State *L, int status, lua_KContext ctx);

/* Stack: the name. */
static int require_module(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (;;) {
    lua_settop(L, 2);
    if (lua_getfield(L, 2, lua_tostring(L, 1)), lua_toboolean(L, -1)) return 1;
    lua_settop(L, 2);
    if (!push_load_of_another(L, vm)) break;
    gort_value none = {.type = GORT_NIL};
    gort_limit limit = {.deadline = GORT_FOREVER};
    gort_result res;
    if (lgort_wait(L, vm, lgort_source(lgort_to_handle(L, -1)), GORT_RECV,
                   &none, &limit, &res) == GORT_PARKED)
      return lgort_park(L, 0, require_k);
  }
  begin_load(L, vm);
  lgort_push_strangers(L, vm); /* at STRANGERS */
  find_loader(L, lua_tostring(L, 1));
  int loader = lua_gettop(L) - 1;
  lua_pushvalue(L, loader);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, loader + 1);
  lua_callk(L, 2, 1, loader, require_end);
  return require_end(L, LUA_OK, loader);
}

static int require_k(lua_State *L, int status, lua_KContext ctx) {
  gort_result res;
  (void)status, (void)ctx;
  lgort_wait_finish(L, &res);
  return require_module(L);
}

/* require, as Lua's, but a module may block while it loads. */
static int lib_require(lua_State *L) {
  luaL_checkstring(L, 1);
  return require_module(L);
}

bool lgort_is_require(lua_CFunction f) { return f == lib_require; }

void lgort_open_require(lua_State *L, lgort_vm *vm) {
  lua_pushcfunction(L, lib_require);
  lua_pushvalue(L, -1);
  lua_setglobal(L, "require");
  lua_setfield(L, LUA_REGISTRYINDEX, "gort.require");
  vm->loading = lgort_ref_table(L, NULL);
}
