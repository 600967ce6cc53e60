/* locals.h - local variables that outlive their line.
 *
 * SPDX-License-Identifier: MIT
 *
 * The state is a Lua table: [name] is a function that has the variable as an
 * upvalue, [i] the names in the order in which they came, and [0] a table of
 * the names that are constants. */
#ifndef CLI_LOCALS_H
#define CLI_LOCALS_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

typedef enum locals_status {
  LOCALS_READY,      /* the function is on the stack */
  LOCALS_INCOMPLETE, /* the text may go on; nothing is on the stack */
  LOCALS_WRONG       /* a message is on the stack */
} locals_status;

/* Pushes an empty state. */
void locals_new(lua_State *L);
/* Compiles text, an expression or a chunk, so that it sees the variables of
 * the state at index locals. */
locals_status locals_compile(lua_State *L, int locals, const char *text);
/* After such a function has returned what is above base: keeps the variables
 * that it declared. Leaves the values that are the text's own. */
void locals_keep(lua_State *L, int locals, const char *text, int base);
/* Pushes the value of the variable; false, and nothing, if there is none. */
bool locals_push(lua_State *L, int locals, const char *name);

#endif
