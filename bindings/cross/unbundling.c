/* unbundling.c - reading classes: references to them, and the bundles that make
 * them (bundles.c writes these).
 *
 * SPDX-License-Identifier: MIT */
#include "cross/decoding.h"

/* Pushes this vm's table for a class if it is there and new enough. */
static bool push_current(lgort_decoding *d, const lgort_class *cls) {
  lgort_class_push(d->L, d->vm, cls->id);
  if (lua_istable(d->L, -1) && lgort_class_is_current(d->L, d->vm, -1, cls))
    return true;
  lua_pop(d->L, 1);
  return false;
}

/* Pushes this vm's table for a class; makes it if there is none, to be filled
 * by a bundle. */
static void push_table_of(lgort_decoding *d, uint64_t id) {
  lgort_class_push(d->L, d->vm, id);
  if (lua_istable(d->L, -1)) return;
  lua_pop(d->L, 1);
  lua_newtable(d->L);
  lgort_class_enter(d->L, d->vm, id, lua_gettop(d->L));
}

/* At first their tables, since bundles name each other's classes. */
void lgort__fetch_classes(lgort_decoding *d) {
  lua_State *L = d->L;
  const lgort_ref *refs = d->m->refs;
  for (uint32_t i = 0; i < d->m->nrefs; i++) {
    if (refs[i].kind != LGORT_REF_CLASS) continue;
    push_table_of(d, ((const lgort_class *)refs[i].ptr)->id);
    lua_rawseti(L, d->objects, -1 - (lua_Integer)i);
  }
  for (uint32_t i = 0; i < d->m->nrefs; i++) {
    if (refs[i].kind != LGORT_REF_CLASS) continue;
    const lgort_class *cls = refs[i].ptr;
    int top = lua_gettop(L);
    lua_rawgeti(L, d->objects, -1 - (lua_Integer)i);
    if (!lgort_class_is_current(L, d->vm, -1, cls))
      lgort_decode_bundle(L, d->vm, cls->bundle);
    lua_settop(L, top);
  }
}

void lgort__push_class(lgort_decoding *d) {
  uint64_t n = lgort__get_number(d);
  if (n >= d->m->nrefs) lgort__malformed(d);
  if (d->m->refs[n].kind == LGORT_REF_NEED)
    push_table_of(d, (uint64_t)(uintptr_t)d->m->refs[n].ptr);
  else if (d->m->refs[n].kind == LGORT_REF_CLASS)
    lua_rawgeti(d->L, d->objects, -1 - (lua_Integer)n);
  else
    lgort__malformed(d);
}

static void clear_table(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, -4);
  }
  lua_pushnil(L);
  lua_setmetatable(L, -2);
}

void lgort__push_new_class(lgort_decoding *d) {
  lua_State *L = d->L;
  if (!d->bundle) lgort__malformed(d);
  lgort_class cls = {.id = lgort__get_number(d)};
  cls.version = (unsigned)lgort__get_number(d);
  if (!push_current(d, &cls)) {
    push_table_of(d, cls.id);
    clear_table(L);
    lua_pushinteger(L, cls.version);
    lua_rawseti(L, d->later, -1 - (lua_Integer)d->nobjects);
  } else {
    lua_pushboolean(L, 1); /* what comes for it is not wanted */
    lua_rawseti(L, d->later, (lua_Integer)d->nobjects + 1);
  }
  lgort__remember(d);
}

void lgort__end_bundle(lgort_decoding *d) {
  lua_State *L = d->L;
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 1; i <= d->nobjects; i++) {
      lua_rawgeti(L, d->objects, (lua_Integer)i);
      if (lua_rawgeti(L, d->later, pass ? -(lua_Integer)i : (lua_Integer)i) ==
              LUA_TTABLE &&
          !pass) {
        lua_setmetatable(L, -2);
        lua_pushnil(L);
      }
      if (pass && lua_isinteger(L, -1))
        lgort_class_entered(L, d->vm, -2, (unsigned)lua_tointeger(L, -1),
                            d->bundle);
      lua_pop(L, 2);
    }
}
