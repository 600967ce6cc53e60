/* main.c - the gort program.
 *
 * SPDX-License-Identifier: MIT
 *
 * The command line becomes a list of steps (LUA_INIT, -e, -l, the script);
 * the main task runs them one after the other, each under lua_callk, so that
 * each may block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/quit.h"
#include "vm/vm.h"

typedef struct program {
  lgort_host host;
  cli_options options;
  int status;          /* for exit */
  atomic_bool exiting; /* somebody is ending the process */
} program;

/* ---- ending ------------------------------------------------------------ */

/* The first caller goes on and decides how the process ends; others wait. */
static void decide(program *p) {
  if (atomic_exchange(&p->exiting, true))
    for (;;) pause();
}

/* Called for a place of contexts; its text ends in ": ". */
static void say_place(void *arg, const char *place, unsigned n) {
  (void)arg;
  fprintf(stderr, "gort: %s%u %s never cancelled\n", place, n,
          n == 1 ? "context was" : "contexts were");
}

/* After decide. */
_Noreturn static void finish(program *p, int status) {
  gort_stop(p->host.rt, 50000000);
  if (p->host.note_contexts) gort_context_places(p->host.rt, say_place, NULL);
  exit(status);
}

_Noreturn static void leave(program *p, int status) {
  decide(p);
  finish(p, status);
}

static void leave_host(lgort_host *h, int status) { leave(h->user, status); }

static void say(const char *text) {
  fflush(stdout);
  fprintf(stderr, "gort: %s\n", text);
  fflush(stderr);
}

static void on_task_error(lgort_host *h, bool is_main, const char *report) {
  program *p = h->user;
  decide(p);
  say(report);
  finish(p, is_main ? 1 : 2);
}

static void on_main_end(gort *rt, void *arg) {
  program *p = ((lgort_host *)arg)->user;
  /* An uncaught error wins: it ends the process, once the <close> variables
   * of its task have run. */
  for (int ms = 0; atomic_load(&p->host.panicking); ms++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (ms < 1000) continue;
    say("a task failed, and its <close> variables did not come to an end");
    leave(p, 2);
  }
  gort_stop(rt, 50000000);
  /* Finalizers of the main state run, as in lua. */
  lgort_vm *vm = gort_vm_state(gort_vm_main(rt));
  lua_close(vm->L);
  vm->L = NULL;
  leave(p, p->status);
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
  decide(p);
  gort_text *text = gort_text_new();
  if (text) gort_dump_all(p->host.rt, 1000000000, text);
  char *report = gort_text_take(text);
  fflush(stdout);
  fprintf(stderr, "SIGQUIT: quit\n%s",
          report ? report : "(not enough memory for the report)\n");
  finish(p, 2);
}

/* ---- steps ------------------------------------------------------------- */

/* The program goes on to its end with this status, without more steps. */
static int give_up(lua_State *L, program *p) {
  const char *message = lua_tostring(L, -1);
  say(message ? message : "(error object is not a string)");
  p->status = 1;
  return 0;
}

static void push_arg_table(lua_State *L, const cli_options *o) {
  int script = o->script ? o->script : o->argc;
  lua_createtable(L, o->argc - script, script + 1);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* Pushes the function of a step and its arguments; how many, or -1 with a
 * message. */
static int push_step(lua_State *L, const cli_options *o, const cli_step *s) {
  switch (s->kind) {
    case CLI_CODE:
      return luaL_loadbuffer(L, s->text, strlen(s->text), s->name) ? -1 : 0;
    case CLI_FILE:
      return luaL_loadfile(L, s->text) ? -1 : 0;
    case CLI_MODULE:
      lua_getglobal(L, "require");
      lua_pushstring(L,
                     strchr(s->text, '=') ? strchr(s->text, '=') + 1 : s->text);
      return 1;
    default:
      break;
  }
  const char *name = o->script ? o->argv[o->script] : NULL;
  if (name && strcmp(name, "-") == 0 && !o->after_dashes) name = NULL;
  if (luaL_loadfile(L, name)) return -1;
  int n = o->script ? o->argc - o->script - 1 : 0;
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 0; i < n; i++) lua_pushstring(L, o->argv[o->script + 1 + i]);
  return n;
}

/* -l name: global name = require(name); -l g=name: global g. */
static void keep_module(lua_State *L, const cli_step *s) {
  const char *equals = strchr(s->text, '=');
  lua_pushstring(L, s->text);
  if (equals) {
    lua_pop(L, 1);
    lua_pushlstring(L, s->text, (size_t)(equals - s->text));
  }
  lua_insert(L, -2);
  lua_pushglobaltable(L);
  lua_insert(L, -3);
  lua_settable(L, -3);
  lua_pop(L, 1);
}

static int run_steps(lua_State *L, int status, lua_KContext ctx) {
  program *p = lua_touserdata(L, 1);
  (void)status;
  for (int i = (int)ctx;; i++) {
    if (i > 0 && p->options.steps[i - 1].kind == CLI_MODULE)
      keep_module(L, &p->options.steps[i - 1]);
    lua_settop(L, 1);
    if (i == p->options.nsteps) return 0;
    const cli_step *s = &p->options.steps[i];
    int n = push_step(L, &p->options, s);
    if (n < 0) return give_up(L, p);
    lua_callk(L, n, s->kind == CLI_MODULE ? 1 : 0, i + 1, run_steps);
  }
}

static int body(lua_State *L) {
  program *p = lua_touserdata(L, 1);
  push_arg_table(L, &p->options);
  return run_steps(L, LUA_OK, 0);
}

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
      .on_deadlock = on_deadlock,
  };
  int rc = lgort_codes_init(&p->host.codes);
  if (rc == 0) rc = gort_new(&options, &p->host.rt);
  if (rc < 0) {
    say(gort_strerror(rc));
    return 1;
  }
  gort_record *main_task = lgort_main_record(&p->host, body, p);
  if (!main_task) {
    say(gort_strerror(GORT_ENOMEM));
    return 1;
  }
  cli_on_quit(on_quit, p);
  gort_run(p->host.rt, main_task);
  /* Another thread ends the process; this one waits for it. */
  for (;;) pause();
}

int main(int argc, char **argv) {
  static program p;
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
