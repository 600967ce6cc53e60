/* encoding.c - the working memory of an encoding.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/encoding.h"

#include <stdlib.h>
#include <string.h>

#include "cross/call.h"

#include "cross/transfer.h"
#include "cross/why.h"
#include "vm/park.h"

/* ---- memory ------------------------------------------------------------ */

void lgort_ref_drop(lgort_ref *r) {
  if (r->kind == LGORT_REF_OBJECT) gort_object_release(r->ptr);
  if (r->kind == LGORT_REF_CLASS) lgort_class_release(r->ptr);
  if (r->kind == LGORT_REF_CODE) lgort_code_release(r->ptr);
  if (r->kind == LGORT_REF_TRANSFER) lgort_packed_drop(r->ptr);
  if (r->kind == LGORT_REF_RECORD) lgort_call_free(r->ptr);
  if (r->kind == LGORT_REF_PATHS || r->kind == LGORT_REF_MODULE ||
      r->kind == LGORT_REF_BUFFER)
    gort_buf_release(r->ptr);
}

void lgort__drop_refs(lgort_encoder *e) {
  while (e->nrefs > 0) lgort_ref_drop(&e->refs[--e->nrefs]);
}

/* An error is raised on purpose: the encoder is free for the next encoding,
 * which releases what is in it. */
void lgort__abandon(lgort_encoding *x) {
  for (; x; x = x->outer) {
    x->e->busy = false;
    lgort__drop_refs(x->e); /* what moves is the sender's again */
  }
}

_Noreturn void lgort__no_memory(lgort_encoding *x) {
  lgort__abandon(x);
  luaL_error(x->L, "cannot %s: not enough memory", x->subject->verb);
  abort();
}

char *lgort__reserve(lgort_encoding *x, size_t n) {
  lgort_encoder *e = x->e;
  if (e->room - e->len < n) {
    size_t room = (e->len + n) * 2;
    char *bytes = gort_realloc(e->bytes, room);
    if (!bytes) lgort__no_memory(x);
    e->bytes = bytes;
    e->room = room;
  }
  return e->bytes + e->len;
}

void lgort__put_bytes(lgort_encoding *x, const void *s, size_t n) {
  memcpy(lgort__reserve(x, n), s, n);
  x->e->len += n;
}

void lgort__put_byte(lgort_encoding *x, int b) {
  *lgort__reserve(x, 1) = (char)b;
  x->e->len++;
}

void lgort__put_number(lgort_encoding *x, uint64_t n) {
  char *p = lgort__reserve(x, 10);
  int i = 0;
  for (; n >= 0x80; n >>= 7) p[i++] = (char)(n | 0x80);
  p[i++] = (char)n;
  x->e->len += (size_t)i;
}

void lgort__put_string(lgort_encoding *x, int tag, const char *s, size_t len) {
  lgort__put_byte(x, tag);
  lgort__put_number(x, len);
  lgort__put_bytes(x, s, len);
}

uint32_t lgort__put_ref(lgort_encoding *x, int kind, void *ptr) {
  lgort_encoder *e = x->e;
  if (e->nrefs == e->refs_room) {
    size_t room = e->refs_room ? e->refs_room * 2 : 16;
    lgort_ref *refs = gort_realloc(e->refs, room * sizeof *refs);
    if (!refs) {
      lgort_ref_drop(&(lgort_ref){kind, ptr});
      lgort__no_memory(x);
    }
    e->refs = refs;
    e->refs_room = room;
  }
  e->refs[e->nrefs] = (lgort_ref){kind, ptr};
  return (uint32_t)e->nrefs++;
}

static void drop_versions(lgort_encoder *e) {
  for (size_t i = 0; i < e->nobjects && e->nversions > 0; i++) {
    e->nversions -= e->objects[i].cls != NULL;
    lgort_class_release(e->objects[i].cls);
    e->objects[i].cls = NULL;
  }
}

static void encoder_reset(lgort_encoder *e) {
  drop_versions(e);
  lgort__drop_refs(e);
  for (unsigned i = 0; i < e->nenvs; i++) gort_free(e->envs[i].names);
  e->len = e->nobjects = e->done = 0;
  e->nenvs = 0;
  e->has_paths = false;
  if (e->nseen) { /* forgets all by a new epoch */
    e->nseen = 0;
    e->epoch++;
  }
  if (e->room > 1 << 20) { /* a big message's memory goes back */
    gort_free(e->bytes);
    e->bytes = NULL;
    e->room = 0;
  }
  if (e->seen_size > 1 << 16 || e->epoch == 0) {
    gort_free(e->seen);
    gort_free(e->objects);
    e->seen = NULL;
    e->objects = NULL;
    e->seen_size = e->objects_room = 0;
    e->epoch = 1;
  }
}

void lgort_encoder_unwind(lgort_encoder *e) {
  for (; e; e = e->inner) {
    if (e->busy) lgort__drop_refs(e);
    e->busy = false;
  }
}

static void make_queue(lua_State *L, lgort_encoder *e) {
  if (e->queue) {
    bool there = lua_rawgeti(L, LUA_REGISTRYINDEX, e->queue) == LUA_TTABLE;
    lua_pop(L, 1);
    if (there) return;
  }
  lua_newtable(L);
  if (e->queue)
    lua_rawseti(L, LUA_REGISTRYINDEX, e->queue);
  else
    e->queue = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The encoder of the level that begins now. */
lgort_encoder *lgort__encoding_begin(lua_State *L, lgort_vm *vm) {
  lgort_encoder *e = &vm->encoder;
  for (; e->busy; e = e->inner)
    if (!e->inner) {
      e->inner = gort_malloc(sizeof *e);
      if (!e->inner) lgort_raise(L, GORT_ENOMEM);
      memset(e->inner, 0, sizeof *e);
    }
  e->busy = true;
  encoder_reset(e);
  make_queue(L, e);
  return e;
}

void lgort__encoding_restart(lgort_encoding *x) {
  encoder_reset(x->e);
  make_queue(x->L, x->e);
}

void lgort_encoder_fini(lgort_encoder *e) {
  encoder_reset(e);
  if (e->inner) lgort_encoder_fini(e->inner);
  gort_free(e->inner);
  gort_free(e->bytes);
  gort_free(e->refs);
  gort_free(e->seen);
  gort_free(e->objects);
  gort_free(e->envs);
}

/* ---- what was met before ----------------------------------------------- */

static struct lgort_seen *probe(const lgort_encoder *e, const void *key) {
  uint64_t h = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u;
  size_t i = (size_t)(h >> 20) & (e->seen_size - 1);
  while (e->seen[i].epoch == e->epoch && e->seen[i].key != key)
    i = (i + 1) & (e->seen_size - 1);
  return &e->seen[i];
}

static void grow_seen(lgort_encoding *x) {
  lgort_encoder *e = x->e;
  lgort_encoder old = *e;
  size_t size = old.seen_size ? old.seen_size * 2 : 64;
  struct lgort_seen *seen = gort_malloc(size * sizeof *seen);
  if (!seen) lgort__no_memory(x);
  memset(seen, 0, size * sizeof *seen);
  e->seen = seen;
  e->seen_size = size;
  for (size_t i = 0; i < old.seen_size; i++)
    if (old.seen[i].epoch == e->epoch) *probe(e, old.seen[i].key) = old.seen[i];
  gort_free(old.seen);
}

/* The entry of key; fresh tells whether it was just made. */
struct lgort_seen *lgort__see(lgort_encoding *x, const void *key, bool *fresh) {
  lgort_encoder *e = x->e;
  if ((e->nseen + 1) * 2 > e->seen_size) grow_seen(x);
  struct lgort_seen *s = probe(e, key);
  *fresh = s->epoch != e->epoch;
  if (*fresh) {
    *s = (struct lgort_seen){.key = key, .epoch = e->epoch};
    e->nseen++;
  }
  return s;
}

struct lgort_seen *lgort__find(lgort_encoding *x, const void *key) {
  if (!x->e->seen_size) return NULL;
  struct lgort_seen *s = probe(x->e, key);
  return s->epoch == x->e->epoch ? s : NULL;
}

void lgort__put_seen(lgort_encoding *x, const struct lgort_seen *s) {
  int tag = LGORT_T_REF;
  if (s->upvalue == LGORT_SEEN_CLASS) tag = LGORT_T_CLASS;
  if (s->upvalue == LGORT_SEEN_TRANSFER) tag = LGORT_T_TRANSFER;
  lgort__put_byte(x, tag);
  lgort__put_number(x, s->number);
}

/* Numbers the object at idx. */
struct lgort_pending *lgort__announce(lgort_encoding *x, int idx) {
  lgort_encoder *e = x->e;
  if (e->nobjects == e->objects_room) {
    size_t room = e->objects_room ? e->objects_room * 2 : 64;
    struct lgort_pending *p = gort_realloc(e->objects, room * sizeof *p);
    if (!p) lgort__no_memory(x);
    e->objects = p;
    e->objects_room = room;
  }
  struct lgort_pending *p = &e->objects[e->nobjects++];
  *p = (struct lgort_pending){.parent = x->here};
  if (idx >= x->first && idx < x->queue)
    p->stack = idx;
  else {
    lua_pushvalue(x->L, idx);
    lua_rawseti(x->L, x->queue, (lua_Integer)e->nobjects);
  }
  return p;
}

/* ---- failing ----------------------------------------------------------- */

void lgort__push_object(lgort_encoding *x, uint32_t number) {
  const struct lgort_pending *p = &x->e->objects[number];
  if (p->stack)
    lua_pushvalue(x->L, p->stack);
  else
    lua_rawgeti(x->L, x->queue, (lua_Integer)number + 1);
}

/* The captured global that holds the value at idx. */
static const char *global_name(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  for (unsigned i = 0; i < x->e->nenvs; i++) {
    lua_rawgeti(L, x->queue, -1 - (lua_Integer)i);
    for (size_t j = 0; j < x->e->envs[i].n; j++) {
      const char *name = x->e->envs[i].names[j].global.name;
      lua_getfield(L, -1, name);
      if (lua_rawequal(L, -1, idx)) return name;
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  return "?";
}

/* Stack: a path, what it starts from. Makes it the path from a root, which is
 * returned, or from a global: 0. */
static int push_path(lgort_encoding *x) {
  lua_State *L = x->L;
  uint32_t at = x->here;
  for (int steps = 0; at != LGORT_NO_PARENT && steps < 1000; steps++) {
    lgort__push_object(x, at);
    lgort_push_step(L, -1, -2); /* path, child, parent, step */
    lua_pushvalue(L, -4);
    lua_concat(L, 2); /* path, child, parent, step .. path */
    lua_replace(L, -4);
    lua_replace(L, -2); /* path, parent */
    at = x->e->objects[at].parent;
  }
  for (int i = x->first; i < x->queue; i++)
    if (lua_rawequal(L, i, -1)) return i;
  return 0;
}

/* Raises "cannot send: value.items[3] is <what>" for the value at idx. */
/* Pushes how the message starts: "value", "argument 2", "global 'x'". Stack: a
 * path, what it starts from. root: as push_path says. */
static void push_start(lgort_encoding *x, int root) {
  lua_State *L = x->L;
  int from = lua_gettop(L);
  if (root && !x->subject->is_call)
    lua_pushstring(L, x->subject->root);
  else if (root && root == x->first)
    lua_pushliteral(L, "the function");
  else if (root)
    lua_pushfstring(L, "argument %d", root - x->first);
  else if (!x->is_additions || !lgort__addition_name(x, from))
    lua_pushfstring(L, "global '%s'", global_name(x, from));
}

_Noreturn void lgort__refuse(lgort_encoding *x, int idx, const char *what) {
  lua_State *L = x->L;
  lgort_encoding *inner = x;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 40, NULL);
  /* From the culprit up; each step says how its parent names it. */
  lua_pushliteral(L, "");
  int path = lua_gettop(L);
  lua_pushvalue(L, idx); /* path, child */
  int root = push_path(x);
  while (root && x->outer) {
    if (x->stands_for) {
      lua_pushliteral(L, " (by its " LGORT_TRANSFER ")");
      lua_pushvalue(L, -3);
      lua_concat(L, 2);
      lua_replace(L, -3);
      lua_pushvalue(L, x->stands_for);
      lua_replace(L, -2);
    }
    x = x->outer;
    root = push_path(x);
  }
  push_start(x, root);
  int start = lua_gettop(L);
  luaL_where(L, 1);
  lua_pushfstring(L, "%scannot %s: %s%s is %s", lua_tostring(L, -1),
                  x->subject->verb, lua_tostring(L, start),
                  lua_tostring(L, path), what);
  lgort__abandon(inner);
  lua_error(L);
  abort();
}
