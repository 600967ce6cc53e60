/* repeats.c - strings that cross again and again.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/repeats.h"

#include <string.h>

#include "vm/vm.h"

enum { MOST_BYTES = 1 << 16 }; /* of a string that is kept */

static void drop(lgort_repeat *e) {
  if (e->buf) gort_buf_release_many(e->buf, e->spare + 1);
  e->buf = NULL;
  e->key = NULL;
  e->spare = 0;
}

/* The string on top of the stack stays as long as the entry. False: the state is
 * still being opened. */
static bool anchor(lua_State *L, lgort_repeat *e) {
  if (!e->ref) return false;
  lua_pushvalue(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, e->ref); /* there is a place */
  return true;
}

/* ---- sending ----------------------------------------------------------- */

static gort_buf *copy(const char *s, size_t len) {
  gort_buf *b = gort_buf_new(len, NULL);
  if (b) memcpy(gort_buf_bytes(b), s, len);
  return b;
}

/* The second time: keeps the string at idx and b. */
static void keep_sent(lua_State *L, int idx, lgort_repeat *e, gort_buf *b) {
  if (gort_buf_len(b) > MOST_BYTES || !lua_checkstack(L, 2)) return;
  lua_pushvalue(L, idx);
  if (anchor(L, e)) {
    gort_buf_retain_many(b, LGORT_SPARE_BUFS + 1);
    e->buf = b;
    e->spare = LGORT_SPARE_BUFS;
  }
  lua_pop(L, 1);
}

bool lgort_encode_string(lua_State *L, int idx, gort_value *out) {
  const void *key = lua_topointer(L, idx);
  lgort_repeat *e = lgort__repeat(lgort_vm_of(L)->repeats.sent, key);
  gort_buf *b = e->buf;
  if (e->key == key && b) {
    gort_buf_retain_many(b, LGORT_SPARE_BUFS);
    e->spare += LGORT_SPARE_BUFS - 1;
  } else {
    size_t len;
    const char *s = lua_tolstring(L, idx, &len);
    b = copy(s, len);
    if (!b) return false;
    if (e->key == key)
      keep_sent(L, idx, e, b);
    else
      drop(e);
    e->key = key;
  }
  *out = (gort_value){.type = GORT_STRING, .u.buf = b};
  return true;
}

/* ---- receiving --------------------------------------------------------- */

void lgort_keep_repeat(lua_State *L, lgort_vm *vm, gort_buf *b) {
  lgort_repeat *e = lgort__repeat(vm->repeats.got, b);
  if (e->buf == b) { /* it has enough spare counts */
    gort_buf_release_many(b, LGORT_SPARE_BUFS);
    e->spare -= LGORT_SPARE_BUFS;
    return;
  }
  if (gort_buf_len(b) > MOST_BYTES || !lua_checkstack(L, 1)) return;
  drop(e);
  if (!anchor(L, e)) return;
  gort_buf_retain(b);
  e->key = e->buf = b;
}

/* ---- all of them ------------------------------------------------------- */

static void forget(lua_State *L, lgort_repeat *table) {
  for (int i = 0; i < LGORT_REPEATS; i++) {
    drop(&table[i]);
    if (!L || !table[i].ref) continue;
    lua_pushboolean(L, 0);
    lua_rawseti(L, LUA_REGISTRYINDEX, table[i].ref);
  }
}

void lgort_forget_repeats(lua_State *L, lgort_vm *vm) {
  forget(L, vm->repeats.sent);
  forget(L, vm->repeats.got);
}

static void open_table(lua_State *L, lgort_repeat *table) {
  for (int i = 0; i < LGORT_REPEATS; i++) {
    lua_pushboolean(L, 0);
    table[i].ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
}

void lgort_open_repeats(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  open_table(L, vm->repeats.sent);
  open_table(L, vm->repeats.got);
}
