/* fields.c - tables as values, for C code without Lua.
 *
 * SPDX-License-Identifier: MIT
 *
 * They are made in the short form (flat.h) and read in both: which one a table
 * from Lua has depends on its size, and on its address, which may look like
 * that of a class. */
#include <string.h>

#include "cross/flat.h"
#include "cross/message.h"
#include "lgort.h"

/* ---- making one -------------------------------------------------------- */

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
  *at = LGORT_FLAT_LONG;
  memcpy(at + 1, &n, sizeof n);
  memcpy(at + 5, s, len);
  return at + 5 + len;
}

static char *put_value(char *at, const gort_value *v) {
  switch (v->type) {
    case GORT_BOOLEAN:
      *at = v->u.b ? LGORT_FLAT_TRUE : LGORT_FLAT_FALSE;
      return at + 1;
    case GORT_STRING:
      return put_string(at, gort_buf_bytes(v->u.buf), gort_buf_len(v->u.buf));
    default:
      *at = v->type == GORT_INTEGER ? LGORT_FLAT_INT : LGORT_FLAT_FLOAT;
      memcpy(at + 1, &v->u, 8);
      return at + 9;
  }
}

/* The head and the size of a table of these; GORT_EINVAL: they make none. */
static int measure(const lgort_entry *fields, size_t n, lgort_flat *h,
                   size_t *size) {
  *size = sizeof *h;
  *h = (lgort_flat){0, 0};
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
  lgort_flat h;
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

/* ---- reading one ------------------------------------------------------- */

/* A value where it stands. A string is borrowed; other: what C code has no
 * value for. */
typedef struct item {
  gort_value scalar;
  const char *text;
  size_t len;
  bool other;
} item;

/* A table's fields: those of 1..narr, then pairs. */
typedef struct cursor {
  const char *at, *end;
  uint32_t narr, nhash;
  const char *(*look)(const char *at, const char *end, item *out);
} cursor;

static void set_scalar(item *out, gort_type type, const char *eight) {
  out->scalar.type = type;
  memcpy(&out->scalar.u, eight, 8);
}

static const char *set_text(item *out, const char *s, size_t len) {
  out->text = s;
  out->len = len;
  return s + len;
}

static const char *look_flat(const char *at, const char *end, item *out) {
  (void)end;
  *out = (item){0};
  switch (*at) {
    case LGORT_FLAT_INT:
      set_scalar(out, GORT_INTEGER, at + 1);
      return at + 9;
    case LGORT_FLAT_FLOAT:
      set_scalar(out, GORT_FLOAT, at + 1);
      return at + 9;
    case LGORT_FLAT_STRING:
      return set_text(out, at + 2, (unsigned char)at[1]);
    case LGORT_FLAT_LONG:
      return set_text(out, at + 5, lgort_flat_length(at));
    case LGORT_FLAT_KEY: {
      const lgort_key *k = lgort_key_of(lgort_flat_number(at));
      set_text(out, k->bytes, k->len);
      return at + 3;
    }
    default:
      out->scalar = gort_boolean(*at == LGORT_FLAT_TRUE);
      return at + 1;
  }
}

/* What a message's reading functions get is behind at, NULL being malformed;
 * so is what they give. */
static const char *bytes(const char *at, const char *end, uint64_t n) {
  return at && n <= (uint64_t)(end - at) ? at + n : NULL;
}

static const char *number(const char *at, const char *end, uint64_t *n) {
  *n = 0;
  for (int shift = 0; at && at < end && shift < 64; shift += 7) {
    *n |= (uint64_t)(*at & 0x7F) << shift;
    if (!(*at++ & 0x80)) return at;
  }
  return NULL;
}

static const char *look_message(const char *at, const char *end, item *out) {
  uint64_t n;
  *out = (item){0};
  if (at >= end) return NULL;
  int tag = (unsigned char)*at++;
  switch (tag) {
    case LGORT_T_NIL:
      return at;
    case LGORT_T_FALSE:
    case LGORT_T_TRUE:
      out->scalar = gort_boolean(tag == LGORT_T_TRUE);
      return at;
    case LGORT_T_INT:
      at = number(at, end, &n);
      out->scalar = gort_integer((int64_t)((n >> 1) ^ (~(n & 1) + 1)));
      return at;
    case LGORT_T_FLOAT:
    case LGORT_T_POINTER:
      if (!bytes(at, end, 8)) return NULL;
      set_scalar(out, tag == LGORT_T_FLOAT ? GORT_FLOAT : GORT_POINTER, at);
      return at + 8;
    case LGORT_T_STRING:
    case LGORT_T_MODULE:
      at = number(at, end, &n);
      if (!bytes(at, end, n)) return NULL;
      out->other = tag == LGORT_T_MODULE;
      return set_text(out, at, n);
    default:
      out->other = true;
  }
  switch (tag) {
    case LGORT_T_CFUNC:
    case LGORT_T_TABLE:
      return bytes(at, end, 8);
    case LGORT_T_HANDLE:
      return bytes(number(at, end, &n), end, 1);
    case LGORT_T_ENV:
    case LGORT_T_REF:
    case LGORT_T_FUNCTION:
    case LGORT_T_CLASS:
    case LGORT_T_TRANSFER:
      return number(at, end, &n);
    default:
      return NULL;
  }
}

static int begin_flat(gort_buf *b, cursor *c) {
  lgort_flat h;
  const char *at = gort_buf_bytes(b);
  memcpy(&h, at, sizeof h);
  *c = (cursor){.at = at + sizeof h,
                .end = at + gort_buf_len(b),
                .narr = h.narr,
                .nhash = h.nhash,
                .look = look_flat};
  return 0;
}

/* The one root is a table, the first object: its body is the first section. */
static int begin_message(gort_buf *b, cursor *c) {
  const lgort_message *m = (lgort_message *)(void *)gort_buf_bytes(b);
  const char *at = (const char *)&m->refs[m->nrefs];
  const char *end = gort_buf_bytes(b) + gort_buf_len(b);
  enum { ROOT = 2 + 8, BODY = 1 + 8 }; /* marks, tags and sizes */
  if (m->nroots != 1 || end - at < ROOT + BODY || at[0] != LGORT_T_ROOTS ||
      at[1] != LGORT_T_TABLE)
    return GORT_EINVAL;
  int mark = (unsigned char)at[ROOT];
  item metatable;
  at += ROOT + 1;
  if (mark == LGORT_T_OBJECT) at = look_message(at, end, &metatable);
  if ((mark != LGORT_T_BODY && mark != LGORT_T_OBJECT) || !bytes(at, end, 8))
    return GORT_EINVAL;
  *c = (cursor){.at = at + 8, .end = end, .look = look_message};
  memcpy(&c->narr, at, 4);
  memcpy(&c->nhash, at + 4, 4);
  return 0;
}

static bool is_key(const item *key, const char *name, int64_t i) {
  if (key->other) return false;
  if (name)
    return key->text && strlen(name) == key->len &&
           memcmp(name, key->text, key->len) == 0;
  return !key->text && key->scalar.type == GORT_INTEGER && key->scalar.u.i == i;
}

static int give(const item *value, gort_value *out) {
  if (value->other) return GORT_EINVAL;
  if (value->text) return gort_string(value->text, value->len, out);
  *out = value->scalar;
  return 0;
}

static int find(const gort_value *table, const char *name, int64_t i,
                gort_value *out) {
  cursor c;
  int rc = GORT_EINVAL;
  if (table->type == GORT_DATA && table->kind == LGORT_KIND_FLAT)
    rc = begin_flat(table->u.buf, &c);
  else if (table->type == GORT_DATA && table->kind == LGORT_KIND_MESSAGE)
    rc = begin_message(table->u.buf, &c);
  if (rc < 0) return rc;
  for (int64_t n = 1; n <= (int64_t)c.narr + c.nhash; n++) {
    item key = {.scalar = gort_integer(n)}, value;
    if (n > c.narr) c.at = c.look(c.at, c.end, &key);
    if (c.at) c.at = c.look(c.at, c.end, &value);
    if (!c.at) return GORT_EINVAL;
    if (is_key(&key, name, i)) return give(&value, out);
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
