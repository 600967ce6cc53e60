/* open.c - puts the modules where scripts find them.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cross/encoder.h"
#include "lib/lib.h"

/* ---- gort.sendable ----------------------------------------------------- */

static int try_encode(lua_State *L) {
  static const lgort_subject subject = {"send", "value", false};
  gort_value v;
  lgort_encode(L, lgort_vm_of(L), 1, &subject, &v);
  gort_value_drop(&v);
  return 0;
}

static int lib_sendable(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  lua_pushcfunction(L, try_encode);
  lua_insert(L, 1);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- gort -------------------------------------------------------------- */

/* package.loaded[name] = the value on top, which stays. */
static void as_module(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* What open pushes becomes the module of that name, and the field of the table
 * on top that is called as what follows "gort.". */
static void add_module(lua_State *L, lua_CFunction open, const char *name) {
  open(L);
  as_module(L, name);
  lua_setfield(L, -2, strchr(name, '.') + 1);
}

/* The value on top becomes a global and a field of the table below it. That
 * one has its fields from there: Lua's messages name a function after the
 * first module that they find it in, and `go` is to be called so. */
static void as_global(lua_State *L, const char *name) {
  if (!lgort_vm_of(L)->host->adopted) {
    lua_pushvalue(L, -1);
    lua_setglobal(L, name);
  }
  luaL_getmetafield(L, -2, "__index");
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Pushes the table of the module gort. */
static void push_gort(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

void lgort_open_all(lua_State *L) {
  push_gort(L);
  as_module(L, "gort");
  lgort_open_task(L);
  as_global(L, "go");
  lgort_open_chan(L);
  as_global(L, "chan");
  lgort_open_select(L);
  as_global(L, "select");
  lua_pushcfunction(L, lib_sendable);
  lua_setfield(L, -2, "sendable");
  lgort_open_async(L);
  lua_setfield(L, -2, "async");
  lgort_open_blocking(L);
  lua_setfield(L, -2, "blocking");
  lua_pushliteral(L, GORT_VERSION);
  lua_setfield(L, -2, "version");
  add_module(L, lgort_open_time, "gort.time");
  add_module(L, lgort_open_context, "gort.context");
  add_module(L, lgort_open_runtime, "gort.runtime");
  add_module(L, lgort_open_errgroup, "gort.errgroup");
  add_module(L, lgort_open_sync, "gort.sync");
  if (lgort_vm_of(L)->host->adopted)
    lua_pop(L, 1); /* a script of a stock lua asks for it */
  else
    lua_setglobal(L, "gort");
}
