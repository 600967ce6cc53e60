/* adopt.h - a lua_State of somebody else's as vm 0.
 *
 * SPDX-License-Identifier: MIT
 *
 * The state was there before gort and is there after it: it is opened once,
 * and serves one runtime after the other. Its own threads are made known when
 * they first call something of ours (lgort_vm_of). */
#ifndef LGORT_VM_ADOPT_H
#define LGORT_VM_ADOPT_H

#include "vm/vm.h"

/* Makes vm (zero but for its host, which has it as adopted) L's. Then comes
 * gort_new, then lgort_open_adopted, which opens the modules. Both raise. */
void lgort_adopt_state(lua_State *L, lgort_vm *vm);
void lgort_open_adopted(lua_State *L, lgort_vm *vm);
/* The state closes: frees what the vm has. */
void lgort_abandon_state(lgort_vm *vm);
bool lgort_is_adopted(lua_State *L);

#endif
