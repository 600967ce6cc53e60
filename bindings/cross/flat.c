/* flat.c - small records on the short way, between Lua and their bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/flat.h"

#include <string.h>

#include "lgort.h"

enum { ROOM = 1024, MAX_STRING = 255, LONGEST = 2 + MAX_STRING };

/* ---- encoding ---------------------------------------------------------- */

/* Writes the value at idx; NULL when it does not fit in here. */
static char *put(lua_State *L, int idx, char *at) {
  if (lua_isinteger(L, idx)) {
    lua_Integer i = lua_tointeger(L, idx);
    *at = LGORT_FLAT_INT;
    memcpy(at + 1, &i, sizeof i);
    return at + 1 + sizeof i;
  }
  switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN:
      *at = lua_toboolean(L, idx) ? LGORT_FLAT_TRUE : LGORT_FLAT_FALSE;
      return at + 1;
    case LUA_TNUMBER: {
      lua_Number n = lua_tonumber(L, idx);
      *at = LGORT_FLAT_FLOAT;
      memcpy(at + 1, &n, sizeof n);
      return at + 1 + sizeof n;
    }
    case LUA_TSTRING: {
      size_t len;
      const char *s = lua_tolstring(L, idx, &len);
      if (len > MAX_STRING) return NULL;
      at[0] = LGORT_FLAT_STRING;
      at[1] = (char)len;
      memcpy(at + 2, s, len);
      return at + 2 + len;
    }
    default:
      return NULL;
  }
}

/* The same for a key that is a string. */
static char *put_name(lua_State *L, lgort_vm *vm, int idx, char *at) {
  uint16_t number = (uint16_t)lgort_key_number(L, &vm->keys, idx);
  if (!number) return put(L, idx, at);
  *at = LGORT_FLAT_KEY;
  memcpy(at + 1, &number, sizeof number);
  return at + 1 + sizeof number;
}

bool lgort_encode_flat(lua_State *L, lgort_vm *vm, int idx, gort_value *out) {
  char bytes[ROOM];
  char *at = bytes + sizeof(lgort_flat), *end = bytes + ROOM;
  lgort_flat h = {0, 0};
  if (lgort_special_has(&vm->special, lua_topointer(L, idx))) return false;
  if (lua_getmetatable(L, idx)) {
    lua_pop(L, 1);
    return false;
  }
  int key = lua_gettop(L) + 1;
  idx = lua_absindex(L, idx);
  for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, key)) {
    if (end - at < 2 * LONGEST) goto no;
    if (lua_type(L, key) == LUA_TSTRING) {
      if (!(at = put_name(L, vm, key, at))) goto no;
      h.nhash++;
    } else if (h.nhash == 0 && lua_isinteger(L, key) &&
               lua_tointeger(L, key) == h.narr + 1) {
      h.narr++;
    } else {
      if (!(at = put(L, key, at))) goto no;
      h.nhash++;
    }
    if (!(at = put(L, key + 1, at))) goto no;
  }
  memcpy(bytes, &h, sizeof h);
  gort_buf *b = gort_buf_new((size_t)(at - bytes), NULL);
  if (!b) return false;
  memcpy(gort_buf_bytes(b), bytes, (size_t)(at - bytes));
  *out = (gort_value){.type = GORT_DATA, .kind = LGORT_KIND_FLAT, .u.buf = b};
  return true;
no:
  lua_settop(L, key - 1);
  return false;
}

/* ---- decoding ---------------------------------------------------------- */

static const char *push(lua_State *L, const char *at) {
  lua_Integer i;
  lua_Number n;
  switch (*at) {
    case LGORT_FLAT_INT:
      memcpy(&i, at + 1, sizeof i);
      lua_pushinteger(L, i);
      return at + 1 + sizeof i;
    case LGORT_FLAT_FLOAT:
      memcpy(&n, at + 1, sizeof n);
      lua_pushnumber(L, n);
      return at + 1 + sizeof n;
    case LGORT_FLAT_STRING:
      lua_pushlstring(L, at + 2, (unsigned char)at[1]);
      return at + 2 + (unsigned char)at[1];
    case LGORT_FLAT_LONG:
      lua_pushlstring(L, at + 5, lgort_flat_length(at));
      return at + 5 + lgort_flat_length(at);
    default:
      lua_pushboolean(L, *at == LGORT_FLAT_TRUE);
      return at + 1;
  }
}

static const char *push_key(lua_State *L, int strings, const char *at) {
  if (*at != LGORT_FLAT_KEY) return push(L, at);
  lgort_push_key(L, strings, lgort_flat_number(at));
  return at + 3;
}

void lgort_decode_flat(lua_State *L, lgort_vm *vm, gort_buf *b) {
  const char *at = gort_buf_bytes(b);
  lgort_flat h;
  memcpy(&h, at, sizeof h);
  at += sizeof h;
  luaL_checkstack(L, 5, NULL);
  lua_createtable(L, h.narr, h.nhash);
  int table = lua_gettop(L);
  for (int i = 1; i <= h.narr; i++) {
    at = push(L, at);
    lua_rawseti(L, table, i);
  }
  if (!h.nhash) return;
  lgort_push_keys(L, &vm->keys);
  for (int i = 0; i < h.nhash; i++) {
    at = push_key(L, table + 1, at);
    at = push(L, at);
    lua_rawset(L, table);
  }
  lua_settop(L, table);
}
