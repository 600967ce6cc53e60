/* reach.c - which handles a vm has, and through which tasks.
 *
 * SPDX-License-Identifier: MIT
 *
 * Walks through all values, as a collector does: first from everything but the
 * tasks asked about, then from each of these, as far as the first walk has
 * not come. A table of what was met says by which walk it was last.
 * Handles give back their spare counts first: what is left is known.
 * It runs between two tasks, after a collection (what is garbage has handles,
 * too) and with the collector stopped. */
#include "vm/reach.h"

#include <string.h>

#include "cross/handles.h"

/* Values that one vm may show before it gives up. */
enum { MOST = 50000000 };

enum { REACH = 1, MET, QUEUE }; /* stack indices */

typedef struct walk {
  lua_State *L;
  lgort_vm *vm;
  gort_reach *r;
  lua_Integer who;
  lua_Integer head, tail; /* of the queue */
  size_t seen;
} walk;

/* Pops a value and queues it if this walk has not met it. */
static void visit(walk *w) {
  lua_State *L = w->L;
  int type = lua_type(L, -1);
  if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TUSERDATA &&
      type != LUA_TTHREAD) {
    lua_pop(L, 1);
    return;
  }
  lua_pushvalue(L, -1);
  bool first = lua_rawget(L, MET) == LUA_TNIL;
  lua_Integer by = first ? -1 : lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (by == 0 || by == w->who) {
    lua_pop(L, 1);
    return;
  }
  if (++w->seen > MOST) luaL_error(L, "too much to look at");
  lua_pushvalue(L, -1);
  lua_pushinteger(L, w->who);
  lua_rawset(L, MET);
  lgort_handle *h = lgort_to_handle(L, -1);
  if (!h) {
    lua_rawseti(L, QUEUE, ++w->tail);
    return;
  }
  if (h->obj) lgort_settle_counts(h);
  if (h->obj && gort_reach_add(w->r, (size_t)w->who, h->obj, first) < 0)
    luaL_error(L, "not enough memory");
  lua_pop(L, 1);
}

/* The value on top of another thread's stack. */
static void visit_from(walk *w, lua_State *co) {
  lua_xmove(co, w->L, 1);
  visit(w);
}

static void walk_thread(walk *w, lua_State *co) {
  lua_Debug ar;
  if (co == w->L) return;
  if (!lua_checkstack(co, 4)) luaL_error(w->L, "stack overflow");
  for (int i = lua_gettop(co); i > 0; i--) {
    lua_pushvalue(co, i);
    visit_from(w, co);
  }
  for (int level = 0; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "f", &ar);
    visit_from(w, co);
    for (int i = 1; lua_getlocal(co, &ar, i); i++) visit_from(w, co);
    for (int i = -1; lua_getlocal(co, &ar, i); i--) visit_from(w, co);
  }
}

static void walk_table(walk *w) {
  lua_State *L = w->L;
  const char *mode = "";
  int at = lua_gettop(L);
  if (lua_getmetatable(L, at)) {
    lua_pushliteral(L, "__mode");
    if (lua_rawget(L, -2) == LUA_TSTRING) mode = lua_tostring(L, -1);
    bool weak_keys = strchr(mode, 'k'), weak_values = strchr(mode, 'v');
    lua_pop(L, 1);
    visit(w); /* the metatable */
    if (weak_keys && weak_values) return;
    for (lua_pushnil(L); lua_next(L, at);) {
      if (weak_values)
        lua_pop(L, 1);
      else
        visit(w);
      if (weak_keys) continue;
      lua_pushvalue(L, -1);
      visit(w);
    }
    return;
  }
  for (lua_pushnil(L); lua_next(L, at);) {
    visit(w);
    lua_pushvalue(L, -1);
    visit(w);
  }
}

/* What the value on top refers to. */
static void expand(walk *w) {
  lua_State *L = w->L;
  int at = lua_gettop(L);
  switch (lua_type(L, at)) {
    case LUA_TTABLE:
      walk_table(w);
      break;
    case LUA_TFUNCTION:
      for (int i = 1; lua_getupvalue(L, at, i); i++) visit(w);
      break;
    case LUA_TTHREAD:
      walk_thread(w, lua_tothread(L, at));
      break;
    default:
      for (int i = 1; lua_getiuservalue(L, at, i) != LUA_TNONE; i++) visit(w);
      lua_settop(L, at);
      if (lua_getmetatable(L, at)) visit(w);
  }
  lua_settop(L, at);
}

static void drain(walk *w) {
  lua_State *L = w->L;
  while (w->head < w->tail) {
    lua_rawgeti(L, QUEUE, ++w->head);
    lua_pushnil(L);
    lua_rawseti(L, QUEUE, w->head);
    expand(w);
    lua_pop(L, 1);
  }
}

/* The value on top counts as met: it is not walked into. */
static void pass_by(walk *w) {
  lua_pushinteger(w->L, 0);
  lua_rawset(w->L, MET);
}

static void walk_task(walk *w, gort_task *t) {
  lgort_task *lt = gort_task_state(t);
  lua_State *L = w->L;
  if (!lt) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->vm->threads);
  lua_rawgeti(L, -1, lt->slot);
  visit(w);
  lua_pop(L, 1);
  if (lt->has_env) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->vm->task_envs);
    lua_rawgeti(L, -1, lt->slot);
    visit(w);
    lua_pop(L, 1);
  }
  gort_object *told = *lgort_told(lt);
  if (told && w->who && gort_reach_add(w->r, (size_t)w->who, told, true) < 0)
    luaL_error(L, "not enough memory");
  drain(w);
}

/* Protected. Stack: the gort_reach. */
static int walk_all(lua_State *L) {
  walk w = {.L = L, .vm = lgort_vm_of(L), .r = lua_touserdata(L, REACH)};
  gort_task *t;
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCSTOP);
  lua_newtable(L); /* MET */
  lua_newtable(L); /* QUEUE */
  lua_rawgeti(L, LUA_REGISTRYINDEX, w.vm->threads);
  pass_by(&w);
  lua_rawgeti(L, LUA_REGISTRYINDEX, w.vm->task_envs);
  pass_by(&w);
  for (int i = MET; i <= QUEUE; i++) {
    lua_pushvalue(L, i);
    pass_by(&w);
  }
  lua_pushvalue(L, LUA_REGISTRYINDEX);
  visit(&w);
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) visit(&w);
  lua_pop(L, 1);
  drain(&w);
  for (size_t i = 0; (t = gort_reach_other(w.r, i)); i++) walk_task(&w, t);
  for (size_t k = 1; k <= gort_reach_count(w.r); k++) {
    w.who = (lua_Integer)k;
    walk_task(&w, gort_reach_task(w.r, k));
  }
  return 0;
}

int lgort_reach(gort_vm *gvm, gort_reach *r) {
  lgort_vm *vm = gort_vm_state(gvm);
  lua_State *L = vm->L;
  bool collects = lua_gc(L, LUA_GCISRUNNING);
  lua_pushcfunction(L, walk_all);
  lua_pushlightuserdata(L, r);
  int status = lua_pcall(L, 1, 0, 0);
  if (status != LUA_OK) lua_pop(L, 1);
  if (collects) lua_gc(L, LUA_GCRESTART);
  return status == LUA_OK ? 0 : GORT_ENOMEM;
}
