/* waitgroup.c - gort.sync.waitgroup.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/call.h"
#include "lib/lib.h"

static lgort_handle *check(lua_State *L) {
  return lgort_check_handle(L, 1, LGORT_WAITGROUP);
}

static gort_waitgroup *waitgroup_of(const lgort_handle *h) {
  return (gort_waitgroup *)(void *)h->obj;
}

static void add(lua_State *L, const lgort_handle *h, lua_Integer n) {
  int rc = gort_waitgroup_add(waitgroup_of(h), n);
  if (rc == GORT_ENEGATIVE)
    luaL_error(L, "negative wait group counter: done() was called more often "
                  "than add() counted");
  if (rc < 0) luaL_error(L, "wait group counter out of range");
}

static int wg_add(lua_State *L) {
  lgort_handle *h = check(L);
  add(L, h, luaL_optinteger(L, 2, 1));
  return 0;
}

static int wg_done(lua_State *L) {
  add(L, check(L), -1);
  return 0;
}

static int wg_wait(lua_State *L) {
  lgort_handle *h = check(L);
  gort_limit limit = lgort_check_limit(L, 2);
  return lgort_wait_then(L, lgort_vm_of(L), lgort_source(h), GORT_RECV, NULL,
                         &limit, lgort_push_done);
}

/* Counts before it returns, so that a wait right after it waits. */
static int wg_go(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_handle *h = check(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  gort_record *r = lgort_call_new(L, vm, 2);
  int rc = gort_waitgroup_add(waitgroup_of(h), 1);
  if (rc < 0) {
    lgort_call_free(r);
    return luaL_error(L, "wait group counter out of range");
  }
  lgort_call_tell(r, lgort_take_count(h));
  return lgort_start_task(L, vm, r);
}

static int wg_new(lua_State *L) {
  gort_waitgroup *wg;
  int rc = gort_waitgroup_new(&wg);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)wg, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"add", wg_add}, {"done", wg_done}, {"wait", wg_wait},
    {"go", wg_go},   {NULL, NULL},
};

int lgort_open_waitgroup(lua_State *L) {
  lgort_type_new(L, LGORT_WAITGROUP, methods, NULL);
  lua_pushcfunction(L, wg_new);
  return 1;
}
