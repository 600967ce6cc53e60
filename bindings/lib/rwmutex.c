/* rwmutex.c - gort.sync.rwmutex.
 *
 * SPDX-License-Identifier: MIT
 *
 * To the runtime a read lock is received and a write lock sent. */
#include "lib/lib.h"

static lgort_handle *check(lua_State *L) {
  return lgort_check_handle(L, 1, LGORT_RWMUTEX);
}

static gort_rwmutex *rwmutex_of(const lgort_handle *h) {
  return (gort_rwmutex *)(void *)h->obj;
}

/* Pushes true, or the guard; or false, err. */
static int locked(lua_State *L, gort_result *res, lgort_view view) {
  if (res->status != 0 || view == LGORT_BOTH) return lgort_push_done(L, res);
  lgort_handle *h = check(L);
  gort_object_retain(h->obj);
  lgort_push_object(L, h->obj, view);
  return 1;
}

static int locked_k(lua_State *L, int status, lua_KContext view) {
  gort_result res;
  (void)status;
  lgort_wait_finish(L, &res);
  return locked(L, &res, (lgort_view)view);
}

static int lock(lua_State *L, gort_op op, lgort_view view) {
  lgort_handle *h = check(L);
  gort_value none = {.type = GORT_NIL};
  gort_limit limit = lgort_check_limit(L, 2);
  gort_result res;
  if (lgort_wait(L, lgort_vm_of(L), lgort_source(h), op, &none, &limit, &res) ==
      GORT_PARKED)
    return lgort_park(L, view, locked_k);
  return locked(L, &res, view);
}

static int rw_lock(lua_State *L) { return lock(L, GORT_SEND, LGORT_BOTH); }

static int rw_rlock(lua_State *L) { return lock(L, GORT_RECV, LGORT_BOTH); }

static int rw_guard(lua_State *L) { return lock(L, GORT_SEND, LGORT_GUARD); }

static int rw_rguard(lua_State *L) { return lock(L, GORT_RECV, LGORT_RGUARD); }

static int try_lock(lua_State *L, gort_op op) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  lua_pushboolean(L, gort_wait_try(lgort_source(check(L)), op, &none, &res));
  return 1;
}

static int rw_try_lock(lua_State *L) { return try_lock(L, GORT_SEND); }

static int rw_try_rlock(lua_State *L) { return try_lock(L, GORT_RECV); }

static int rw_unlock(lua_State *L) {
  int rc = gort_rwmutex_unlock(rwmutex_of(check(L)));
  if (rc == GORT_EUNLOCKED) return luaL_error(L, "unlock of unlocked rwmutex");
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

static int rw_runlock(lua_State *L) {
  int rc = gort_rwmutex_runlock(rwmutex_of(check(L)));
  if (rc == GORT_EUNLOCKED)
    return luaL_error(L, "runlock of unlocked rwmutex: nobody reads");
  return 0;
}

/* __close of a guard; an rwmutex itself in a <close> variable means nothing. */
static int rw_close(lua_State *L) {
  lgort_handle *h = lgort_to_handle(L, 1);
  if (h && h->view == LGORT_GUARD) return rw_unlock(L);
  if (h && h->view == LGORT_RGUARD) return rw_runlock(L);
  return 0;
}

static int rw_new(lua_State *L) {
  gort_rwmutex *rw;
  int rc = gort_rwmutex_new(&rw);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)rw, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"lock", rw_lock},
    {"rlock", rw_rlock},
    {"unlock", rw_unlock},
    {"runlock", rw_runlock},
    {"try_lock", rw_try_lock},
    {"try_rlock", rw_try_rlock},
    {"guard", rw_guard},
    {"rguard", rw_rguard},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__close", rw_close}, {NULL, NULL}};

int lgort_open_rwmutex(lua_State *L) {
  lgort_type_new(L, LGORT_RWMUTEX, methods, meta);
  lua_pushcfunction(L, rw_new);
  return 1;
}
