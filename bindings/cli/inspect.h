/* inspect.h - values as people like to read them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

/* Pushes the value at idx as text. A table is laid out in rows of at most
 * columns; what is long is cut. color: with escape sequences. Raises what a
 * __tostring raises. */
void inspect_push(lua_State *L, int idx, int columns, bool color);

#endif
