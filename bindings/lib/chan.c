/* chan.c - chan() and the methods of channels.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "lib/lib.h"

/* What a typed channel takes; index is the channel's tag. */
static const char *const types[] = {"any",    "integer",  "float",
                                    "number", "string",   "boolean",
                                    "table",  "function", "channel"};
enum { NTYPES = sizeof types / sizeof *types };

static gort_chan *chan_of(const lgort_handle *h) {
  return (gort_chan *)(void *)h->obj;
}

static bool fits(lua_State *L, int idx, int tag) {
  switch (tag) {
    case 1:
      return lua_isinteger(L, idx);
    case 2:
      return lua_type(L, idx) == LUA_TNUMBER && !lua_isinteger(L, idx);
    case 8: {
      lgort_handle *h = lgort_to_handle(L, idx);
      return h && h->type == LGORT_CHAN;
    }
    default:
      return tag == 0 || strcmp(luaL_typename(L, idx), types[tag]) == 0;
  }
}

void lgort_check_tag(lua_State *L, int idx, int tag) {
  if (!tag || fits(L, idx, tag)) return;
  const char *got = luaL_typename(L, idx);
  if (lua_type(L, idx) == LUA_TNUMBER)
    got = lua_isinteger(L, idx) ? "integer" : "float";
  luaL_error(L, "cannot send: this channel carries %s values, not %s",
             types[tag], got);
}

lgort_handle *lgort_check_chan(lua_State *L, int idx, gort_op op) {
  lgort_handle *h = lgort_check_handle(L, idx, LGORT_CHAN);
  if (op == GORT_SEND && h->view == LGORT_RECEIVER)
    luaL_error(L, "cannot send: this handle only receives (ch:receiver())");
  if (op == GORT_RECV && h->view == LGORT_SENDER)
    luaL_error(L, "cannot receive: this handle only sends (ch:sender())");
  return h;
}

/* ---- receiving --------------------------------------------------------- */

int lgort_push_received(lua_State *L, gort_result *res) {
  if (res->status < 0) {
    lua_pushnil(L);
    lua_pushboolean(L, 0);
    lua_pushstring(L, gort_strerror(res->status));
    return 3;
  }
  lgort_decode(L, lgort_vm_of(L), &res->value);
  lua_pushboolean(L, res->ok);
  return 2;
}

int lgort_recv(lua_State *L, const lgort_handle *h, const gort_limit *limit) {
  return lgort_wait_then(L, lgort_vm_of(L), lgort_source(h), GORT_RECV, NULL,
                         limit, lgort_push_received);
}

/* A closed channel gives nil, and nil ends the loop. */
static int push_next(lua_State *L, gort_result *res) {
  if (res->status < 0) res->value.type = GORT_NIL;
  return lgort_decode(L, lgort_vm_of(L), &res->value);
}

int lgort_iterate(lua_State *L, const lgort_handle *h) {
  return lgort_wait_then(L, lgort_vm_of(L), lgort_source(h), GORT_RECV, NULL,
                         NULL, push_next);
}

int lgort_try_recv(lua_State *L, const lgort_handle *h) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  if (!gort_wait_try(lgort_source(h), GORT_RECV, &none, &res)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushboolean(L, 1);
  return 1 + lgort_push_received(L, &res);
}

/* lgort_check_chan for the subject of a method, which is mostly known. */
static inline lgort_handle *check_self(lua_State *L, lgort_vm *vm, gort_op op) {
  lgort_handle *h = lua_touserdata(L, 1);
  lgort_view other = op == GORT_SEND ? LGORT_RECEIVER : LGORT_SENDER;
  return lgort_is_known(vm, h, LGORT_CHAN) && h->view != other
             ? h
             : lgort_check_chan(L, 1, op);
}

/* lgort_wait_then, the short way to channels. */
static inline int receive(lua_State *L, lgort_vm *vm, const lgort_handle *h,
                          const gort_limit *limit, lgort_pusher push) {
  gort_result res;
  if (!lgort_waits_plainly(L, vm))
    return lgort_wait_then(L, vm, lgort_source(h), GORT_RECV, NULL, limit,
                           push);
  int rc = gort_wait_recv(gort_vm_current(vm->vm), chan_of(h), limit, &res);
  if (rc < 0) lgort_raise(L, rc);
  return lgort_then(L, rc, NULL, &res, push);
}

/* On its own: so the usual case needs no registers saved. */
__attribute__((noinline)) static int recv_limited(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_handle *h = check_self(L, vm, GORT_RECV);
  gort_limit limit = lgort_check_limit(L, 2);
  return receive(L, vm, h, &limit, lgort_push_received);
}

static int chan_recv(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  if (lua_gettop(L) > 1) return recv_limited(L);
  return receive(L, vm, check_self(L, vm, GORT_RECV), NULL,
                 lgort_push_received);
}

static int chan_try_recv(lua_State *L) {
  return lgort_try_recv(L, lgort_check_chan(L, 1, GORT_RECV));
}

static int chan_call(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  return receive(L, vm, check_self(L, vm, GORT_RECV), NULL, push_next);
}

/* ---- sending ----------------------------------------------------------- */

static const lgort_subject subject = {"send", "value", false};

/* On its own: so the usual case needs no registers saved. */
__attribute__((cold, noinline)) static int push_failure(lua_State *L,
                                                        int status) {
  if (status == GORT_ECLOSED) lgort_raise(L, status);
  lua_pushboolean(L, 0);
  lua_pushstring(L, gort_strerror(status));
  return 2;
}

int lgort_push_done(lua_State *L, gort_result *res) {
  if (res->status != 0) return push_failure(L, res->status);
  lua_pushboolean(L, 1);
  return 1;
}

/* The value at 2, checked and encoded for the channel h. */
static inline void check_value(lua_State *L, lgort_vm *vm,
                               const lgort_handle *h, int top, gort_value *v) {
  if (top < 2) luaL_argerror(L, 2, "value expected");
  int tag = gort_chan_tag(chan_of(h));
  if (tag) lgort_check_tag(L, 2, tag);
  lgort_encode(L, vm, 2, &subject, v);
}

/* Takes v, or drops it. */
static inline int give(lua_State *L, lgort_vm *vm, const lgort_handle *h,
                       gort_value *v, const gort_limit *limit) {
  gort_result res;
  if (!lgort_waits_plainly(L, vm))
    return lgort_wait_then(L, vm, lgort_source(h), GORT_SEND, v, limit,
                           lgort_push_done);
  int rc = gort_wait_send(gort_vm_current(vm->vm), chan_of(h), v, limit, &res);
  if (rc < 0) {
    gort_value_drop(v);
    lgort_raise(L, rc);
  }
  return lgort_then(L, rc, v, &res, lgort_push_done);
}

static inline int send_value(lua_State *L, lgort_vm *vm, int top,
                             const gort_limit *limit) {
  gort_value v;
  lgort_handle *h = check_self(L, vm, GORT_SEND);
  check_value(L, vm, h, top, &v);
  return give(L, vm, h, &v, limit);
}

/* On its own, as push_failure. */
__attribute__((noinline)) static int send_limited(lua_State *L, int top) {
  gort_limit limit = lgort_check_limit(L, 3);
  return send_value(L, lgort_vm_of(L), top, &limit);
}

static int chan_send(lua_State *L) {
  int top = lua_gettop(L);
  return top > 2 ? send_limited(L, top)
                 : send_value(L, lgort_vm_of(L), top, NULL);
}

static int chan_try_send(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_value v;
  gort_result res;
  lgort_handle *h = check_self(L, vm, GORT_SEND);
  check_value(L, vm, h, lua_gettop(L), &v);
  bool done = gort_wait_try(lgort_source(h), GORT_SEND, &v, &res);
  gort_value_drop(&v);
  if (done) return lgort_push_done(L, &res);
  lua_pushboolean(L, 0);
  return 1;
}

/* ---- the rest ---------------------------------------------------------- */

static int chan_close(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CHAN);
  if (h->view == LGORT_RECEIVER)
    return luaL_error(L, "cannot close: this handle only receives "
                         "(ch:receiver())");
  int rc = gort_chan_close(chan_of(h));
  if (rc < 0) lgort_raise(L, rc);
  return 0;
}

static int chan_len(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CHAN);
  lua_pushinteger(L, (lua_Integer)gort_chan_len(chan_of(h)));
  return 1;
}

static int chan_cap(lua_State *L) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CHAN);
  lua_pushinteger(L, (lua_Integer)gort_chan_cap(chan_of(h)));
  return 1;
}

static int push_view(lua_State *L, lgort_view view) {
  lgort_handle *h = lgort_check_handle(L, 1, LGORT_CHAN);
  if (h->view != LGORT_BOTH && h->view != view)
    return luaL_error(L, "cannot widen a %s into a %s",
                      h->view == LGORT_SENDER ? "sender" : "receiver",
                      view == LGORT_SENDER ? "sender" : "receiver");
  gort_object_retain(h->obj);
  lgort_push_object(L, h->obj, view);
  return 1;
}

static int chan_sender(lua_State *L) { return push_view(L, LGORT_SENDER); }

static int chan_receiver(lua_State *L) { return push_view(L, LGORT_RECEIVER); }

static int check_type(lua_State *L, int idx) {
  size_t len;
  const char *name = lua_tolstring(L, idx, &len);
  for (int i = 0; i < NTYPES; i++)
    if (strlen(types[i]) == len && memcmp(types[i], name, len) == 0) return i;
  lua_settop(L, idx);
  for (int i = 0; i < NTYPES; i++)
    lua_pushfstring(L, i ? " %s" : "%s", types[i]);
  lua_concat(L, NTYPES);
  return luaL_argerror(L, idx,
                       lua_pushfstring(L, "unknown type '%s'; there are: %s",
                                       name, lua_tostring(L, -1)));
}

static int chan_new(lua_State *L) {
  gort_chan *c;
  int tag = 0, at = 1;
  if (lua_type(L, 1) == LUA_TSTRING) tag = check_type(L, at++);
  lua_Integer cap = luaL_optinteger(L, at, 0);
  luaL_argcheck(L, cap >= 0, at, "the capacity must not be negative");
  int rc = gort_chan_new((size_t)cap, &c);
  if (rc == GORT_ENOMEM) { /* collecting may close old channels */
    lua_gc(L, LUA_GCCOLLECT);
    rc = gort_chan_new((size_t)cap, &c);
  }
  if (rc < 0)
    return luaL_error(L, "cannot make a channel for %I values: %s",
                      (LUAI_UACINT)cap, gort_strerror(rc));
  gort_chan_set_tag(c, tag);
  lgort_push_new(L, (gort_object *)(void *)c, LGORT_BOTH);
  /* The collector does not see the buffer; tell it to hurry. */
  if (cap > 256)
    lua_gc(L, LUA_GCSTEP, (int)(cap > 1 << 20 ? 1 << 14 : cap / 64));
  return 1;
}

static const luaL_Reg methods[] = {
    {"send", chan_send},
    {"recv", chan_recv},
    {"try_send", chan_try_send},
    {"try_recv", chan_try_recv},
    {"close", chan_close},
    {"cap", chan_cap},
    {"sender", chan_sender},
    {"receiver", chan_receiver},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__len", chan_len},
    {"__call", chan_call},
    {NULL, NULL},
};

int lgort_open_chan(lua_State *L) {
  lgort_type_new(L, LGORT_CHAN, methods, meta);
  lua_pushcfunction(L, chan_new);
  return 1;
}
