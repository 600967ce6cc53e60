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

/* A callable table with a hidden field that holds somebody else's metatable
 * is a class in the style of middleclass. */
static bool hides_a_class(lua_State *L, int table, int key, int value) {
  if (lua_type(L, key) != LUA_TSTRING || !lua_istable(L, value)) return false;
  const char *s = lua_tostring(L, key);
  if (s[0] != '_' || s[1] != '_') return false;
  int top = lua_gettop(L);
  bool is = lua_getmetatable(L, table) && !lua_rawequal(L, -1, value);
  if (is) {
    lua_pushliteral(L, "__call");
    is = lua_rawget(L, -2) != LUA_TNIL;
    lua_pushliteral(L, "__index");
    is = lua_rawget(L, value) != LUA_TNIL && is;
  }
  lua_settop(L, top);
  return is;
}

bool lgort__looks_like_class(lua_State *L, int table, int key, int value) {
  return lgort_is_class_field(L, key, value) ||
         hides_a_class(L, table, key, value);
}

void lgort__adopt_index(lgort_encoding *x, int key, int value) {
  lua_State *L = x->L;
  if (lua_type(L, key) != LUA_TSTRING || !lua_istable(L, value)) return;
  const char *s = lua_tostring(L, key);
  if (strcmp(s, "__index") != 0 && strcmp(s, "__newindex") != 0) return;
  if (lgort_is_env(L, x->vm, value)) return;
  if (lgort_push_module_of(L, x->vm, value)) {
    lua_pop(L, 1);
    return;
  }
  /* Met before as an ordinary table: the message is to be written anew. */
  if (!lgort_class_of(L, x->vm, value) &&
      lgort__find(x, lua_topointer(L, value)))
    x->again = true;
  lgort_class_adopt(L, x->vm, value);
}

/* ---- bundles ----------------------------------------------------------- */

void lgort__commit_bundle(lgort_encoding *x, gort_buf *bundle) {
  lgort_encoder *e = x->e;
  /* The encoder owns it, should the following raise. */
  lgort__put_ref(x, LGORT_REF_BUFFER, bundle);
  for (uint32_t i = 0; i < e->nobjects; i++) {
    if (!e->objects[i].cls) continue;
    lgort__push_object(x, i);
    lgort_class_commit(x->L, x->vm, lua_gettop(x->L), e->objects[i].cls,
                       bundle);
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
  struct lgort_seen *s = lgort__see(x, lua_topointer(x->L, idx), &fresh);
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = lgort__announce(x, idx);
  lgort_class *cls = lgort_class_begin(info);
  if (!cls) {
    lgort__no_memory(x);
    abort();
  }
  unsigned version = cls->version;
  p->cls = cls;
  x->e->nversions++;
  lgort__put_ref(x, LGORT_REF_MEMBER, (void *)(uintptr_t)info->id);
  lgort__put_byte(x, LGORT_T_NEWCLASS);
  lgort__put_number(x, info->id);
  lgort__put_number(x, version);
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
  if (!info->current) abort(); /* the bundle made it */
  uint32_t n;
  if (x->is_bundle) {
    n = lgort__put_ref(x, LGORT_REF_NEED, (void *)(uintptr_t)info->id);
  } else {
    lgort_class_retain(info->current);
    n = lgort__put_ref(x, LGORT_REF_CLASS, info->current);
  }
  s = lgort__see(x, key, &fresh);
  s->number = n;
  s->upvalue = LGORT_SEEN_CLASS;
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
                        x->e->objects[s->number].cls != NULL);
  if (s && !is_class) x->again = true; /* it was taken for other tables */
  lgort__put_class(x, idx, lgort_class_adopt(L, x->vm, idx));
}

/* ---- what classes need ------------------------------------------------- */

/* A class that a bundle names, or makes, by its id. */
static void need(lgort_encoding *x, uint64_t id) {
  lua_State *L = x->L;
  int top = lua_gettop(L);
  lgort_class_push(L, x->vm, id);
  if (lua_istable(L, -1)) {
    lgort_class_info *info = lgort_class_of(L, x->vm, top + 1);
    if (info && (info->current || info->made_here)) refer(x, top + 1, info);
  }
  lua_settop(L, top);
}

void lgort__put_needed_classes(lgort_encoding *x) {
  for (size_t i = 0; i < x->e->nrefs; i++) { /* grows on the way */
    if (x->e->refs[i].kind != LGORT_REF_CLASS) continue;
    bool fresh;
    const lgort_class *cls = x->e->refs[i].ptr;
    lgort__see(x, cls->bundle, &fresh);
    if (!fresh) continue; /* another class of the same bundle was here */
    lgort__need_modules_of(x, cls->bundle);
    const lgort_message *m = message_in(cls->bundle);
    for (uint32_t j = 0; j < m->nrefs; j++)
      if (m->refs[j].kind == LGORT_REF_MEMBER ||
          m->refs[j].kind == LGORT_REF_NEED)
        need(x, (uint64_t)(uintptr_t)m->refs[j].ptr);
  }
}

/* The functions of a class may use the globals of the task that runs: then
 * those of the call are not to be the pristine ones, which nobody may set. */
void lgort__share_globals(lgort_encoding *x) {
  bool shares = false;
  for (size_t i = 0; i < x->e->nrefs && !shares; i++) {
    if (x->e->refs[i].kind != LGORT_REF_CLASS) continue;
    const lgort_class *cls = x->e->refs[i].ptr;
    const lgort_message *m = message_in(cls->bundle);
    for (uint32_t j = 0; j < m->nenvs; j++)
      if (m->env_kind[j] == LGORT_ENV_SHARED) shares = true;
  }
  for (unsigned i = 0; i < x->e->nenvs && shares; i++)
    if (x->e->envs[i].kind == LGORT_ENV_BASE)
      x->e->envs[i].kind = LGORT_ENV_LIGHT;
}
