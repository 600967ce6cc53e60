/* atomic.c - gort.sync.atomic.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/lib.h"

static gort_atomic *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_ATOMIC);
  return (gort_atomic *)(void *)h->obj;
}

static int at_load(lua_State *L) {
  lua_pushinteger(L, gort_atomic_load(check(L)));
  return 1;
}

static int at_store(lua_State *L) {
  gort_atomic_store(check(L), luaL_checkinteger(L, 2));
  return 0;
}

static int at_add(lua_State *L) {
  lua_pushinteger(L, gort_atomic_add(check(L), luaL_checkinteger(L, 2)));
  return 1;
}

static int at_swap(lua_State *L) {
  lua_pushinteger(L, gort_atomic_swap(check(L), luaL_checkinteger(L, 2)));
  return 1;
}

static int at_cas(lua_State *L) {
  lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
  lua_pushboolean(L, gort_atomic_cas(check(L), from, to));
  return 1;
}

static int at_new(lua_State *L) {
  gort_atomic *a;
  int rc = gort_atomic_new(luaL_optinteger(L, 1, 0), &a);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)a, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"load", at_load}, {"store", at_store}, {"add", at_add},
    {"swap", at_swap}, {"cas", at_cas},     {NULL, NULL},
};

int lgort_open_atomic(lua_State *L) {
  lgort_type_new(L, LGORT_ATOMIC, methods, NULL);
  lua_pushcfunction(L, at_new);
  return 1;
}
