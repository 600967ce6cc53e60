/* once.c - gort.sync.once.
 *
 * SPDX-License-Identifier: MIT
 *
 * The call is captured when the once is made and becomes a task the first
 * time: it outlives a caller that stops waiting. */
#include "cross/call.h"
#include "cross/outcome.h"
#include "lib/lib.h"

static int once_call(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_ONCE);
  gort_once *once = (gort_once *)(void *)h->obj;
  gort_source *s = (gort_source *)(void *)gort_once_future(once);
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  if (gort_wait_try(s, GORT_RECV, &none, &res))
    return lgort_outcome_push(L, &res);
  lgort_will_park(L, vm);
  gort_record *r = gort_once_begin(once);
  if (r) gort_go(vm->rt, r);
  return lgort_wait_then(L, vm, s, GORT_RECV, NULL, NULL, lgort_outcome_push);
}

static int once_new(lua_State *L) {
  gort_future *f;
  gort_once *once = NULL;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  gort_record *r = lgort_call_new(L, lgort_vm_of(L), 1);
  gort_record_bind(r, NULL); /* it is there for others, too */
  int rc = gort_future_new(&f);
  if (rc == 0) {
    lgort_call_tell(r, (gort_object *)(void *)f);
    rc = gort_once_new(r, f, &once);
  }
  if (rc < 0) {
    lgort_call_free(r);
    lgort_raise(L, rc);
  }
  lgort_push_new(L, (gort_object *)(void *)once, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {{NULL, NULL}};

static const luaL_Reg meta[] = {{"__call", once_call}, {NULL, NULL}};

int lgort_open_once(lua_State *L) {
  lgort_type_new(L, LGORT_ONCE, methods, meta);
  lua_pushcfunction(L, once_new);
  return 1;
}
