/* errgroup.c - gort.errgroup.
 *
 * SPDX-License-Identifier: MIT
 *
 * A group's tasks are bound to its scope, a context that ends when the group,
 * as a <close> variable, is left by an error. The context that with_context
 * gives ends at the first error; who wants to stop then looks at it, as in
 * Go. */
#include "cross/call.h"
#include "cross/decoder.h"
#include "lib/lib.h"
#include "vm/bound.h"
#include "vm/registry.h"

static gort_group *check(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_GROUP);
  return (gort_group *)(void *)h->obj;
}

static gort_source *source_of(gort_group *g) {
  return (gort_source *)(void *)g;
}

/* ---- go ---------------------------------------------------------------- */

/* A record that waits for its place in the group; userdata. */
typedef struct pending {
  gort_record *record;
} pending;

static int pending_gc(lua_State *L) {
  pending *p = lua_touserdata(L, 1);
  if (p->record) {
    lgort_call_free(p->record);
    p->record = NULL;
  }
  return 0;
}

/* The call at 2, captured, in a pending on top of the stack; it cannot tell
 * the group yet, which does not know it. */
static pending *capture(lua_State *L, gort_group *g) {
  lgort_vm *vm = lgort_vm_of(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  pending *p = lua_newuserdatauv(L, sizeof *p, 0);
  p->record = NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->pending_meta);
  lua_setmetatable(L, -2);
  lua_insert(L, 2);
  p->record = lgort_call_new(L, vm, 3);
  int rc = gort_record_bind(p->record, gort_group_scope(g));
  if (rc < 0) lgort_raise(L, rc);
  lua_settop(L, 2);
  return p;
}

/* The call, to be started: the group has counted it. */
static gort_record *take_call(gort_group *g, pending *p) {
  gort_record *r = p->record;
  gort_object *obj = (gort_object *)(void *)g;
  p->record = NULL;
  gort_object_retain(obj);
  lgort_call_tell(r, obj);
  return r;
}

static int entered(lua_State *L, gort_result *res) {
  (void)res;
  gort_record *r = take_call(check(L), lua_touserdata(L, 2));
  return lgort_start_task(L, lgort_vm_of(L), r);
}

static int group_go(lua_State *L) {
  gort_group *g = check(L);
  capture(L, g);
  return lgort_wait_then(L, lgort_vm_of(L), source_of(g), GORT_SEND, NULL, NULL,
                         entered);
}

static int group_try_go(lua_State *L) {
  gort_group *g = check(L);
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  pending *p = capture(L, g);
  bool enters = gort_wait_try(source_of(g), GORT_SEND, &none, &res);
  if (enters) gort_go(lgort_vm_of(L)->rt, take_call(g, p));
  lua_pushboolean(L, enters);
  return 1;
}

static int group_set_limit(lua_State *L) {
  int rc = gort_group_set_limit(check(L), luaL_checkinteger(L, 2));
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

/* ---- wait -------------------------------------------------------------- */

/* true, or nil, the first error and its traceback. */
static int waited(lua_State *L, gort_result *res) {
  gort_group *g = check(L);
  gort_value err;
  bool fresh;
  if (res->status != 0) {
    lua_pushnil(L);
    lua_pushstring(L, gort_strerror(res->status));
    return 2;
  }
  gort_value_drop(&res->value);
  gort_group_cancel(g, false);
  if (!gort_group_error(g, &err, &fresh)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lgort_decode_one(L, lgort_vm_of(L), &err);
  err = gort_group_trace(g);
  if (err.type == GORT_NIL) return 2; /* it was returned, not raised */
  lgort_decode_one(L, lgort_vm_of(L), &err);
  return 3;
}

static int group_wait(lua_State *L) {
  gort_group *g = check(L);
  gort_limit limit = lgort_check_limit(L, 2);
  return lgort_wait_then(L, lgort_vm_of(L), source_of(g), GORT_RECV, NULL,
                         &limit, waited);
}

/* ---- <close> ----------------------------------------------------------- */

/* All have left. An error that a function raised, and that nobody has been
 * told of, goes on; but not instead of the one that left the block. */
static int closed(lua_State *L, gort_result *res) {
  gort_group *g = check(L);
  gort_value err;
  bool fresh;
  gort_value_drop(&res->value);
  gort_group_cancel(g, true);
  if (!lua_isnoneornil(L, 2) || !gort_group_error(g, &err, &fresh)) return 0;
  if (!fresh) {
    gort_value_drop(&err);
    return 0;
  }
  lgort_decode_one(L, lgort_vm_of(L), &err);
  return lua_error(L);
}

static int wait_to_close(lua_State *L, gort_group *g);

/* The end of the closer's own context is that of the tasks, too; it waits for
 * them all the same, as long as clean-up may take. */
static int close_k(lua_State *L, int status, lua_KContext ctx) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_group *g = check(L);
  gort_result res;
  (void)status, (void)ctx;
  gort_wait_finish(gort_vm_current(vm->vm), &res);
  if (res.status == GORT_EBOUND) {
    gort_group_cancel(g, true);
    return wait_to_close(L, g);
  }
  if (res.status < 0) lgort_after_wait(L, vm, &res);
  return closed(L, &res);
}

static int wait_to_close(lua_State *L, gort_group *g) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  if (lgort_wait(L, lgort_vm_of(L), source_of(g), GORT_RECV, &none, NULL,
                 &res) == GORT_PARKED)
    return lgort_park(L, 0, close_k);
  return closed(L, &res);
}

static int group_close(lua_State *L) {
  gort_group *g = check(L);
  if (!lua_isnoneornil(L, 2)) gort_group_cancel(g, true);
  return wait_to_close(L, g);
}

/* ---- the module -------------------------------------------------------- */

static gort_group *push_group(lua_State *L, gort_context *parent) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_task *self = gort_vm_current(vm->vm);
  gort_context *around = self ? gort_task_context(self) : NULL;
  gort_group *g;
  if (!around) around = gort_context_background(vm->rt);
  int rc = gort_group_new(parent, around, &g);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)g, LGORT_BOTH);
  return g;
}

static int errgroup_new(lua_State *L) {
  push_group(L, NULL);
  return 1;
}

static int errgroup_with_context(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CONTEXT);
  gort_group *g = push_group(L, lgort_context_of(h));
  gort_object *ctx = (gort_object *)(void *)gort_group_context(g);
  gort_object_retain(ctx);
  lgort_push_object(L, ctx, LGORT_BOTH);
  return 2;
}

static const luaL_Reg methods[] = {
    {"go", group_go},
    {"try_go", group_try_go},
    {"set_limit", group_set_limit},
    {"wait", group_wait},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__close", group_close}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"new", errgroup_new},
    {"with_context", errgroup_with_context},
    {NULL, NULL},
};

int lgort_open_errgroup(lua_State *L) {
  lgort_type_new(L, LGORT_GROUP, methods, meta);
  lgort_vm_of(L)->pending_meta = lgort_ref_meta(L, "__gc", pending_gc);
  luaL_newlib(L, functions);
  return 1;
}
