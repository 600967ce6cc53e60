/* complete.h - what a name that was begun may become.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <lauxlib.h>
#include <lua.h>

/* Pushes what to insert behind text, the line up to the cursor, and the words
 * to choose from, each ended by a newline; one of the two is empty. locals:
 * the index of the session's variables. Calls nothing of the script. */
void complete(lua_State *L, int locals, const char *text);

#endif
