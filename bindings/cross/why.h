/* why.h - the words for what cannot cross.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_WHY_H
#define LGORT_CROSS_WHY_H

#include <lua.h>

/* What the value at idx is, for people: "a file", "a coroutine", "userdata
 * (lpeg-pattern)". Pushes the string so that it stays valid. */
const char *lgort_push_kind(lua_State *L, int idx);

/* Pushes how the table or function at parent names the value at child:
 * ".items", "[3]", "['two words']", " (upvalue 'db' of function at f.lua:7)". */
void lgort_push_step(lua_State *L, int parent, int child);

#endif
