/* standard.h - the values that every vm has: print, string, math.sin ...
 *
 * SPDX-License-Identifier: MIT
 *
 * They cross as numbers. The first vm of a runtime numbers its standard globals
 * and what their tables hold; the others look up the same names.
 * Not among them: whatever gives a function to a script that has only its name
 * (debug, load, require ...; see lgort_code.reusable). */
#ifndef LGORT_CROSS_STANDARD_H
#define LGORT_CROSS_STANDARD_H

#include "vm/vm.h"

/* A GORT_POINTER of this kind is such a number. */
enum { LGORT_KIND_STANDARD = 1 };

/* Encodes the table or function at idx if it is one of them. */
bool lgort_encode_standard(lua_State *L, lgort_vm *vm, int idx,
                           gort_value *out);
void lgort_push_standard(lua_State *L, lgort_vm *vm, const gort_value *v);
/* Once the globals are there. */
void lgort_open_standard(lua_State *L, lgort_vm *vm);

#endif
