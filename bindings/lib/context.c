/* context.c - gort.context: ends, deadlines and values for what belongs
 * together.
 *
 * SPDX-License-Identifier: MIT
 *
 * A context, its cancel function and its end (ctx:done()) are three views of
 * one object (cross/handles.h), so all of them cross to other tasks. */
#include <math.h>

#include "cross/call.h"
#include "cross/decoder.h"
#include "cross/encoder.h"
#include "lib/lib.h"
#include "vm/bound.h"
#include "vm/registry.h"

static lgort_handle *check(lua_State *L, int idx) {
  return lgort_check_handle(L, idx, LGORT_CONTEXT);
}

static gort_context *check_context(lua_State *L, int idx) {
  return lgort_context_of(check(L, idx));
}

/* ---- making ------------------------------------------------------------ */

static int push_context(lua_State *L, gort_context *c) {
  gort_object *o = (gort_object *)(void *)c;
  gort_object_retain(o);
  lgort_push_object(L, o, LGORT_BOTH);
  return 1;
}

static int context_background(lua_State *L) {
  return push_context(L, gort_context_background(lgort_vm_of(L)->rt));
}

static int context_todo(lua_State *L) {
  return push_context(L, gort_context_todo(lgort_vm_of(L)->rt));
}

/* Encodes the value at idx, which may be any that can cross. */
static gort_value encode(lua_State *L, int idx, const char *what) {
  lgort_subject subject = {"keep in a context", what, false};
  gort_value v = {.type = GORT_NIL};
  if (!lua_isnoneornil(L, idx))
    lgort_encode(L, lgort_vm_of(L), idx, &subject, &v);
  return v;
}

/* A child of the context at 1; takes the values in o. */
static int push_child(lua_State *L, gort_context_options *o) {
  gort_context *c;
  int rc = gort_context_new(check_context(L, 1), o, &c);
  if (rc < 0) {
    gort_value_drop(&o->cause);
    gort_value_drop(&o->key);
    gort_value_drop(&o->value);
    lgort_raise(L, rc);
  }
  lgort_push_new(L, (gort_object *)(void *)c, LGORT_BOTH);
  return 1;
}

/* The same with its cancel function. */
static int push_cancellable(lua_State *L, gort_context_options *o,
                            lgort_view view) {
  o->cancels = true;
  push_child(L, o);
  if (lgort_vm_of(L)->host->note_contexts) {
    luaL_where(L, 1);
    gort_context_note(check_context(L, -2), lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  gort_object *c = check(L, -1)->obj;
  gort_object_retain(c);
  lgort_push_new(L, c, view);
  return 2;
}

static int with_cancel(lua_State *L) {
  gort_context_options o = {.timeout = GORT_FOREVER};
  check(L, 1);
  return push_cancellable(L, &o, LGORT_VIEW_CANCEL);
}

static int with_cancel_cause(lua_State *L) {
  gort_context_options o = {.timeout = GORT_FOREVER};
  check(L, 1);
  return push_cancellable(L, &o, LGORT_VIEW_CANCEL_CAUSE);
}

static int with_timeout(lua_State *L) {
  check(L, 1);
  int64_t timeout = lgort_check_duration(L, 2);
  gort_context_options o = {.timeout = timeout, .cause = encode(L, 3, "cause")};
  return push_cancellable(L, &o, LGORT_VIEW_CANCEL);
}

static int with_timeout_plain(lua_State *L) {
  lua_settop(L, 2);
  return with_timeout(L);
}

static int with_deadline(lua_State *L) {
  check(L, 1);
  lua_Number wall = luaL_checknumber(L, 2);
  luaL_argcheck(L, !isnan(wall), 2, "the time is not a number (NaN)");
  lua_pushnumber(L, wall - gort_wall_now());
  int64_t timeout = lgort_check_duration(L, -1);
  lua_pop(L, 1);
  gort_context_options o = {
      .timeout = timeout, .wall = wall, .cause = encode(L, 3, "cause")};
  return push_cancellable(L, &o, LGORT_VIEW_CANCEL);
}

static int with_deadline_plain(lua_State *L) {
  lua_settop(L, 2);
  return with_deadline(L);
}

/* The key at idx, owned by the caller. Or what is wrong with it. */
static const char *to_key(lua_State *L, int idx, gort_value *key) {
  if (lua_isnoneornil(L, idx)) return "the key must not be nil";
  if (lua_type(L, idx) == LUA_TNUMBER && isnan(lua_tonumber(L, idx)))
    return "the key must not be NaN";
  if (lgort_encode_simple(L, idx, key)) return NULL;
  if (lua_type(L, idx) == LUA_TSTRING) return gort_strerror(GORT_ENOMEM);
  return "the key must be a string, a number, a boolean or a handle";
}

static int with_value(lua_State *L) {
  check(L, 1);
  luaL_checkany(L, 3);
  gort_context_options o = {.timeout = GORT_FOREVER,
                            .value = encode(L, 3, "value")};
  const char *wrong = to_key(L, 2, &o.key);
  if (wrong) {
    gort_value_drop(&o.value);
    return luaL_argerror(L, 2, wrong);
  }
  return push_child(L, &o);
}

static int without_cancel(lua_State *L) {
  gort_context_options o = {.detached = true, .timeout = GORT_FOREVER};
  check(L, 1);
  return push_child(L, &o);
}

/* ---- ending ------------------------------------------------------------ */

static int cancel_call(lua_State *L) {
  gort_context_cancel(lgort_context_of(lgort_check_handle(L, 1, LGORT_CANCEL)),
                      NULL);
  return 0;
}

static int cancel_cause_call(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CANCEL_CAUSE);
  gort_value cause = encode(L, 2, "cause");
  gort_context_cancel(lgort_context_of(h), &cause);
  return 0;
}

/* A scope that is left has no cause to give, not even by an error. */
static int cancel_cause_close(lua_State *L) {
  lua_settop(L, 1);
  return cancel_cause_call(L);
}

/* ---- looking ----------------------------------------------------------- */

static int ctx_err(lua_State *L) {
  int status = gort_context_err(check_context(L, 1));
  if (status)
    lua_pushstring(L, gort_strerror(status));
  else
    lua_pushnil(L);
  return 1;
}

static int context_cause(lua_State *L) {
  gort_context *c = check_context(L, 1);
  gort_value cause = gort_context_cause(c);
  if (cause.type == GORT_NIL) return ctx_err(L);
  return lgort_decode(L, lgort_vm_of(L), &cause);
}

static int ctx_value(lua_State *L) {
  gort_context *c = check_context(L, 1);
  gort_value key, value;
  const char *wrong = to_key(L, 2, &key);
  if (wrong) return luaL_argerror(L, 2, wrong);
  bool found = gort_context_value(c, &key, &value);
  gort_value_drop(&key);
  if (found) return lgort_decode(L, lgort_vm_of(L), &value);
  lua_pushnil(L);
  return 1;
}

static int ctx_deadline(lua_State *L) {
  double wall;
  if (gort_context_deadline(check_context(L, 1), &wall))
    lua_pushnumber(L, wall);
  else
    lua_pushnil(L);
  return 1;
}

static int ctx_done(lua_State *L) {
  gort_object *o = check(L, 1)->obj;
  gort_object_retain(o);
  lgort_push_object(L, o, LGORT_VIEW_DONE);
  return 1;
}

static lgort_handle *check_done(lua_State *L) {
  return lgort_check_handle(L, 1, LGORT_DONE);
}

static int done_recv(lua_State *L) {
  lgort_handle *h = check_done(L);
  gort_limit limit = lgort_check_limit(L, 2);
  return lgort_recv(L, h, &limit);
}

static int done_try_recv(lua_State *L) {
  return lgort_try_recv(L, check_done(L));
}

static int done_call(lua_State *L) { return lgort_iterate(L, check_done(L)); }

/* ---- after_func -------------------------------------------------------- */

static int after_stop(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_AFTER);
  lua_pushboolean(L, gort_after_stop((gort_after *)(void *)h->obj));
  return 1;
}

/* stop is a function of Lua's, so that it crosses like any other. */
static void push_stop_maker(lua_State *L) {
  static const char text[] =
      "local a = ... return function() return a:stop() end";
  if (lua_getfield(L, LUA_REGISTRYINDEX, "gort.stop_maker") != LUA_TNIL) return;
  lua_pop(L, 1);
  if (luaL_loadbuffer(L, text, sizeof text - 1, "=gort.context") != LUA_OK)
    lua_error(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "gort.stop_maker");
}

static int context_after_func(lua_State *L) {
  gort_after *a;
  lgort_vm *vm = lgort_vm_of(L);
  gort_context *c = check_context(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  gort_record *r = lgort_call_new(L, vm, 2);
  gort_record_bind(r, NULL); /* it is there for when ctx is done */
  int rc = gort_context_after(c, r, &a);
  if (rc < 0) {
    lgort_call_free(r);
    lgort_raise(L, rc);
  }
  lgort_push_new(L, (gort_object *)(void *)a, LGORT_BOTH);
  push_stop_maker(L);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  return 1;
}

/* ---- bound tasks ------------------------------------------------------- */

static int ctx_go(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_handle *h = check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  gort_record *r = lgort_call_new(L, vm, 2);
  /* The task may ask for its context in this vm. */
  if (!lgort_list_handle(L, 1, h) ||
      gort_record_bind(r, lgort_context_of(h)) < 0) {
    lgort_call_free(r);
    lgort_raise(L, GORT_ENOMEM);
  }
  return lgort_start_task(L, vm, r);
}

static int context_current(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_task *self = gort_vm_current(vm->vm);
  gort_context *c = self ? gort_task_context(self) : NULL;
  return push_context(L, c ? c : gort_context_background(vm->rt));
}

static int shield_off(lua_State *L) {
  lgort_shield(lgort_vm_of(L), false);
  return 0;
}

static int shield_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

/* The guard at 1 takes the shield off when the call has ended, by an error,
 * too. */
static int context_shield(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_newuserdatauv(L, 0, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, lgort_vm_of(L)->shield_meta);
  lua_setmetatable(L, -2);
  lua_insert(L, 1);
  lgort_shield(lgort_vm_of(L), true);
  lua_toclose(L, 1);
  lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, shield_k);
  return shield_k(L, LUA_OK, 0);
}

/* ---- the module -------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"done", ctx_done},         {"err", ctx_err}, {"value", ctx_value},
    {"deadline", ctx_deadline}, {"go", ctx_go},   {NULL, NULL},
};

static const luaL_Reg done_methods[] = {
    {"recv", done_recv},
    {"try_recv", done_try_recv},
    {NULL, NULL},
};
static const luaL_Reg done_meta[] = {
    {"__call", done_call},
    {NULL, NULL},
};

static const luaL_Reg none[] = {
    {NULL, NULL},
};
static const luaL_Reg cancel_meta[] = {
    {"__call", cancel_call},
    {"__close", cancel_call},
    {NULL, NULL},
};
static const luaL_Reg cancel_cause_meta[] = {
    {"__call", cancel_cause_call},
    {"__close", cancel_cause_close},
    {NULL, NULL},
};
static const luaL_Reg after_methods[] = {
    {"stop", after_stop},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"background", context_background},
    {"todo", context_todo},
    {"with_cancel", with_cancel},
    {"with_cancel_cause", with_cancel_cause},
    {"with_timeout", with_timeout_plain},
    {"with_timeout_cause", with_timeout},
    {"with_deadline", with_deadline_plain},
    {"with_deadline_cause", with_deadline},
    {"with_value", with_value},
    {"without_cancel", without_cancel},
    {"after_func", context_after_func},
    {"cause", context_cause},
    {"current", context_current},
    {"shield", context_shield},
    {NULL, NULL},
};

int lgort_open_context(lua_State *L) {
  lgort_type_new(L, LGORT_CONTEXT, methods, NULL);
  lgort_type_new(L, LGORT_DONE, done_methods, done_meta);
  lgort_type_new(L, LGORT_CANCEL, none, cancel_meta);
  lgort_type_new(L, LGORT_CANCEL_CAUSE, none, cancel_cause_meta);
  lgort_type_new(L, LGORT_AFTER, after_methods, NULL);
  lgort_vm_of(L)->shield_meta = lgort_ref_meta(L, "__close", shield_off);
  luaL_newlib(L, functions);
  lua_pushstring(L, gort_strerror(GORT_ECANCELED));
  lua_setfield(L, -2, "canceled");
  lua_pushstring(L, gort_strerror(GORT_EDEADLINE));
  lua_setfield(L, -2, "deadline_exceeded");
  return 1;
}
