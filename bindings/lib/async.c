/* async.c - gort.async and its futures, gort.blocking.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/call.h"
#include "cross/outcome.h"
#include "lib/lib.h"

static lgort_handle *check(lua_State *L) {
  return lgort_check_handle(L, 1, LGORT_FUTURE);
}

/* The results or the error; or, when the wait was given up, nil, err. */
static int waited(lua_State *L, gort_result *res) {
  if (res->status == 0) return lgort_outcome_push(L, res);
  lua_pushnil(L);
  lua_pushstring(L, gort_strerror(res->status));
  return 2;
}

static int future_wait(lua_State *L) {
  lgort_handle *h = check(L);
  gort_limit limit = lgort_check_limit(L, 2);
  return lgort_wait_then(L, lgort_vm_of(L), lgort_source(h), GORT_RECV, NULL,
                         &limit, waited);
}

/* Starts the call on the stack: its future, at the bottom and returned. */
static gort_object *start(lua_State *L, void (*go)(gort *, gort_record *)) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_future *f;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  int rc = gort_future_new(&f);
  if (rc < 0) lgort_raise(L, rc);
  gort_object *obj = (gort_object *)(void *)f;
  lgort_push_new(L, obj, LGORT_BOTH);
  lua_insert(L, 1); /* first, so that nothing is held when the call raises */
  gort_record *r = lgort_call_new(L, vm, 2);
  gort_object_retain(obj);
  lgort_call_tell(r, obj);
  go(vm->rt, r);
  lua_settop(L, 1);
  return obj;
}

static int lib_async(lua_State *L) {
  start(L, gort_go);
  return 1;
}

static int lib_blocking(lua_State *L) {
  lgort_will_park(L, lgort_vm_of(L));
  gort_object *f = start(L, gort_go_blocking);
  return lgort_wait_then(L, lgort_vm_of(L), (gort_source *)(void *)f, GORT_RECV,
                         NULL, NULL, waited);
}

static const luaL_Reg methods[] = {{"wait", future_wait}, {NULL, NULL}};

int lgort_open_async(lua_State *L) {
  lgort_type_new(L, LGORT_FUTURE, methods, NULL);
  lua_pushcfunction(L, lib_async);
  return 1;
}

int lgort_open_blocking(lua_State *L) {
  lua_pushcfunction(L, lib_blocking);
  return 1;
}
