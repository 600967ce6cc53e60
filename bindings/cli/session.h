/* session.h - the state of a session, and what it says.
 *
 * SPDX-License-Identifier: MIT
 *
 * Ending an evaluation: Ctrl-C, or a deadlock, sets vm->interrupt and then
 * calls gort_task_interrupt. That meets the main task in one of these places,
 * and "interrupted!" is raised each time before the evaluation goes on:
 *   - it waits, or has begun to (its ticket is open): the wait is given up,
 *     and raises when it is finished (lgort_after_wait), whatever the hook is;
 *   - it was woken otherwise, or yielded its turn, and has not been resumed:
 *     run (coro.c), which looks at vm->interrupt, arms the hook;
 *   - it computes: the signal arms the hook;
 *   - it is between two of them - resumed, and past run's look; or about to
 *     wait: the signal finds no coroutine, or one that is just left. So
 *     Ctrl-C is repeated until it has been noticed.
 * In C the hook has to wait for the next instruction; a hook may come twice,
 * the second time to find that it was noticed. A wait that begins just after
 * the error was caught elsewhere may be given up for the same Ctrl-C: it raises,
 * too, rather than give a result that nobody sent.
 *
 * Threads: `evaluating`, `presses` and `stuck` are for the main task and for
 *   whoever interrupts it; the rest is the main task's. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/line.h"
#include "cli/repl.h"

struct repl {
  program *program;
  lgort_host *host;
  line *line;
  gort_task *task;
  lgort_vm *vm;
  bool color;
  char *chunk;     /* owned: the lines so far; NULL: none */
  int64_t started; /* of :time; 0: not asked for */
  /* An evaluation runs; seq_cst, as what follows. */
  atomic_bool evaluating;
  atomic_int presses;    /* of Ctrl-C since it began */
  _Atomic(char *) stuck; /* owned: the report of a deadlock */
};

/* Lets Ctrl-C and deadlocks end what the main task evaluates from now on. */
void session_begin(repl *r);
void session_end(repl *r);
/* line_new's; lgort_host's. */
bool session_interrupt(void *arg, int n);
bool session_show(lgort_host *h, FILE *f, const char *text, size_t len);

void session_write(repl *r, FILE *f, const char *text);
/* A message handler: text with a traceback down to the chunk. */
int session_traceback(lua_State *L);
/* Prints the message on top, its first line in red, and pops it. */
void session_print_error(lua_State *L, repl *r);
/* Prints what the others waited for when all were asleep. */
void session_print_stuck(lua_State *L, repl *r);
/* Prints the values above base; the first becomes the global _. */
void session_print_values(lua_State *L, repl *r, int base);
/* Prints how long it is since r->started, which is taken back. */
void session_print_time(repl *r);

#endif
