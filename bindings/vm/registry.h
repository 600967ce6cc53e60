/* registry.h - tables that C code finds by a reference into the registry.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_REGISTRY_H
#define LGORT_VM_REGISTRY_H

#include <lua.h>

/* Pushes a new table that is weak as mode says: "k", "v", as in __mode. */
void lgort_push_weak_table(lua_State *L, const char *mode);
/* Makes the table on top of the stack weak, one that has no metatable. */
void lgort_make_weak(lua_State *L, const char *mode);
/* The reference of a new table; weak when mode is not NULL. */
int lgort_ref_table(lua_State *L, const char *mode);
/* The reference of a new metatable with this one metamethod. */
int lgort_ref_meta(lua_State *L, const char *event, lua_CFunction f);

#endif
