/* flat.c - small records on the short way: tables of scalars and strings.
 *
 * SPDX-License-Identifier: MIT
 *
 * The form: the head, narr values for the keys 1..narr, nhash pairs. A value is
 * a tag and, after it, eight bytes or a string's length (one byte) and
 * bytes. Read only in the process that wrote it. */
#include "cross/flat.h"

#include <string.h>

#include "cross/classes.h"

enum flat_tag { FLAT_FALSE, FLAT_TRUE, FLAT_INT, FLAT_FLOAT, FLAT_STRING };

enum { ROOM = 1024, MAX_STRING = 255, LONGEST = 2 + MAX_STRING };

typedef struct head {
  uint16_t narr, nhash;
} head;

/* ---- encoding ---------------------------------------------------------- */

/* Writes the value at idx; NULL when it does not fit in here. */
static char *put(lua_State *L, int idx, char *at) {
  switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN:
      *at = lua_toboolean(L, idx) ? FLAT_TRUE : FLAT_FALSE;
      return at + 1;
    case LUA_TNUMBER: {
      lua_Number n;
      int integer;
      lua_Integer i = lua_tointegerx(L, idx, &integer);
      if (integer && lua_isinteger(L, idx)) {
        *at = FLAT_INT;
        memcpy(at + 1, &i, sizeof i);
        return at + 1 + sizeof i;
      }
      n = lua_tonumber(L, idx);
      *at = FLAT_FLOAT;
      memcpy(at + 1, &n, sizeof n);
      return at + 1 + sizeof n;
    }
    case LUA_TSTRING: {
      size_t len;
      const char *s = lua_tolstring(L, idx, &len);
      if (len > MAX_STRING) return NULL;
      at[0] = FLAT_STRING;
      at[1] = (char)len;
      memcpy(at + 2, s, len);
      return at + 2 + len;
    }
    default:
      return NULL;
  }
}

/* A key of two underscores may make a class of the table. */
static bool may_be_class_key(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TSTRING) return false;
  const char *s = lua_tostring(L, idx);
  return s[0] == '_' && s[1] == '_';
}

bool lgort_encode_flat(lua_State *L, lgort_vm *vm, int idx, gort_value *out) {
  char bytes[ROOM];
  char *at = bytes + sizeof(head), *end = bytes + ROOM;
  head h = {0, 0};
  if (lgort_special_has(&vm->special, lua_topointer(L, idx))) return false;
  if (lua_getmetatable(L, idx)) {
    lua_pop(L, 1);
    return false;
  }
  int key = lua_gettop(L) + 1;
  idx = lua_absindex(L, idx);
  for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, key)) {
    if (end - at < 2 * LONGEST) goto no;
    if (h.nhash == 0 && lua_isinteger(L, key) &&
        lua_tointeger(L, key) == h.narr + 1) {
      h.narr++;
    } else {
      if (may_be_class_key(L, key) || !(at = put(L, key, at))) goto no;
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
    case FLAT_INT:
      memcpy(&i, at + 1, sizeof i);
      lua_pushinteger(L, i);
      return at + 1 + sizeof i;
    case FLAT_FLOAT:
      memcpy(&n, at + 1, sizeof n);
      lua_pushnumber(L, n);
      return at + 1 + sizeof n;
    case FLAT_STRING:
      lua_pushlstring(L, at + 2, (unsigned char)at[1]);
      return at + 2 + (unsigned char)at[1];
    default:
      lua_pushboolean(L, *at == FLAT_TRUE);
      return at + 1;
  }
}

void lgort_decode_flat(lua_State *L, gort_buf *b) {
  const char *at = gort_buf_bytes(b);
  head h;
  memcpy(&h, at, sizeof h);
  at += sizeof h;
  luaL_checkstack(L, 4, NULL);
  lua_createtable(L, h.narr, h.nhash);
  int table = lua_gettop(L);
  for (int i = 1; i <= h.narr; i++) {
    at = push(L, at);
    lua_rawseti(L, table, i);
  }
  for (int i = 0; i < h.nhash; i++) {
    at = push(L, at);
    at = push(L, at);
    lua_rawset(L, table);
  }
}
