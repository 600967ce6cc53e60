/* singleflight.c - gort.sync.singleflight.
 *
 * SPDX-License-Identifier: MIT
 *
 * The call is a task of its own: it outlives a caller that stops waiting. */
#include "cross/call.h"
#include "cross/encoder.h"
#include "cross/outcome.h"
#include "lib/lib.h"

static gort_singleflight *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_SINGLEFLIGHT);
  return (gort_singleflight *)(void *)h->obj;
}

/* Keeps a future alive while this function waits for it. */
typedef struct holder {
  gort_future *future;
} holder;

static int holder_gc(lua_State *L) {
  holder *h = lua_touserdata(L, 1);
  if (h->future) gort_object_release((gort_object *)(void *)h->future);
  h->future = NULL;
  return 0;
}

/* The holder is on top. */
static int landed(lua_State *L, gort_result *res) {
  holder *h = lua_touserdata(L, -1);
  bool shared = gort_singleflight_shared(h->future);
  int n = lgort_outcome_push(L, res);
  lua_pushboolean(L, shared);
  return n + 1;
}

/* Finds the call of the key at 2, or starts r as it; takes r. */
static int join(lua_State *L, gort_singleflight *sf, gort_record *r,
                gort_future **out) {
  gort_value key;
  int rc = GORT_ENOMEM;
  if (lgort_encode_simple(L, 2, &key)) {
    rc = gort_singleflight_join(sf, &key, out);
    gort_value_drop(&key);
  }
  if (rc == 0) {
    gort_object_retain((gort_object *)(void *)*out);
    lgort_call_tell(r, (gort_object *)(void *)*out);
    gort_record_bind(r, NULL); /* it is there for others, too */
    gort_go(lgort_vm_of(L)->rt, r);
  } else {
    lgort_call_free(r);
  }
  return rc;
}

static int sf_call(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_singleflight *sf = check(L);
  lgort_check_key(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lgort_will_park(L, vm);
  holder *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->future = NULL;
  luaL_setmetatable(L, "gort.holder");
  lua_insert(L, 3);
  int rc = join(L, sf, lgort_call_new(L, vm, 4), &h->future);
  if (rc < 0) lgort_raise(L, rc);
  lua_settop(L, 3);
  return lgort_wait_then(L, vm, (gort_source *)(void *)h->future, GORT_RECV,
                         NULL, NULL, landed);
}

static int sf_forget(lua_State *L) {
  gort_value key;
  gort_singleflight *sf = check(L);
  lgort_check_key(L, 2);
  if (!lgort_encode_simple(L, 2, &key)) lgort_raise(L, GORT_ENOMEM);
  gort_singleflight_forget(sf, &key);
  gort_value_drop(&key);
  return 0;
}

static int sf_new(lua_State *L) {
  gort_singleflight *sf;
  int rc = gort_singleflight_new(&sf);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)sf, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"call", sf_call}, {"forget", sf_forget}, {NULL, NULL}};

int lgort_open_singleflight(lua_State *L) {
  lgort_type_new(L, LGORT_SINGLEFLIGHT, methods, NULL);
  luaL_newmetatable(L, "gort.holder");
  lua_pushcfunction(L, holder_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, sf_new);
  return 1;
}
