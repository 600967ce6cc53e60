/* flat.c - small records on the short way: tables of scalars and strings.
 *
 * SPDX-License-Identifier: MIT
 *
 * The form: the head, narr values for the keys 1..narr, nhash pairs. A value is
 * a tag and, after it, eight bytes or a string's length (one byte; four when it
 * is long, which only C code makes) and bytes. Read only in the process that wrote it. */
#include "cross/flat.h"

#include <string.h>

#include "cross/classes.h"
#include "lgort.h"

enum flat_tag {
  FLAT_FALSE,
  FLAT_TRUE,
  FLAT_INT,
  FLAT_FLOAT,
  FLAT_STRING,
  FLAT_LONG
};

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
      if (lua_isinteger(L, idx)) {
        lua_Integer i = lua_tointeger(L, idx);
        *at = FLAT_INT;
        memcpy(at + 1, &i, sizeof i);
        return at + 1 + sizeof i;
      }
      lua_Number n = lua_tonumber(L, idx);
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

/* The same for a key; not one of two underscores, which may make a class of the
 * table. */
static char *put_key(lua_State *L, int idx, char *at) {
  char *end = put(L, idx, at);
  bool hidden = end && *at == FLAT_STRING && (unsigned char)at[1] >= 2 &&
                at[2] == '_' && at[3] == '_';
  return hidden ? NULL : end;
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
      if (!(at = put_key(L, key, at))) goto no;
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

static uint32_t long_length(const char *at) {
  uint32_t len;
  memcpy(&len, at + 1, sizeof len);
  return len;
}

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
    case FLAT_LONG:
      lua_pushlstring(L, at + 5, long_length(at));
      return at + 5 + long_length(at);
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

/* ---- without Lua ------------------------------------------------------- */

/* How long v is here; 0: it cannot be. */
static size_t size_of(const gort_value *v) {
  switch (v->type) {
    case GORT_BOOLEAN:
      return 1;
    case GORT_INTEGER:
    case GORT_FLOAT:
      return 9;
    case GORT_STRING:
      return gort_buf_len(v->u.buf) > UINT32_MAX ? 0
                                                 : 5 + gort_buf_len(v->u.buf);
    default:
      return 0;
  }
}

static char *put_string(char *at, const char *s, size_t len) {
  uint32_t n = (uint32_t)len;
  *at = FLAT_LONG;
  memcpy(at + 1, &n, sizeof n);
  memcpy(at + 5, s, len);
  return at + 5 + len;
}

static char *put_value(char *at, const gort_value *v) {
  switch (v->type) {
    case GORT_BOOLEAN:
      *at = v->u.b ? FLAT_TRUE : FLAT_FALSE;
      return at + 1;
    case GORT_STRING:
      return put_string(at, gort_buf_bytes(v->u.buf), gort_buf_len(v->u.buf));
    default:
      *at = v->type == GORT_INTEGER ? FLAT_INT : FLAT_FLOAT;
      memcpy(at + 1, &v->u, 8);
      return at + 9;
  }
}

/* The head and the size of a table of these; GORT_EINVAL: they make none. */
static int measure(const lgort_entry *fields, size_t n, head *h, size_t *size) {
  *size = sizeof *h;
  *h = (head){0, 0};
  for (size_t i = 0; i < n; i++) {
    const lgort_entry *f = &fields[i];
    if (f->value.type == GORT_NIL && f->name) continue;
    size_t len = size_of(&f->value);
    if (!len || (!f->name && h->nhash) || h->narr == UINT16_MAX ||
        h->nhash == UINT16_MAX)
      return GORT_EINVAL;
    if (f->name) {
      if (strlen(f->name) > UINT16_MAX) return GORT_EINVAL;
      len += 5 + strlen(f->name);
      h->nhash++;
    } else {
      h->narr++;
    }
    if (__builtin_add_overflow(*size, len, size)) return GORT_EINVAL;
  }
  return 0;
}

int lgort_table(const lgort_entry *fields, size_t n, gort_value *out) {
  head h;
  size_t size;
  int rc = measure(fields, n, &h, &size);
  if (rc < 0) return rc;
  gort_buf *b = gort_buf_new(size, NULL);
  if (!b) return GORT_ENOMEM;
  char *at = gort_buf_bytes(b);
  memcpy(at, &h, sizeof h);
  at += sizeof h;
  for (size_t i = 0; i < n; i++) {
    const lgort_entry *f = &fields[i];
    if (f->value.type == GORT_NIL) continue;
    if (f->name) at = put_string(at, f->name, strlen(f->name));
    at = put_value(at, &f->value);
  }
  *out = (gort_value){.type = GORT_DATA, .kind = LGORT_KIND_FLAT, .u.buf = b};
  return 0;
}

/* A value where it stands; the next one. A string is borrowed. */
typedef struct item {
  gort_value scalar;
  const char *text;
  size_t len;
} item;

static const char *look(const char *at, item *out) {
  *out = (item){0};
  switch (*at) {
    case FLAT_INT:
    case FLAT_FLOAT:
      out->scalar.type = *at == FLAT_INT ? GORT_INTEGER : GORT_FLOAT;
      memcpy(&out->scalar.u, at + 1, 8);
      return at + 9;
    case FLAT_STRING:
      out->text = at + 2;
      out->len = (unsigned char)at[1];
      return out->text + out->len;
    case FLAT_LONG:
      out->text = at + 5;
      out->len = long_length(at);
      return out->text + out->len;
    default:
      out->scalar = gort_boolean(*at == FLAT_TRUE);
      return at + 1;
  }
}

static bool is_key(const item *key, const char *name, int64_t i) {
  if (name)
    return key->text && strlen(name) == key->len &&
           memcmp(name, key->text, key->len) == 0;
  return !key->text && key->scalar.type == GORT_INTEGER && key->scalar.u.i == i;
}

static int find(const gort_value *table, const char *name, int64_t i,
                gort_value *out) {
  if (table->type != GORT_DATA || table->kind != LGORT_KIND_FLAT)
    return GORT_EINVAL;
  const char *at = gort_buf_bytes(table->u.buf);
  head h;
  item key, value;
  memcpy(&h, at, sizeof h);
  at += sizeof h;
  for (int64_t n = 1; n <= h.narr + h.nhash; n++) {
    key.scalar = gort_integer(n);
    key.text = NULL;
    if (n > h.narr) at = look(at, &key);
    at = look(at, &value);
    if (!is_key(&key, name, i)) continue;
    if (value.text) return gort_string(value.text, value.len, out);
    *out = value.scalar;
    return 0;
  }
  *out = gort_nil();
  return 0;
}

int lgort_field_of(const gort_value *table, const char *name, gort_value *out) {
  return find(table, name, 0, out);
}

int lgort_item_of(const gort_value *table, int64_t i, gort_value *out) {
  return find(table, NULL, i, out);
}
