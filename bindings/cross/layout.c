/* layout.c - trials: does Lua keep things where it is thought to?
 *
 * SPDX-License-Identifier: MIT */
#include "cross/layout.h"

#include <lauxlib.h>

static const void *proto_at(lua_State *L, int idx) {
  return lgort_layout_proto(lua_topointer(L, idx));
}

/* Closures of two functions, each made twice, with one upvalue each. */
static void try_protos(lua_State *L, lgort_layout *layout) {
  static const char trial[] =
      "local u = ... "
      "local function make(i) if i == 1 then return function() return u end "
      "else return function() return u, u end end end "
      "return make(1), make(2), make(1), make(2)";
  if (luaL_loadstring(L, trial) != LUA_OK || lua_pcall(L, 0, 4, 0) != LUA_OK)
    return;
  const void *a = proto_at(L, -4), *b = proto_at(L, -3);
  layout->protos = a == proto_at(L, -2) && b == proto_at(L, -1) && a != b;
}

typedef struct places {
  const void *pc[4];
  unsigned n;
  uint8_t tag; /* where the calling function was looked for */
  bool found;  /* it was there, each time */
  bool apart;  /* the called one, in C, has another tag */
} places;

static const struct lgort__slot *function_of(const lua_Debug *ar) {
  return ((const struct lgort__call *)(const void *)ar->i_ci)->func;
}

static int note_place(lua_State *L) {
  lua_Debug ar;
  places *p = lua_touserdata(L, lua_upvalueindex(1));
  if (p->n == 4 || !lua_getstack(L, 1, &ar)) return 0;
  lua_getinfo(L, "f", &ar);
  p->pc[p->n++] = lgort_layout_pc(&ar);
  p->tag = function_of(&ar)->tag;
  p->found = p->found && function_of(&ar)->value == lua_topointer(L, -1);
  lua_getstack(L, 0, &ar);
  p->apart = function_of(&ar)->tag != p->tag;
  return 0;
}

/* Two calls, two instructions of four bytes apart, made twice. */
static void try_calls(lua_State *L, lgort_layout *layout) {
  places p = {.found = true};
  if (luaL_loadstring(L, "local f = ... for i = 1, 2 do f() f() end") != LUA_OK)
    return;
  lua_pushlightuserdata(L, &p);
  lua_pushcclosure(L, note_place, 1);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK || p.n != 4) return;
  layout->calls = p.pc[0] == p.pc[2] && p.pc[1] == p.pc[3] &&
                  (uintptr_t)p.pc[1] - (uintptr_t)p.pc[0] == 8;
  if (p.found && p.apart) layout->lua_tag = p.tag;
}

void lgort_layout_probe(lua_State *L, lgort_layout *layout) {
  int top = lua_gettop(L);
  try_protos(L, layout);
  try_calls(L, layout);
  lua_settop(L, top);
}
