/* options.h - the command line of gort.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

typedef enum cli_kind {
  CLI_CODE,   /* run text */
  CLI_FILE,   /* run the file text (LUA_INIT=@file) */
  CLI_MODULE, /* require text */
  CLI_WARN,   /* turn warnings on */
  CLI_SCRIPT, /* run the script with its arguments */
  CLI_STDIN,  /* run standard input, without arguments */
  CLI_REPL    /* read, evaluate, print */
} cli_kind;

typedef struct cli_step {
  cli_kind kind;
  const char *text; /* borrowed from argv or the environment */
  const char *name; /* CLI_CODE: its chunk name */
} cli_step;

typedef struct cli_options {
  int argc;
  char **argv;
  int script;        /* its index in argv; 0: none */
  bool after_dashes; /* "--" came before it: "-" is a file's name */
  bool no_env, warnings;
  bool leaks; /* show them at the end */
  bool debug_contexts;
  unsigned procs;  /* 0: as many as there are */
  cli_step *steps; /* owned; in order */
  int nsteps;
} cli_options;

/* Reads the command line. -1: run the steps; else exit with that status
 * (help, version, or a mistake that was explained on stderr). */
int cli_parse(cli_options *o, int argc, char **argv);
/* "gort 0.1.0 (Lua 5.4.4)" on standard output. */
void cli_print_version(void);

#endif
