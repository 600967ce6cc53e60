/* repeats.h - strings that cross again and again.
 *
 * SPDX-License-Identifier: MIT
 *
 * A string does not change, so what is sent to many, or in every round, needs to
 * be copied once. A vm remembers the strings that it sent last by their
 * addresses: the second time it keeps the string and its buffer, and from the
 * third time on gives out counts of that. Who receives a buffer that others
 * have, too, keeps it and the string that it made of it.
 *
 * Ownership: an entry with a buffer owns one count of it and spare ones, which
 *   values take and give back (as with handles.h), and anchors its string in the
 *   registry. Every collection forgets all. */
#ifndef LGORT_CROSS_REPEATS_H
#define LGORT_CROSS_REPEATS_H

#include <lua.h>
#include <stdbool.h>

#include "gort.h"

struct lgort_vm;

enum { LGORT_REPEATS = 4 };

typedef struct lgort_repeat {
  const void *key; /* sent: the string; got: the buffer; or NULL */
  gort_buf *buf;   /* owned; NULL: seen once */
  unsigned spare;  /* counts beside its own */
  int ref;         /* of the string, in the registry; 0: not yet */
} lgort_repeat;

typedef struct lgort_repeats {
  lgort_repeat sent[LGORT_REPEATS], got[LGORT_REPEATS];
} lgort_repeats;

enum { LGORT_SPARE_BUFS = 32 }; /* taken at once; up to twice as many stay */

static inline lgort_repeat *lgort__repeat(lgort_repeat *table,
                                          const void *key) {
  uintptr_t bits = (uintptr_t)key >> 4;
  return &table[(bits ^ bits >> 6) % LGORT_REPEATS];
}

/* Makes the string at idx a value if it is known; false: nothing was done. */
static inline bool lgort_encode_repeat(lua_State *L, lgort_repeats *r, int idx,
                                       gort_value *out) {
  const void *key = lua_topointer(L, idx);
  lgort_repeat *e = lgort__repeat(r->sent, key);
  if (e->key != key || e->spare == 0) return false;
  e->spare--;
  *out = (gort_value){.type = GORT_STRING, .u.buf = e->buf};
  return true;
}
/* The same for any string. False without memory. */
bool lgort_encode_string(lua_State *L, int idx, gort_value *out);

/* Pushes the string of b, if it is known, and takes a count of b. */
static inline bool lgort_push_repeat(lua_State *L, lgort_repeats *r,
                                     gort_buf *b) {
  lgort_repeat *e = lgort__repeat(r->got, b);
  if (e->buf != b || e->spare == 2 * LGORT_SPARE_BUFS - 1) return false;
  e->spare++;
  lua_rawgeti(L, LUA_REGISTRYINDEX, e->ref);
  return true;
}
/* The string on top of the stack was made of b, which has other owners: keeps
 * both. The caller's count stays the caller's. */
void lgort_keep_repeat(lua_State *L, struct lgort_vm *vm, gort_buf *b);

void lgort_open_repeats(lua_State *L);
/* L: may touch the registry; NULL: the state is closed. */
void lgort_forget_repeats(lua_State *L, struct lgort_vm *vm);

#endif
