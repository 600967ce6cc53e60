/* main.c - the gort program: how it begins, and the ways in which it ends.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/program.h"
#include "cli/quit.h"
#include "cli/repl.h"
#include "cli/steps.h"

/* ---- ending ------------------------------------------------------------ */

void cli_decide(program *p) {
  if (atomic_exchange(&p->exiting, true))
    for (;;) pause();
}

/* Called for a place of contexts; its text ends in ": ". */
static void say_place(void *arg, const char *place, unsigned n) {
  (void)arg;
  fprintf(stderr, "gort: %s%u %s never cancelled\n", place, n,
          n == 1 ? "context was" : "contexts were");
}

/* After cli_decide. */
_Noreturn static void finish(program *p, int status) {
  gort_stop(p->host.rt, 50000000);
  repl_restore_terminal();
  if (p->host.note_contexts) gort_context_places(p->host.rt, say_place, NULL);
  exit(status);
}

_Noreturn static void leave(program *p, int status) {
  cli_decide(p);
  finish(p, status);
}

static void leave_host(lgort_host *h, int status) { leave(h->user, status); }

void cli_say(const char *text) {
  fflush(stdout);
  fprintf(stderr, "gort: %s\n", text);
  fflush(stderr);
}

void cli_fail(lua_State *L, program *p) {
  const char *message = lua_tostring(L, -1);
  cli_decide(p);
  cli_say(message ? message : "(error object is not a string)");
  p->failed = true;
  p->status = 1;
}

static void on_task_error(lgort_host *h, bool is_main, const char *report) {
  program *p = h->user;
  struct repl *r = atomic_load(&p->repl);
  if (r && !is_main) {
    repl_show_error(r, report);
    atomic_store(&h->panicking, 0);
    return;
  }
  cli_decide(p);
  cli_say(report);
  finish(p, is_main ? 1 : 2);
}

/* An uncaught error in a task ends the process, once the <close> variables of
 * that task have run. */
static void await_panic(program *p) {
  for (int ms = 0; atomic_load(&p->host.panicking) > 0; ms++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (ms < 1000) continue;
    cli_say("a task failed, and its <close> variables did not come to an end");
    leave(p, 2);
  }
}

static void on_main_end(gort *rt, void *arg) {
  program *p = ((lgort_host *)arg)->user;
  if (!p->failed) await_panic(p);
  gort_stop(rt, 50000000);
  /* Finalizers of the main state run, as in lua. */
  lgort_vm *vm = gort_vm_state(gort_vm_main(rt));
  vm->closing = true;
  lua_close(vm->L);
  vm->L = NULL;
  if (!p->failed) cli_decide(p);
  finish(p, p->status);
}

static bool on_stuck(gort *rt, void *arg, const char *report) {
  program *p = ((lgort_host *)arg)->user;
  struct repl *r = atomic_load(&p->repl);
  (void)rt;
  return r && repl_deadlock(r, report);
}

static void on_deadlock(gort *rt, void *arg, const char *report) {
  program *p = ((lgort_host *)arg)->user;
  (void)rt;
  fflush(stdout);
  fprintf(stderr, "fatal error: all tasks are asleep - deadlock!\n%s",
          report ? report : "(not enough memory for the report)\n");
  leave(p, 2);
}

/* On the thread that waits for SIGQUIT. */
static void on_quit(void *arg) {
  program *p = arg;
  cli_decide(p);
  gort_text *text = gort_text_new();
  if (text) gort_dump_all(p->host.rt, 1000000000, text);
  char *report = gort_text_take(text);
  fflush(stdout);
  fprintf(stderr, "SIGQUIT: quit\n%s",
          report ? report : "(not enough memory for the report)\n");
  finish(p, 2);
}

/* ---- beginning --------------------------------------------------------- */

/* For tests: where a task runs must never change what it computes. */
static gort_placement placement(void) {
  const char *s = getenv("GORT_PLACEMENT");
  if (s && strcmp(s, "together") == 0) return GORT_PLACE_TOGETHER;
  if (s && strcmp(s, "apart") == 0) return GORT_PLACE_APART;
  return GORT_PLACE_FREELY;
}

static int run(program *p) {
  gort_options options = {
      .maxprocs = p->options.procs,
      .placement = placement(),
      .preempt = true,
      .ops = &lgort_ops,
      .arg = &p->host,
      .on_main_end = on_main_end,
      .on_stuck = on_stuck,
      .on_deadlock = on_deadlock,
  };
  int rc = lgort_codes_init(&p->host.codes);
  if (rc == 0) rc = gort_new(&options, &p->host.rt);
  if (rc < 0) {
    cli_say(gort_strerror(rc));
    return 1;
  }
  gort_record *main_task = lgort_main_record(&p->host, cli_run_steps, p);
  if (!main_task) {
    cli_say(gort_strerror(GORT_ENOMEM));
    return 1;
  }
  cli_on_quit(on_quit, p);
  gort_run(p->host.rt, main_task);
  /* Another thread ends the process; this one waits for it. */
  for (;;) pause();
}

/* mimalloc's, where it stands in for malloc. */
extern void mi_option_set(int option, long value) __attribute__((weak));

/* Free pages go back after a millisecond: mimalloc looks after them when something
 * else is freed, and what a burst has left would stay when nothing is. */
static void tune_allocator(void) {
  enum { MI_OPTION_DECOMMIT_DELAY = 15 }; /* purge_delay in later versions */
  if (mi_option_set && !getenv("MIMALLOC_DECOMMIT_DELAY") &&
      !getenv("MIMALLOC_PURGE_DELAY"))
    mi_option_set(MI_OPTION_DECOMMIT_DELAY, 1);
}

int main(int argc, char **argv) {
  static program p;
  tune_allocator();
  int done = cli_parse(&p.options, argc, argv);
  if (done >= 0) return done;
  p.host.on_task_error = on_task_error;
  p.host.leave = leave_host;
  p.host.warn_on = p.options.warnings;
  p.host.no_env = p.options.no_env;
  p.host.note_contexts = p.options.debug_contexts;
  p.host.user = &p;
  return run(&p);
}
