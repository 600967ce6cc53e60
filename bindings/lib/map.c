/* map.c - gort.sync.map.
 *
 * SPDX-License-Identifier: MIT
 *
 * Order in every operation: check the key, encode the value, make the key;
 * so nothing is held when something raises. */
#include "cross/decoder.h"
#include "cross/encoder.h"
#include "lib/lib.h"

static gort_map *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_MAP);
  return (gort_map *)(void *)h->obj;
}

void lgort_check_key(lua_State *L, int idx) {
  switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN:
    case LUA_TSTRING:
      return;
    case LUA_TNUMBER:
      if (lua_tonumber(L, idx) == lua_tonumber(L, idx)) return;
      luaL_argerror(L, idx, "the key is not a number (NaN)");
      return;
    default:
      if (lgort_to_handle(L, idx)) return;
      luaL_argerror(L, idx,
                    lua_pushfstring(L,
                                    "a key is a string, number, boolean or "
                                    "gort object, not %s",
                                    lua_isnoneornil(L, idx)
                                        ? "nil"
                                        : luaL_typename(L, idx)));
  }
}

/* The checked key as a runtime value; drops v when memory is out. */
static gort_value take_key(lua_State *L, gort_value *v) {
  gort_value k;
  if (lgort_encode_simple(L, 2, &k)) return k;
  gort_value_drop(v);
  lgort_raise(L, GORT_ENOMEM);
}

static gort_value encode(lua_State *L, int idx) {
  static const lgort_subject subject = {"store", "value", false};
  gort_value v;
  if (lua_isnone(L, idx)) luaL_argerror(L, idx, "value expected");
  lgort_encode(L, lgort_vm_of(L), idx, &subject, &v);
  return v;
}

typedef int (*lookup)(gort_map *m, const gort_value *k, gort_value *out);

/* What op gives for the key at 2; its value, or nil, owned, is in *v. */
static int look_up(lua_State *L, lookup op, gort_value *v) {
  gort_map *m = check(L);
  *v = (gort_value){.type = GORT_NIL};
  lgort_check_key(L, 2);
  gort_value k = take_key(L, v);
  int rc = op(m, &k, v);
  gort_value_drop(&k);
  return rc;
}

/* Pushes v (taken) and whether it was found. */
static int push_found(lua_State *L, gort_value *v, int rc) {
  if (rc < 0) lgort_raise(L, rc);
  if (rc == 1)
    lgort_decode(L, lgort_vm_of(L), v);
  else
    lua_pushnil(L);
  lua_pushboolean(L, rc);
  return 2;
}

static int map_load(lua_State *L) {
  gort_value v;
  int rc = look_up(L, gort_map_load, &v);
  return push_found(L, &v, rc);
}

static int map_store(lua_State *L) {
  gort_map *m = check(L);
  lgort_check_key(L, 2);
  gort_value v = encode(L, 3);
  gort_value k = take_key(L, &v);
  int rc = gort_map_store(m, &k, &v);
  gort_value_drop(&k);
  gort_value_drop(&v);
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

/* Gives a copy also of what this call stored: what it gives does not depend
 * on who came first. */
static int map_load_or_store(lua_State *L) {
  gort_map *m = check(L);
  lgort_check_key(L, 2);
  gort_value v = encode(L, 3);
  gort_value k = take_key(L, &v);
  gort_value mine = gort_value_copy(&v), found;
  int rc = gort_map_load_or_store(m, &k, &v, &found);
  gort_value_drop(&k);
  gort_value_drop(&v);
  if (rc != 0) gort_value_drop(&mine);
  if (rc < 0) lgort_raise(L, rc);
  lgort_decode(L, lgort_vm_of(L), rc ? &found : &mine);
  lua_pushboolean(L, rc);
  return 2;
}

static int map_load_and_delete(lua_State *L) {
  gort_value v;
  int rc = look_up(L, gort_map_delete, &v);
  return push_found(L, &v, rc);
}

static int map_delete(lua_State *L) {
  gort_value v;
  look_up(L, gort_map_delete, &v);
  gort_value_drop(&v);
  return 0;
}

static int map_cas(lua_State *L) {
  gort_map *m = check(L);
  gort_value from;
  lgort_check_key(L, 2);
  luaL_checkany(L, 3);
  gort_value v = encode(L, 4);
  if (!lgort_encode_simple(L, 3, &from)) {
    gort_value_drop(&v);
    return luaL_argerror(
        L, 3,
        lua_pushfstring(L, "cannot compare with a %s: it would be a copy",
                        luaL_typename(L, 3)));
  }
  gort_value k;
  bool simple = lgort_encode_simple(L, 2, &k);
  int rc = simple ? gort_map_cas(m, &k, &from, &v) : GORT_ENOMEM;
  if (simple) gort_value_drop(&k);
  gort_value_drop(&from);
  gort_value_drop(&v);
  if (rc < 0) lgort_raise(L, rc);
  lua_pushboolean(L, rc);
  return 1;
}

static int map_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gort_map_len(check(L)));
  return 1;
}

/* ---- range ------------------------------------------------------------- */

/* The state of a loop. The map's handle is its user value. */
typedef struct range {
  gort_map *map;
  unsigned part; /* the next */
  gort_value *pairs;
  int64_t n, at;
} range;

static int range_drop(lua_State *L) {
  range *r = lua_touserdata(L, 1);
  while (r->at < 2 * r->n) gort_value_drop(&r->pairs[r->at++]);
  gort_free(r->pairs);
  r->pairs = NULL;
  r->n = r->at = 0;
  r->part = gort_map_parts();
  return 0;
}

static int range_next(lua_State *L) {
  range *r = luaL_checkudata(L, 1, "gort.range");
  lgort_vm *vm = lgort_vm_of(L);
  while (r->at == 2 * r->n) {
    if (r->part == gort_map_parts()) return 0;
    gort_free(r->pairs);
    r->pairs = NULL;
    r->n = r->at = 0;
    int64_t n = gort_map_part(r->map, r->part, &r->pairs);
    if (n < 0) lgort_raise(L, (int)n);
    r->part++;
    r->n = n;
  }
  lgort_decode(L, vm, &r->pairs[r->at++]);
  lgort_decode(L, vm, &r->pairs[r->at++]);
  return 2;
}

static int map_range(lua_State *L) {
  gort_map *m = check(L);
  lua_pushcfunction(L, range_next);
  range *r = lua_newuserdatauv(L, sizeof *r, 1);
  *r = (range){.map = m};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, "gort.range");
  lua_pushnil(L);
  lua_pushvalue(L, -2); /* the loop closes it */
  return 4;
}

/* ---- the rest ---------------------------------------------------------- */

static int map_new(lua_State *L) {
  gort_map *m;
  int rc = gort_map_new(&m);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)m, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"load", map_load},
    {"store", map_store},
    {"load_or_store", map_load_or_store},
    {"load_and_delete", map_load_and_delete},
    {"delete", map_delete},
    {"cas", map_cas},
    {"range", map_range},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__len", map_len}, {NULL, NULL}};

int lgort_open_map(lua_State *L) {
  lgort_type_new(L, LGORT_MAP, methods, meta);
  luaL_newmetatable(L, "gort.range");
  lua_pushcfunction(L, range_drop);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, range_drop);
  lua_setfield(L, -2, "__close");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
  lua_pushcfunction(L, map_new);
  return 1;
}
