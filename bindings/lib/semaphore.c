/* semaphore.c - gort.sync.semaphore.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/lib.h"

static lgort_handle *check(lua_State *L) {
  return lgort_check_handle(L, 1, LGORT_SEMAPHORE);
}

/* How many units argument 2 asks for: one by default. */
static gort_value check_units(lua_State *L) {
  lua_Integer k = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, k >= 0, 2, "the number must not be negative");
  return (gort_value){.type = GORT_INTEGER, .u.i = k};
}

static int sem_acquire(lua_State *L) {
  lgort_handle *h = check(L);
  gort_value k = check_units(L);
  gort_limit limit = lgort_check_limit(L, 3);
  return lgort_wait_then(L, lgort_vm_of(L), lgort_source(h), GORT_RECV, &k,
                         &limit, lgort_push_done);
}

static int sem_try_acquire(lua_State *L) {
  lgort_handle *h = check(L);
  gort_value k = check_units(L);
  gort_result res;
  lua_pushboolean(L, gort_wait_try(lgort_source(h), GORT_RECV, &k, &res));
  return 1;
}

static int sem_release(lua_State *L) {
  lgort_handle *h = check(L);
  gort_value k = check_units(L);
  int rc = gort_semaphore_release((gort_semaphore *)(void *)h->obj, k.u.i);
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

static int sem_new(lua_State *L) {
  gort_semaphore *sem;
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0, 1, "the size must not be negative");
  int rc = gort_semaphore_new(n, &sem);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)sem, LGORT_BOTH);
  return 1;
}

static const luaL_Reg methods[] = {
    {"acquire", sem_acquire},
    {"try_acquire", sem_try_acquire},
    {"release", sem_release},
    {NULL, NULL},
};

int lgort_open_semaphore(lua_State *L) {
  lgort_type_new(L, LGORT_SEMAPHORE, methods, NULL);
  lua_pushcfunction(L, sem_new);
  return 1;
}
