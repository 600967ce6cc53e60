/* program.h - the gort program: one runtime in one process.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "cli/options.h"
#include "vm/vm.h"

struct repl;

typedef struct program {
  lgort_host host;
  cli_options options;
  int status;                /* for exit */
  bool failed;               /* main did; it decides how the process ends */
  atomic_bool exiting;       /* somebody is ending the process */
  struct repl *_Atomic repl; /* at its prompt, or NULL; set once, by main */
} program;

/* The first caller goes on and decides how the process ends; others wait. */
void cli_decide(program *p);
/* "gort: text" on standard error. */
void cli_say(const char *text);
/* The main task failed: reports the message on top of the stack and takes
 * the end of the process over, which follows when main has returned. */
void cli_fail(lua_State *L, program *p);

#endif
