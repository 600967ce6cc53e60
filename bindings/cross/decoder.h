/* decoder.h - runtime values to Lua values.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_DECODER_H
#define LGORT_CROSS_DECODER_H

#include "vm/vm.h"

/* Pushes the value(s) in *v and returns how many. Takes *v, also when it
 * raises (memory; a module that does not load in this vm). */
int lgort__decode(lua_State *L, lgort_vm *vm, gort_value *v);
static inline int lgort_decode(lua_State *L, lgort_vm *vm, gort_value *v) {
  if (v->type == GORT_INTEGER)
    lua_pushinteger(L, v->u.i);
  else if (v->type != GORT_STRING ||
           !lgort_push_repeat(L, &vm->repeats, v->u.buf))
    return lgort__decode(L, vm, v);
  v->type = GORT_NIL;
  return 1;
}

/* The first of the values, or nil when there is none. */
static inline void lgort_decode_one(lua_State *L, lgort_vm *vm, gort_value *v) {
  int n = lgort_decode(L, vm, v);
  if (n != 1) lua_settop(L, lua_gettop(L) - n + 1);
}

/* Decodes a bundle: leaves a value on the stack that keeps its classes alive.
 * Raises as above. */
void lgort_decode_bundle(lua_State *L, lgort_vm *vm, gort_buf *b);

/* Pushes the name of a module that the message in b needs and this vm has not
 * loaded, or returns false. Looks for modules where the sender does from now
 * on. */
bool lgort_push_missing_module(lua_State *L, gort_buf *b);

#endif
