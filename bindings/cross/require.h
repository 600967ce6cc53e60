/* require.h - require for many tasks in one state, and where it looks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_REQUIRE_H
#define LGORT_CROSS_REQUIRE_H

#include "vm/vm.h"

/* package.path and package.cpath as "path\0cpath\0"; owned, or NULL. */
gort_buf *lgort_paths(lua_State *L);
/* Sets them. */
void lgort_use_paths(lua_State *L, const char *paths);
bool lgort_is_require(lua_CFunction f);
/* Puts require in its place. */
void lgort_open_require(lua_State *L, lgort_vm *vm);

#endif
