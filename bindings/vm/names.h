/* names.h - how functions and things are called in messages.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_NAMES_H
#define LGORT_VM_NAMES_H

#include <lauxlib.h>
#include <lua.h>

/* Pushes the name of the function on top of the stack (it stays), as in
 * tracebacks: "table.sort" for what a loaded module holds, else the name it
 * was called by (ar must have "Sn"), else "?". */
void lgort_push_function_name(lua_State *L, const lua_Debug *ar);

/* "a" or "an": what a noun, the name of a type, is said with. */
const char *lgort_article(const char *noun);

#endif
