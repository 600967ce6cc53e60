/* shared.h - closures that several tasks of a vm have at the same time.
 *
 * SPDX-License-Identifier: MIT
 *
 * Tasks cannot assign what their functions capture, so those whose function
 * captures the same scalars and handles need one closure. It is shared from the
 * second task on that asks for the same, and held weakly: it keeps no handle
 * alive that no task needs. */
#ifndef LGORT_CROSS_SHARED_H
#define LGORT_CROSS_SHARED_H

#include "vm/vm.h"

/* Pushes the closure of code with these captures, and takes them, if this vm
 * has one. Needs no memory but two slots of the stack. */
bool lgort_push_shared(lua_State *L, lgort_vm *vm, const lgort_code *code,
                       gort_value *captures);
/* Were the same captures asked for the last time, too? Then a closure that is
 * made should be shared. */
bool lgort_to_share(lgort_vm *vm, const lgort_code *code,
                    const gort_value *captures);
/* The closure on top of the stack is shared from now on: what was last asked
 * about. Raises on memory. */
void lgort_share(lua_State *L, lgort_vm *vm, const lgort_code *code);

#endif
