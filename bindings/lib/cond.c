/* cond.c - gort.sync.cond.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/lib.h"
#include "vm/bound.h"

static gort_cond *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_COND);
  return (gort_cond *)(void *)h->obj;
}

static gort_task *self_of(lua_State *L) {
  return gort_vm_current(lgort_vm_of(L)->vm);
}

/* The mutex is locked again. status: how the wait proper ended. */
static int waited(lua_State *L, int status) {
  gort_result res = {.status = status};
  lgort_shield(lgort_vm_of(L), false);
  if (status < 0) lgort_after_wait(L, lgort_vm_of(L), &res);
  return lgort_push_done(L, &res);
}

static int relock(lua_State *L, int rc, int status);

static int relock_k(lua_State *L, int again, lua_KContext status) {
  gort_result res;
  (void)again;
  gort_mutex *mu = gort_cond_mutex(check(L));
  return relock(L, gort_mutex_resume(self_of(L), mu, NULL, &res), (int)status);
}

static int relock(lua_State *L, int rc, int status) {
  return rc == GORT_PARKED ? lgort_park(L, status, relock_k)
                           : waited(L, status);
}

/* However the wait ended, the mutex is locked when it returns or raises: no
 * context keeps it from that. */
static int wait_k(lua_State *L, int again, lua_KContext ctx) {
  gort_result res, lock;
  (void)again, (void)ctx;
  gort_wait_finish(self_of(L), &res);
  lgort_shield(lgort_vm_of(L), true);
  gort_mutex *mu = gort_cond_mutex(check(L));
  return relock(L, gort_mutex_lock(self_of(L), mu, NULL, &lock), res.status);
}

static int cond_wait(lua_State *L) {
  gort_cond *c = check(L);
  gort_mutex *mu = gort_cond_mutex(c);
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  gort_limit limit = lgort_check_limit(L, 2);
  if (!gort_mutex_is_locked(mu))
    return luaL_error(L, "cond wait: its mutex is unlocked");
  if (lgort_wait(L, lgort_vm_of(L), (gort_source *)(void *)c, GORT_RECV, &none,
                 &limit, &res) != GORT_PARKED)
    return lgort_push_done(L, &res);
  gort_mutex_unlock(mu);
  return lgort_park(L, 0, wait_k);
}

static int cond_signal(lua_State *L) {
  gort_cond_signal(check(L));
  return 0;
}

static int cond_broadcast(lua_State *L) {
  gort_cond_broadcast(check(L));
  return 0;
}

static int cond_new(lua_State *L) {
  gort_cond *c;
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_MUTEX);
  int rc = gort_cond_new((gort_mutex *)(void *)h->obj, &c);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)c, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"wait", cond_wait},
    {"signal", cond_signal},
    {"broadcast", cond_broadcast},
    {NULL, NULL},
};

int lgort_open_cond(lua_State *L) {
  lgort_type_new(L, LGORT_COND, methods, NULL);
  lua_pushcfunction(L, cond_new);
  return 1;
}
