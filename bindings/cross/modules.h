/* modules.h - what crosses by name: loaded modules and what they hold.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_MODULES_H
#define LGORT_CROSS_MODULES_H

#include "vm/vm.h"

/* Pushes the way to the table or function at idx (a string that starts with
 * the module's name and a zero byte) if a loaded module is or holds it; else
 * false. */
bool lgort_push_module_of(lua_State *L, lgort_vm *vm, int idx);
/* True when the Lua function at idx is one that a loaded module holds. Cheap
 * for functions that are not. */
bool lgort_is_of_module(lua_State *L, lgort_vm *vm, int idx);
/* Pushes the value at the end of such a way, requiring the module if need be.
 * Raises its error. */
void lgort_push_module(lua_State *L, const char *way, size_t len);
/* Pushes the set of tables that global variables hold, and their fields, but
 * for those that have a name: before a module is loaded. */
void lgort_push_strangers(lua_State *L, lgort_vm *vm);
/* The module at index module has been loaded under the name at index name by
 * the function at index loader (0: by none of Lua's): notes what it holds, but
 * for the strangers (index of the set). All indices are absolute. */
void lgort_note_module(lua_State *L, lgort_vm *vm, int name, int module,
                       int loader, int strangers);
void lgort_open_modules(lua_State *L, lgort_vm *vm);
/* Notes the modules that a fresh state has. */
void lgort_note_modules(lua_State *L, lgort_vm *vm);

#endif
