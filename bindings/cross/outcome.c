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

bool lgort_outcome_traces(const gort_object *told) {
  return told && gort_object_class(told) == gort_group_class();
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

static void tell_future(lua_State *L, gort_future *f, int first, bool ok) {
  gort_value v;
  ok = ok && take_values(L, first, &v);
  if (!ok) v = take_error(L);
  gort_future_set(f, &v, ok);
}

/* What failed: the error at first, or the second result after nil. */
static void tell_group(lua_State *L, gort_group *g, gort_value *trace,
                       int first, bool ok) {
  bool raised = !ok;
  if (ok && lua_gettop(L) > first && lua_isnil(L, first) &&
      !lua_isnil(L, first + 1)) {
    lua_settop(L, first + 1);
    ok = false;
  }
  if (!ok) {
    gort_value err = take_error(L);
    gort_group_fail(g, &err, trace, raised);
  }
  gort_group_leave(g);
}

void lgort_outcome_tell(lua_State *L, gort_object *told, gort_value *trace,
                        int first, bool ok) {
  const gort_class *cls = gort_object_class(told);
  if (cls == gort_waitgroup_class())
    gort_waitgroup_add((gort_waitgroup *)(void *)told, -1);
  else if (cls == gort_group_class())
    tell_group(L, (gort_group *)(void *)told, trace, first, ok);
  else
    tell_future(L, (gort_future *)(void *)told, first, ok);
  gort_value_drop(trace);
  lua_settop(L, first - 1);
  gort_object_release(told);
}

void lgort_outcome_fail(gort_object *told) {
  static const char text[] = "not enough memory";
  gort_value v = {.type = GORT_STRING}, none = {.type = GORT_NIL};
  v.u.buf = gort_buf_new(sizeof text - 1, NULL);
  if (v.u.buf)
    memcpy(gort_buf_bytes(v.u.buf), text, sizeof text - 1);
  else
    v.type = GORT_NIL;
  if (gort_object_class(told) == gort_group_class()) {
    gort_group_fail((gort_group *)(void *)told, &v, &none, true);
    gort_group_leave((gort_group *)(void *)told);
  } else {
    gort_future_set((gort_future *)(void *)told, &v, false);
  }
  gort_object_release(told);
}

int lgort_outcome_push(lua_State *L, gort_result *res) {
  bool ok = res->ok;
  int n = lgort_decode(L, lgort_vm_of(L), &res->value);
  if (ok) return n;
  return lua_error(L);
}
