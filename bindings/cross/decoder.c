/* decoder.c - runtime values to Lua values.
 *
 * SPDX-License-Identifier: MIT
 *
 * Ownership: the value being decoded is held (held.h) until it is done,
 *   so an error on the way leaks nothing (vm.h). */
#include "cross/decoder.h"

#include "cross/decoding.h"
#include "cross/flat.h"
#include "cross/handles.h"
#include "cross/standard.h"
#include "cross/transfer.h"

bool lgort_push_missing_module(lua_State *L, gort_buf *b) {
  const lgort_message *m =
      (const lgort_message *)(const void *)gort_buf_bytes(b);
  lgort__use_paths_of(L, m);
  for (uint32_t i = 0; i < m->nrefs; i++) {
    if (m->refs[i].kind != LGORT_REF_MODULE) continue;
    const char *name = gort_buf_bytes(m->refs[i].ptr);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    bool loaded = lua_getfield(L, -1, name) != LUA_TNIL;
    lua_pop(L, 2);
    if (loaded) continue;
    lua_pushstring(L, name);
    return true;
  }
  return false;
}

static int decode_under_pcall(lua_State *L) {
  gort_buf *b = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return lgort__decode_message(L, lgort_vm_of(L), b);
}

/* The number of values, or -1 and the error: a script may go on after it, and
 * then the message must not stay. */
static int decode_safely(lua_State *L, gort_buf *b) {
  luaL_checkstack(L, 4, NULL);
  int top = lua_gettop(L);
  lua_pushcfunction(L, decode_under_pcall);
  lua_pushlightuserdata(L, b);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  return status == LUA_OK ? lua_gettop(L) - top : -1;
}

int lgort__decode(lua_State *L, lgort_vm *vm, gort_value *v) {
  switch (v->type) {
    case GORT_NIL:
      lua_pushnil(L);
      return 1;
    case GORT_BOOLEAN:
      lua_pushboolean(L, v->u.b);
      return 1;
    case GORT_INTEGER:
      lua_pushinteger(L, v->u.i);
      return 1;
    case GORT_FLOAT:
      lua_pushnumber(L, v->u.n);
      return 1;
    case GORT_POINTER:
      if (v->kind == LGORT_KIND_STANDARD)
        lgort_push_standard(L, vm, v);
      else
        lua_pushlightuserdata(L, v->u.p);
      return 1;
    case GORT_OBJECT: {
      gort_object *obj = v->u.obj;
      v->type = GORT_NIL;
      lgort_push_object(L, obj, (lgort_view)v->kind);
      return 1;
    }
    default:
      break;
  }
  size_t held = vm->held.n;
  gort_buf *b = v->u.buf;
  bool is_string = v->type == GORT_STRING;
  bool again = is_string && gort_buf_is_shared(b);
  int kind = v->kind, n = 1;
  v->type = GORT_NIL;
  if (!lgort_hold(&vm->held, LGORT_REF_BUFFER, b))
    luaL_error(L, "not enough memory");
  if (is_string) {
    lua_pushlstring(L, gort_buf_bytes(b), gort_buf_len(b));
    if (again) lgort_keep_repeat(L, vm, b);
  } else if (kind == LGORT_KIND_FLAT) {
    lgort_decode_flat(L, vm, b);
  } else if (kind == LGORT_KIND_OBJECT) {
    lgort_unpack(L, (const lgort_packed *)(void *)gort_buf_bytes(b));
  } else {
    n = decode_safely(L, b);
  }
  lgort_unhold(&vm->held, held);
  if (n < 0) lua_error(L);
  return n;
}
