/* crate.c - a C module whose userdata crosses to other tasks (lgort.h).
 *
 * SPDX-License-Identifier: MIT
 *
 *   local crate = require "crate"
 *   local n = crate.counter()      shared: every task has the same counter
 *   n:add(2) n:get()
 *   local b = crate.box "bytes"    moves: one task has it, and may change it
 *   b:get() b:set("other") b:here()
 *
 * A box that was sent cannot be used by the sender any more; one that did not
 * arrive (the channel was closed, the send timed out) is the sender's again.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lgort.h"

/* ---- counters are shared ----------------------------------------------- */

typedef struct counter {
  atomic_uint refs;
  atomic_llong n;
} counter;

static counter *check_counter(lua_State *L, int idx) {
  return *(counter **)luaL_checkudata(L, idx, "crate.counter");
}

static void counter_release(counter *c) {
  if (atomic_fetch_sub(&c->refs, 1) == 1) free(c);
}

/* Takes a count. The userdata is there before it owns anything. */
static void push_counter(lua_State *L, counter *c) {
  counter **u = lua_newuserdatauv(L, sizeof(counter *), 0);
  *u = c;
  luaL_setmetatable(L, "crate.counter");
}

static int counter_new(lua_State *L) {
  counter **u = lua_newuserdatauv(L, sizeof(counter *), 0);
  *u = malloc(sizeof(counter));
  if (!*u) return luaL_error(L, "not enough memory");
  atomic_init(&(*u)->refs, 1);
  atomic_init(&(*u)->n, 0);
  luaL_setmetatable(L, "crate.counter");
  return 1;
}

static int counter_add(lua_State *L) {
  counter *c = check_counter(L, 1);
  lua_Integer n = luaL_optinteger(L, 2, 1);
  lua_pushinteger(L, (lua_Integer)atomic_fetch_add(&c->n, n) + n);
  return 1;
}

static int counter_get(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)atomic_load(&check_counter(L, 1)->n));
  return 1;
}

static int counter_gc(lua_State *L) {
  counter_release(check_counter(L, 1));
  return 0;
}

/* A count goes on the way; each receiver takes one of its own. */
static void *counter_pack(lua_State *L, int idx) {
  counter *c = check_counter(L, idx);
  atomic_fetch_add(&c->refs, 1);
  return c;
}

static void counter_unpack(lua_State *L, void *packed) {
  counter *c = packed;
  lua_newuserdatauv(L, 0, 0); /* memory runs out here, if at all */
  lua_pop(L, 1);
  push_counter(L, c);
  atomic_fetch_add(&c->refs, 1);
}

static void counter_drop(void *packed) { counter_release(packed); }

static const lgort_transfer counter_transfer = {LGORT_TRANSFER_VERSION, "crate",
                                                counter_pack, counter_unpack,
                                                counter_drop};

/* ---- boxes move -------------------------------------------------------- */

/* The owner is a number: that of the handle that has the box, or ON_THE_WAY
 * while no handle may touch it. */
enum { ON_THE_WAY = 0 };

typedef struct box {
  atomic_uint refs; /* handles and packed ones */
  atomic_uint owner;
  atomic_uint handles; /* numbers given */
  char *bytes;         /* the owner's */
  size_t len;
} box;

typedef struct handle {
  box *b;
  unsigned number;
} handle;

typedef struct packed_box {
  box *b;
  unsigned sender; /* whose it is again if nobody unpacks it */
} packed_box;

static void box_release(box *b) {
  if (atomic_fetch_sub(&b->refs, 1) != 1) return;
  free(b->bytes);
  free(b);
}

static handle *check_handle(lua_State *L, int idx) {
  return luaL_checkudata(L, idx, "crate.box");
}

static box *check_box(lua_State *L, int idx) {
  handle *h = check_handle(L, idx);
  if (!h->b || atomic_load(&h->b->owner) != h->number)
    luaL_error(L, "this box was sent away");
  return h->b;
}

static handle *push_handle(lua_State *L) {
  handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (handle){0};
  luaL_setmetatable(L, "crate.box");
  return h;
}

static int box_set(lua_State *L) {
  size_t len;
  box *b = check_box(L, 1);
  const char *s = luaL_checklstring(L, 2, &len);
  char *bytes = realloc(b->bytes, len + 1);
  if (!bytes) return luaL_error(L, "not enough memory");
  b->bytes = bytes;
  memcpy(b->bytes, s, len);
  b->len = len;
  return 0;
}

static int box_new(lua_State *L) {
  luaL_checkstring(L, 1);
  handle *h = push_handle(L);
  h->b = calloc(1, sizeof *h->b);
  if (!h->b) return luaL_error(L, "not enough memory");
  atomic_init(&h->b->refs, 1);
  h->number = atomic_fetch_add(&h->b->handles, 1) + 1;
  atomic_store(&h->b->owner, h->number);
  lua_pushcfunction(L, box_set);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, 1);
  lua_call(L, 2, 0);
  return 1;
}

static int box_get(lua_State *L) {
  box *b = check_box(L, 1);
  lua_pushlstring(L, b->bytes, b->len);
  return 1;
}

static int box_here(lua_State *L) {
  handle *h = check_handle(L, 1);
  lua_pushboolean(L, h->b && atomic_load(&h->b->owner) == h->number);
  return 1;
}

static int box_gc(lua_State *L) {
  handle *h = check_handle(L, 1);
  if (h->b) box_release(h->b);
  h->b = NULL;
  return 0;
}

static void *box_pack(lua_State *L, int idx) {
  handle *h = check_handle(L, idx);
  unsigned mine = h->number;
  packed_box *p = malloc(sizeof *p);
  if (!p) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  if (!h->b ||
      !atomic_compare_exchange_strong(&h->b->owner, &mine, ON_THE_WAY)) {
    free(p);
    return NULL; /* sent away already */
  }
  atomic_fetch_add(&h->b->refs, 1);
  *p = (packed_box){h->b, h->number};
  return p;
}

static void box_unpack(lua_State *L, void *packed) {
  packed_box *p = packed;
  unsigned nobody = ON_THE_WAY;
  handle *h = push_handle(L);
  unsigned number = atomic_fetch_add(&p->b->handles, 1) + 1;
  if (!atomic_compare_exchange_strong(&p->b->owner, &nobody, number))
    luaL_error(L, "this box has been unpacked before: it can be had once");
  atomic_fetch_add(&p->b->refs, 1);
  *h = (handle){p->b, number};
}

static void box_drop(void *packed) {
  packed_box *p = packed;
  unsigned nobody = ON_THE_WAY;
  atomic_compare_exchange_strong(&p->b->owner, &nobody, p->sender);
  box_release(p->b);
  free(p);
}

static const lgort_transfer box_transfer = {LGORT_TRANSFER_VERSION, "crate",
                                            box_pack, box_unpack, box_drop};

/* ---- the module -------------------------------------------------------- */

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                     lua_CFunction gc, const lgort_transfer *transfer) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushlightuserdata(L, (void *)(size_t)transfer);
  lua_setfield(L, -2, LGORT_TRANSFER);
  lua_pop(L, 1);
}

static const luaL_Reg counter_methods[] = {
    {"add", counter_add}, {"get", counter_get}, {NULL, NULL}};
static const luaL_Reg box_methods[] = {
    {"get", box_get}, {"set", box_set}, {"here", box_here}, {NULL, NULL}};
static const luaL_Reg functions[] = {
    {"counter", counter_new}, {"box", box_new}, {NULL, NULL}};

int luaopen_crate(lua_State *L);

int luaopen_crate(lua_State *L) {
  new_type(L, "crate.counter", counter_methods, counter_gc, &counter_transfer);
  new_type(L, "crate.box", box_methods, box_gc, &box_transfer);
  luaL_newlib(L, functions);
  return 1;
}
