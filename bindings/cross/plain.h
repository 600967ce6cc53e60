/* plain.h - the values of a call on the short way: what needs no message.
 *
 * SPDX-License-Identifier: MIT
 *
 * Scalars, strings, handles and standard values; small records (flat.h), each
 * once; and functions that keep no state: that capture such values, or
 * themselves, assign none of it, and read standard globals only. Nobody can
 * tell then whether two of them share a variable.
 *
 * A function that captures nothing but itself is **pure**: one closure of it
 * serves all tasks of a vm.
 *
 * Ownership: functions in such a value are counted or owned: it is copied and
 *   dropped by the calls here alone. */
#ifndef LGORT_CROSS_PLAIN_H
#define LGORT_CROSS_PLAIN_H

#include "vm/vm.h"

enum { LGORT_PLAIN_SEEN = 8 };

/* What one call has met: nothing may be there twice, but for pure functions;
 * nor two pure functions of one code, which would become one. */
typedef struct lgort_plain {
  lgort_vm *vm;
  const void *seen[LGORT_PLAIN_SEEN];
  unsigned nseen;
  struct {
    const void *address;
    const lgort_code *code; /* counted by the call */
  } pures[LGORT_PLAIN_SEEN];
  unsigned npures;
  bool recursive; /* the outer function captures itself ... */
  bool pure;      /* ... and nothing else */
} lgort_plain;

/* Encodes the value at idx; false: it needs a message, or memory is out. out is
 * to be dropped in any case. May raise: out is then as far as it has got. */
bool lgort_plain_encode(lua_State *L, lgort_plain *p, int idx, gort_value *out);
/* The same for the captures of the outer function, at func, into nups nil
 * values; tells what it is like. */
bool lgort_plain_captures(lua_State *L, lgort_plain *p, int func,
                          const lgort_code *code, gort_value *values);

/* The code of the Lua function at idx, with a count for the caller; *nups: how
 * many captures it has. NULL: it crosses by name, being a module's. Raises. */
lgort_code *lgort_plain_code(lua_State *L, lgort_vm *vm, int idx, int *nups);
/* True when the pristine globals will do for the function at func. */
bool lgort_plain_env(lua_State *L, lgort_vm *vm, int func,
                     const lgort_code *code);

/* Pushes the value; takes it. Raises on memory. */
void lgort_plain_push(lua_State *L, lgort_vm *vm, gort_value *v);
/* Pushes a closure of code with these captures; takes them. */
void lgort_plain_push_closure(lua_State *L, lgort_vm *vm,
                              const lgort_code *code, gort_value *values);

/* Any thread. */
void lgort_plain_drop(gort_value *values, size_t n);
/* False: memory is out (out is to be dropped). */
bool lgort_plain_copy(const gort_value *v, gort_value *out);
/* A closure that is not used now should not keep it alive. */
bool lgort_plain_holds(const gort_value *v);

#endif
