/* flat.h - small records on the short way: tables of scalars and strings.
 *
 * SPDX-License-Identifier: MIT
 *
 * Most of what programs send. Such a table needs none of the bookkeeping of a
 * message: nothing in it can be shared, cyclic, or known by name. */
#ifndef LGORT_CROSS_FLAT_H
#define LGORT_CROSS_FLAT_H

#include "vm/vm.h"

/* What is in a GORT_DATA value. */
enum { LGORT_KIND_MESSAGE, LGORT_KIND_FLAT, LGORT_KIND_OBJECT };

/* Encodes the table at idx; false, and nothing was done, when it is not flat
 * or not small, or memory is out. Runs no Lua code. */
bool lgort_encode_flat(lua_State *L, lgort_vm *vm, int idx, gort_value *out);
/* Pushes the table. Raises on memory. */
void lgort_decode_flat(lua_State *L, gort_buf *b);

#endif
