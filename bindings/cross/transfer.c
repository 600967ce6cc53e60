/* transfer.c - userdata of C modules that can cross.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/transfer.h"

#include <stdlib.h>

#include "cross/encoding.h"
#include "cross/modules.h"
#include "cross/why.h"

bool lgort_push_transfer(lua_State *L, int idx) {
  int type = luaL_getmetafield(L, idx, LGORT_TRANSFER);
  if (type == LUA_TNIL) return false;
  const lgort_transfer *how =
      type == LUA_TLIGHTUSERDATA ? lua_touserdata(L, -1) : NULL;
  if (type == LUA_TFUNCTION || (how && how->version == LGORT_TRANSFER_VERSION))
    return true;
  luaL_error(L,
             how ? "%s: this gort does not know version %d of the protocol"
                 : "%s must be a function or a light userdata",
             LGORT_TRANSFER, how ? how->version : 0);
  return false;
}

void lgort_unpack(lua_State *L, const lgort_packed *p) {
  int top = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (p->how->module) {
    /* The module makes the metatable; what it returns is not needed. */
    lgort_push_module(L, p->how->module, 0);
    lua_settop(L, top);
  }
  p->how->unpack(L, p->what);
  if (lua_gettop(L) != top + 1)
    luaL_error(L, "unpack of %s must push one value",
               p->how->module ? p->how->module : LGORT_TRANSFER);
}

void lgort_packed_drop(lgort_packed *p) {
  if (p->what) p->how->drop(p->what);
  if (p->call) gort_buf_release(p->call);
  gort_free(p);
}

/* ---- encoding ---------------------------------------------------------- */

/* A new lgort_packed, which is a reference of the message at once. */
static lgort_packed *new_packed(lgort_encoding *x, uint32_t *number) {
  lgort_packed *p = gort_malloc(sizeof *p);
  if (!p) {
    lgort__no_memory(x);
    abort();
  }
  *p = (lgort_packed){0};
  *number = lgort__put_ref(x, LGORT_REF_TRANSFER, p);
  return p;
}

/* The module's own code has failed: the error on top of the stack goes on. */
_Noreturn static void fail(lgort_encoding *x) {
  lgort__abandon(x);
  lua_error(x->L);
  abort();
}

/* Calls the function on top of the stack with the userdata at idx: what it
 * returns becomes a message of its own. */
static void pack_call(lgort_encoding *outer, int idx, lgort_packed *p) {
  lua_State *L = outer->L;
  int func = lua_gettop(L);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK) fail(outer);
  int n = lua_gettop(L) - func + 1;
  if (!lua_isfunction(L, func) || n > 200) {
    luaL_where(L, 1);
    lua_pushliteral(L,
                    LGORT_TRANSFER " must return a function and its arguments");
    lua_concat(L, 2);
    fail(outer);
  }
  luaL_checkstack(L, 24, NULL);
  lgort_subject subject = *outer->subject;
  subject.is_call = false;
  lgort_encoding x = {.L = L,
                      .vm = outer->vm,
                      .subject = &subject,
                      .first = func,
                      .outer = outer,
                      .stands_for = idx};
  p->call = lgort__encode_message(&x, n);
  lgort__encode_end(&x);
  lgort__need_modules_of(outer, p->call);
}

/* Protected. Stack: the lgort_packed, the userdata. */
static int call_pack(lua_State *L) {
  lgort_packed *p = lua_touserdata(L, 1);
  lua_remove(L, 1);
  p->what = p->how->pack(L, 1);
  return 0;
}

static void pack(lgort_encoding *x, int idx, lgort_packed *p) {
  lua_State *L = x->L;
  lua_pushcfunction(L, call_pack);
  lua_pushlightuserdata(L, p);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) fail(x);
  if (!p->what) {
    lgort_push_kind(L, idx);
    lgort__refuse(
        x, idx,
        lua_pushfstring(L, "%s that cannot cross now", lua_tostring(L, -1)));
  }
  if (!p->how->module) return;
  lgort__put_paths(x);
  lgort__need_module(x, p->how->module);
}

void lgort__put_transfer(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  bool fresh;
  int top = lua_gettop(L);
  const void *key = lua_touserdata(L, idx);
  struct lgort_seen *s = lgort__find(x, key);
  if (!s) {
    luaL_checkstack(L, 8, NULL);
    if (!lgort_push_transfer(L, idx))
      lgort__refuse(x, idx, lgort_push_kind(L, idx));
    uint32_t n;
    lgort_packed *p = new_packed(x, &n);
    if (lua_isfunction(L, -1)) {
      pack_call(x, idx, p);
    } else {
      p->how = lua_touserdata(L, -1);
      pack(x, idx, p);
    }
    lua_settop(L, top);
    s = lgort__see(x, key, &fresh);
    s->number = n;
    s->upvalue = LGORT_SEEN_TRANSFER;
  }
  lgort__put_seen(x, s);
}
