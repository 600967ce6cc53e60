/* steps.h - what the main task of the program does.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include "cli/program.h"

/* The main task's body: one step after the other until one fails. Argument:
 * the program. */
int cli_run_steps(lua_State *L);

#endif
