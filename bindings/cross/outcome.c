/* outcome.c - what becomes of a call is told to an object.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/outcome.h"

#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"

bool lgort_outcome_catches(const gort_object *told) {
  return told && gort_object_class(told) != gort_waitgroup_class();
}

/* Protected. Stack: the values and where to put them as one. */
static int encode(lua_State *L) {
  static const lgort_subject subject = {"return", "result", false};
  gort_value *out = lua_touserdata(L, -1);
  lua_pop(L, 1);
  int n = lua_gettop(L);
  if (n == 1)
    lgort_encode(L, lgort_vm_of(L), 1, &subject, out);
  else
    lgort_encode_many(L, lgort_vm_of(L), 1, n, &subject, out);
  return 0;
}

/* The values from first on, popped; false: the error that the encoding gave
 * is there instead. */
static bool take_values(lua_State *L, int first, gort_value *out) {
  if (!lua_checkstack(L, 2)) {
    lua_settop(L, first - 1);
    lua_pushliteral(L, "too many results");
    return false;
  }
  lua_pushcfunction(L, encode);
  lua_insert(L, first);
  lua_pushlightuserdata(L, out);
  return lua_pcall(L, lua_gettop(L) - first, 0, 0) == LUA_OK;
}

/* Protected: the error as text. */
static int describe(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* The error at the top, popped: itself, or as text when it cannot cross. */
static gort_value take_error(lua_State *L) {
  gort_value v = {.type = GORT_NIL};
  int at = lua_gettop(L);
  lua_pushvalue(L, at);
  if (!take_values(L, at + 1, &v)) {
    lua_settop(L, at);
    lua_pushcfunction(L, describe);
    lua_pushvalue(L, at);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK || !lgort_encode_simple(L, -1, &v))
      v = (gort_value){.type = GORT_NIL};
  }
  lua_settop(L, at - 1);
  return v;
}

void lgort_outcome_tell(lua_State *L, gort_object *told, int first, bool ok) {
  gort_value v;
  if (gort_object_class(told) == gort_waitgroup_class()) {
    lua_settop(L, first - 1);
    gort_waitgroup_add((gort_waitgroup *)(void *)told, -1);
  } else {
    ok = ok && take_values(L, first, &v);
    if (!ok) v = take_error(L);
    lua_settop(L, first - 1);
    gort_future_set((gort_future *)(void *)told, &v, ok);
  }
  gort_object_release(told);
}

void lgort_outcome_fail(gort_object *told) {
  static const char text[] = "not enough memory";
  gort_value v = {.type = GORT_STRING};
  v.u.buf = gort_buf_new(sizeof text - 1, NULL);
  if (v.u.buf)
    memcpy(gort_buf_bytes(v.u.buf), text, sizeof text - 1);
  else
    v.type = GORT_NIL;
  gort_future_set((gort_future *)(void *)told, &v, false);
  gort_object_release(told);
}

int lgort_outcome_push(lua_State *L, gort_result *res) {
  bool ok = res->ok;
  int n = lgort_decode(L, lgort_vm_of(L), &res->value);
  if (ok) return n;
  return lua_error(L);
}
