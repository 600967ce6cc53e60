/* mutex.c - gort.sync.mutex.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/lib.h"
#include "vm/bound.h"

static gort_mutex *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_MUTEX);
  return (gort_mutex *)(void *)h->obj;
}

/* Pushes true, or the guard; or false, err. */
static int locked(lua_State *L, gort_mutex *mu, gort_result *res,
                  lgort_view view) {
  if (res->status != 0 || view == LGORT_BOTH) return lgort_push_done(L, res);
  gort_object_retain((gort_object *)(void *)mu);
  lgort_push_object(L, (gort_object *)(void *)mu, view);
  return 1;
}

/* The wait may go on: with the same deadline, which the continuation's context
 * keeps. */
static int resumed(lua_State *L, int64_t deadline, lgort_view view,
                   lua_KFunction k) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_mutex *mu = check(L);
  gort_result res;
  gort_limit limit = lgort_check_limit(L, 2);
  limit.deadline = deadline;
  lgort_cut_limit(vm, &limit);
  int rc = gort_mutex_resume(gort_vm_current(vm->vm), mu, &limit, &res);
  if (rc < 0) lgort_raise(L, rc);
  if (rc == GORT_PARKED) return lgort_park(L, deadline, k);
  if (res.status < 0) lgort_after_wait(L, vm, &res);
  return locked(L, mu, &res, view);
}

static int lock_k(lua_State *L, int status, lua_KContext deadline) {
  (void)status;
  return resumed(L, deadline, LGORT_BOTH, lock_k);
}

static int guard_k(lua_State *L, int status, lua_KContext deadline) {
  (void)status;
  return resumed(L, deadline, LGORT_GUARD, guard_k);
}

static int lock(lua_State *L, lgort_view view, lua_KFunction k) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_mutex *mu = check(L);
  gort_value none = {.type = GORT_NIL};
  gort_result res = {.status = 0};
  /* The short way, most of the time. */
  if (lua_isnoneornil(L, 2) && !lgort_is_bound(vm) && gort_mutex_try_lock(mu))
    return locked(L, mu, &res, view);
  gort_limit limit = lgort_check_limit(L, 2);
  if (lgort_wait(L, vm, (gort_source *)(void *)mu, GORT_RECV, &none, &limit,
                 &res) == GORT_PARKED)
    return lgort_park(L, limit.deadline, k);
  return locked(L, mu, &res, view);
}

static int mu_lock(lua_State *L) { return lock(L, LGORT_BOTH, lock_k); }

static int mu_guard(lua_State *L) { return lock(L, LGORT_GUARD, guard_k); }

static int mu_try_lock(lua_State *L) {
  lua_pushboolean(L, gort_mutex_try_lock(check(L)));
  return 1;
}

static int mu_unlock(lua_State *L) {
  int rc = gort_mutex_unlock(check(L));
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

/* __close of a guard; a mutex itself in a <close> variable means nothing. */
static int mu_close(lua_State *L) {
  lgort_handle *h = lgort_to_handle(L, 1);
  return h && h->view == LGORT_GUARD ? mu_unlock(L) : 0;
}

static int mu_new(lua_State *L) {
  gort_mutex *mu;
  int rc = gort_mutex_new(&mu);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)mu, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"lock", mu_lock},     {"try_lock", mu_try_lock},
    {"unlock", mu_unlock}, {"guard", mu_guard},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__close", mu_close}, {NULL, NULL}};

int lgort_open_mutex(lua_State *L) {
  lgort_type_new(L, LGORT_MUTEX, methods, meta);
  lua_pushcfunction(L, mu_new);
  return 1;
}
