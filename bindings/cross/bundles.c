/* bundles.c - writing classes: by reference, and the bundles that hold them.
 *
 * SPDX-License-Identifier: MIT
 *
 * A class that is new, or has changed, is encoded into a bundle of its own
 * when a message needs it. Classes that are met on the way and are new too
 * become members of the same bundle (they may refer to each other); the others
 * are references to theirs. */
#include <stdlib.h>
#include <string.h>

#include "cross/encoding.h"
#include "cross/env.h"
#include "cross/modules.h"

/* ---- what looks like a class ------------------------------------------- */

/* Metamethods tell; so does a field that is hidden by two underscores and
 * holds a class (as those of middleclass have). */
bool lgort__looks_like_class(lua_State *L, int key, int value) {
  size_t len;
  if (lua_type(L, key) != LUA_TSTRING) return false;
  const char *s = lua_tolstring(L, key, &len);
  if (len < 3 || s[0] != '_' || s[1] != '_') return false;
  if (lgort_is_class_key(s, len)) return true;
  if (!lua_istable(L, value)) return false;
  lua_pushliteral(L, "__index");
  bool is = lua_rawget(L, value) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

/* ---- bundles ----------------------------------------------------------- */

void lgort__commit_bundle(lgort_encoding *x, gort_buf *bundle) {
  /* The encoder owns it, should the following raise. */
  lgort__put_ref(x, LGORT_REF_PATHS, bundle);
  for (uint32_t i = 0; i < x->e->nobjects; i++) {
    lgort_class_info *info = x->e->objects[i].info;
    if (!info) continue;
    lgort__push_object(x, i);
    lgort_class_commit(x->L, x->vm, info, lua_gettop(x->L), bundle);
    lua_pop(x->L, 1);
  }
}

/* Encodes the class at idx with what is new around it. */
static void make_bundle(lgort_encoding *outer, int idx) {
  lua_State *L = outer->L;
  luaL_checkstack(L, 24, NULL);
  lgort_subject subject = *outer->subject;
  subject.is_call = false;
  lua_pushvalue(L, idx);
  lgort_encoding x = {.L = L,
                      .vm = outer->vm,
                      .subject = &subject,
                      .first = lua_gettop(L),
                      .is_bundle = true,
                      .outer = outer};
  lgort__commit_bundle(&x, lgort__encode_message(&x, 1));
  lgort__encode_end(&x);
  lua_pop(L, 1);
}

static const lgort_message *message_in(gort_buf *b) {
  return (const lgort_message *)(const void *)gort_buf_bytes(b);
}

void lgort__need_modules_of(lgort_encoding *x, gort_buf *message) {
  const lgort_message *m = message_in(message);
  for (uint32_t i = 0; i < m->nrefs; i++) {
    if (m->refs[i].kind == LGORT_REF_PATHS) lgort__put_paths(x);
    if (m->refs[i].kind == LGORT_REF_MODULE)
      lgort__need_module(x, gort_buf_bytes(m->refs[i].ptr));
  }
}

/* Makes the class at idx an object of the bundle that is being written. */
static void put_member(lgort_encoding *x, int idx, lgort_class_info *info) {
  bool fresh;
  lgort_class *cls = lgort_class_begin(info);
  if (!cls) {
    lgort__no_memory(x);
    abort();
  }
  struct lgort_seen *s = lgort__see(x, lua_topointer(x->L, idx), &fresh);
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = lgort__announce(x, idx);
  p->info = info;
  lgort__put_ref(x, LGORT_REF_MEMBER, (void *)(uintptr_t)info->id);
  lgort__put_byte(x, LGORT_T_NEWCLASS);
  lgort__put_number(x, info->id);
  lgort__put_number(x, cls->version);
}

/* The entry of the class at idx, now a reference of the message or a member
 * of the bundle. */
static struct lgort_seen *refer(lgort_encoding *x, int idx,
                                lgort_class_info *info) {
  bool fresh;
  lua_State *L = x->L;
  const void *key = lua_topointer(L, idx);
  struct lgort_seen *s = lgort__find(x, key);
  if (s) return s;
  if (!info->current || lgort_class_changed(L, info, idx)) {
    if (x->is_bundle) return NULL;
    make_bundle(x, idx);
  }
  lgort_class_retain(info->current);
  uint32_t n = lgort__put_ref(x, LGORT_REF_CLASS, info->current);
  s = lgort__see(x, key, &fresh);
  s->number = n;
  s->upvalue = LGORT_SEEN_CLASS;
  lgort__need_modules_of(x, info->current->bundle);
  return s;
}

void lgort__put_class(lgort_encoding *x, int idx, lgort_class_info *info) {
  struct lgort_seen *s = refer(x, idx, info);
  if (s)
    lgort__put_seen(x, s);
  else
    put_member(x, idx, info);
}

void lgort__put_metatable(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  struct lgort_seen *s = lgort__find(x, lua_topointer(L, idx));
  if (!s && lgort__put_by_name(x, idx)) return;
  bool is_class = s && (s->upvalue == LGORT_SEEN_CLASS ||
                        x->e->objects[s->number].info != NULL);
  if (s && !is_class) x->again = true; /* it was taken for other tables */
  lgort__put_class(x, idx, lgort_class_adopt(L, x->vm, idx));
}

/* ---- what classes need ------------------------------------------------- */

/* A class that the bundle refers to, or makes, by its id. */
static void need(lgort_encoding *x, uint64_t id) {
  lua_State *L = x->L;
  int top = lua_gettop(L);
  lgort_class_push(L, x->vm, id);
  if (lua_istable(L, -1)) {
    lgort_class_info *info = lgort_class_of(L, x->vm, top + 1);
    if (info) refer(x, top + 1, info);
  }
  lua_settop(L, top);
}

void lgort__put_needed_classes(lgort_encoding *x) {
  for (size_t i = 0; i < x->e->nrefs; i++) { /* grows on the way */
    if (x->e->refs[i].kind != LGORT_REF_CLASS) continue;
    const lgort_message *m =
        message_in(((lgort_class *)x->e->refs[i].ptr)->bundle);
    for (uint32_t j = 0; j < m->nrefs; j++) {
      if (m->refs[j].kind == LGORT_REF_MEMBER)
        need(x, (uint64_t)(uintptr_t)m->refs[j].ptr);
      else if (m->refs[j].kind == LGORT_REF_CLASS)
        need(x, ((lgort_class *)m->refs[j].ptr)->id);
    }
  }
}
