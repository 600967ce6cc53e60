/* repl.h - reading lines, evaluating them, printing their values.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_REPL_H
#define CLI_REPL_H

#include "cli/program.h"

typedef struct repl repl;

/* A Lua function: the session, until its input ends. Argument: the program,
 * a light userdata. Runs in the main task. */
int cli_repl(lua_State *L);

/* A task died of an error that nobody caught; the session goes on. */
void repl_show_error(repl *r, const char *report);
/* All tasks are asleep: ends the evaluation that waits, with the report. False
 * when there is none. */
bool repl_deadlock(repl *r, const char *report);
/* The process ends: leaves the terminal as it was. Any thread. */
void repl_restore_terminal(void);

#endif
