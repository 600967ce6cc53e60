/* steps.h - what the main task of the program does.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include "cli/program.h"

/* The main task's body: one step after the other until one fails. Argument:
 * the program. */
int cli_run_steps(lua_State *L);

/* For a message handler: the text of the error at 1, to which a traceback
 * belongs; or NULL, and what the error's __tostring says is on top. */
const char *cli_error_text(lua_State *L);

#endif
