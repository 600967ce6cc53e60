/* modules.h - what crosses by name: loaded modules and what they hold.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_MODULES_H
#define LGORT_CROSS_MODULES_H

#include "vm/vm.h"

/* Pushes "name" or "name\0field" (the separator is a zero byte) for the table
 * or function at idx if a loaded module is or holds it; else false. */
bool lgort_push_module_of(lua_State *L, lgort_vm *vm, int idx);
/* True when the Lua function at idx is one that a loaded module holds. Cheap
 * for functions that are not. */
bool lgort_is_of_module(lua_State *L, lgort_vm *vm, int idx);
/* Pushes the value of such a name, requiring the module if need be. Raises
 * its error. */
void lgort_push_module(lua_State *L, const char *name, size_t len);
/* package.path and package.cpath as "path\0cpath\0"; owned, or NULL. */
gort_buf *lgort_paths(lua_State *L);
/* Sets them. */
void lgort_use_paths(lua_State *L, const char *paths);
void lgort_open_modules(lua_State *L, lgort_vm *vm);

#endif
