/* repl.c - reading lines, evaluating them, printing their values.
 *
 * SPDX-License-Identifier: MIT
 *
 * The session is the main task's: it waits for the line (line.h), as for
 * anything else, then evaluates it itself. So a line that blocks blocks only
 * the session, and tasks run on meanwhile.
 *
 * cli_repl is one C function in several states: wherever the session may
 * park it returns to the scheduler and goes on in `go_on` with the state.
 *
 * Ending an evaluation: Ctrl-C, or a deadlock, sets vm->interrupt and ends the
 * main task's wait (gort_task_interrupt); the first instruction after that
 * raises "interrupted!". Ctrl-C is repeated until it has been noticed, since
 * it may come at a moment at which the task neither runs nor waits.
 *
 * Threads: `evaluating`, `presses` and `stuck` are for the main task and for
 *   whoever interrupts it; the rest is the main task's. */
#include "cli/repl.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/inspect.h"
#include "cli/line.h"
#include "cli/locals.h"
#include "vm/park.h"

/* The stack of cli_repl. What an evaluation gives comes above. */
enum { PROGRAM = 1, HANDLER = 2, LOCALS = 3 };

typedef enum state { ASK, EVENT, EVALUATED, DESCRIBED, LEAVE } state;

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

static void write_text(repl *r, FILE *f, const char *text) {
  lgort_write(r->host, f, text, strlen(text));
  fflush(f);
}

/* ---- from outside ------------------------------------------------------ */

static bool show(lgort_host *h, FILE *f, const char *text, size_t len) {
  repl *r = atomic_load(&((program *)h->user)->repl);
  return r && line_show(r->line, f, text, len);
}

/* On the line's thread. */
static bool interrupt(void *arg, int n) {
  repl *r = arg;
  if (!atomic_load(&r->evaluating)) return false;
  atomic_int *how = &r->vm->interrupt;
  if (n > 0) /* the first may have been caught: the second is not to be */
    atomic_store(how, atomic_fetch_add(&r->presses, n) + n > 1
                          ? LGORT_INTERRUPT_STICK
                          : LGORT_INTERRUPT_ONCE);
  if (!atomic_load(&r->evaluating)) /* it has ended meanwhile */
    atomic_store(how, LGORT_INTERRUPT_NONE);
  if (atomic_load(how) == LGORT_INTERRUPT_NONE) return false;
  gort_hold(r->host->rt); /* a deadlock is not to be reported meanwhile */
  gort_task_interrupt(r->task);
  gort_unhold(r->host->rt);
  return true;
}

bool repl_deadlock(repl *r, const char *report) {
  char *text = strdup(report ? report : "");
  if (!atomic_load(&r->evaluating) || !text) {
    free(text);
    return false;
  }
  free(atomic_exchange(&r->stuck, text));
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_ONCE);
  return gort_task_interrupt(r->task);
}

void repl_show_error(repl *r, const char *report) {
  size_t len = strlen(report);
  char *text = malloc(len + 2);
  if (!text) return;
  memcpy(text, report, len);
  strcpy(text + len, "\n");
  write_text(r, stderr, text);
  free(text);
}

void repl_restore_terminal(void) { line_restore(); }

/* ---- errors ------------------------------------------------------------ */

/* The message handler: text with a traceback down to the chunk. */
static int with_traceback(lua_State *L) {
  static const char last[] = "\n\t[C]: in ?";
  repl *r = atomic_load(&((program *)lgort_vm_of(L)->host->user)->repl);
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
      return 1;
    message =
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  }
  if (atomic_load(&r->stuck) && strstr(message, "interrupted!"))
    message = "all tasks are asleep - deadlock!";
  luaL_traceback(L, L, message, 1);
  size_t len, cut = sizeof last - 1;
  const char *s = lua_tolstring(L, -1, &len);
  while (len >= cut && memcmp(s + len - cut, last, cut) == 0) len -= cut;
  lua_pushlstring(L, s, len);
  /* The chunk is a function inside of one that holds the variables. */
  luaL_gsub(L, lua_tostring(L, -1), "in function <stdin:1>", "in main chunk");
  return 1;
}

/* Prints the message on top, its first line in red, and pops it. */
static void print_error(lua_State *L, repl *r) {
  const char *message = lua_tostring(L, -1);
  if (!message) message = "(error object is not a string)";
  size_t head = strcspn(message, "\n");
  bool color = r->color;
  lua_pushlstring(L, message, head);
  lua_pushfstring(L, "%s%s%s%s\n", color ? "\033[31m" : "", lua_tostring(L, -1),
                  color ? "\033[0m" : "", message + head);
  write_text(r, stderr, lua_tostring(L, -1));
  lua_pop(L, 3);
}

/* What the others waited for when all were asleep. */
static void print_stuck(lua_State *L, repl *r) {
  char *report = atomic_exchange(&r->stuck, NULL);
  if (!report) return;
  lua_pushstring(L, report);
  free(report);
  const char *text = lua_tostring(L, -1);
  tasks_push(L, text + strspn(text, "\n"), gort_task_id(r->task));
  if (strncmp(lua_tostring(L, -1), "task ", 5) == 0) {
    write_text(r, stderr, "\n");
    write_text(r, stderr, lua_tostring(L, -1));
  }
  lua_pop(L, 2);
}

/* ---- values ------------------------------------------------------------ */

/* Pushes what is printed of the values above base. */
static void push_values(lua_State *L, repl *r, int base) {
  int n = lua_gettop(L) - base;
  luaL_checkstack(L, 8, NULL);
  lua_pushliteral(L, "");
  for (int i = 1; i <= n; i++) {
    inspect_push(L, base + i, line_columns() - 1, r->color);
    bool long_one = strchr(lua_tostring(L, -1), '\n') != NULL;
    lua_pushstring(L, i == n ? "\n" : long_one ? "\n" : "\t");
    lua_concat(L, 3);
  }
}

static void print_values(lua_State *L, repl *r, int base) {
  if (lua_gettop(L) == base) return;
  lua_pushvalue(L, base + 1);
  lua_setglobal(L, "_");
  push_values(L, r, base);
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  lgort_write(r->host, stdout, text, len);
  fflush(stdout);
}

static void print_time(lua_State *L, repl *r) {
  double took = (double)(gort_now() - r->started) * 1e-9;
  char text[64];
  r->started = 0;
  if (took < 1e-3)
    snprintf(text, sizeof text, "%.1f us\n", took * 1e6);
  else if (took < 1)
    snprintf(text, sizeof text, "%.2f ms\n", took * 1e3);
  else
    snprintf(text, sizeof text, "%.3f s\n", took);
  (void)L;
  write_text(r, stdout, text);
}

/* ---- evaluating -------------------------------------------------------- */

static void begin_evaluation(repl *r) {
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_NONE);
  line_take_interrupts();
  atomic_store(&r->presses, 0);
  atomic_store(&r->evaluating, true);
}

static void end_evaluation(repl *r) {
  atomic_store(&r->evaluating, false);
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_NONE);
}

static void forget_chunk(repl *r) {
  free(r->chunk);
  r->chunk = NULL;
}

/* Takes a line into the chunk; false: no memory. */
static bool add_line(repl *r, const char *text) {
  size_t before = r->chunk ? strlen(r->chunk) + 1 : 0;
  char *chunk = realloc(r->chunk, before + strlen(text) + 1);
  if (!chunk) return false;
  if (before) chunk[before - 1] = '\n';
  strcpy(chunk + before, text);
  r->chunk = chunk;
  return true;
}

/* Compiles what was typed. EVALUATED: the function is on the stack. */
static state compile(lua_State *L, repl *r, const char *text) {
  switch (locals_compile(L, LOCALS, text)) {
    case LOCALS_READY:
      return EVALUATED;
    case LOCALS_INCOMPLETE:
      return EVENT;
    default:
      print_error(L, r);
      return ASK;
  }
}

/* ---- commands ---------------------------------------------------------- */

static void complain(repl *r, const char *format, const char *what,
                     lua_State *L) {
  lua_pushfstring(L, format, what);
  print_error(L, r);
}

static state load_file(lua_State *L, repl *r, const char *name) {
  if (*name == '\0') {
    complain(r, ":load needs the name of a file%s", "", L);
    return ASK;
  }
  if (luaL_loadfile(L, name) == LUA_OK) return EVALUATED;
  print_error(L, r);
  return ASK;
}

static state time_text(lua_State *L, repl *r, const char *text) {
  state next = compile(L, r, text);
  if (next == EVENT) {
    complain(r, ":time needs a whole expression in its line%s", "", L);
    return ASK;
  }
  if (next == EVALUATED) r->started = gort_now();
  return next;
}

/* Pushes a function that gives a text about all tasks. */
static state push_describer(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "gort.runtime");
  lua_getfield(L, -1, "stack");
  lua_replace(L, -3);
  lua_pop(L, 1);
  lua_pushboolean(L, 1);
  return DESCRIBED;
}

static state run_command(lua_State *L, repl *r) {
  char *rest;
  const char *page;
  switch (commands_find(r->chunk, &rest)) {
    case COMMAND_QUIT:
      return LEAVE;
    case COMMAND_LOAD:
      return load_file(L, r, rest);
    case COMMAND_TIME:
      return time_text(L, r, rest);
    case COMMAND_TASKS:
      return push_describer(L);
    case COMMAND_CHANS:
      chans_push(L, LOCALS);
      write_text(r, stdout, lua_tostring(L, -1));
      return ASK;
    case COMMAND_HELP:
      page = help_find(rest);
      if (page)
        write_text(r, stdout, page);
      else
        complain(r, "no help on '%s'; `:help` lists the topics", rest, L);
      return ASK;
    case COMMAND_AMBIGUOUS:
      complain(r, "'%s' may be several commands; `:help` lists them", r->chunk,
               L);
      return ASK;
    default:
      complain(r, "there is no command '%s'; `:help` lists them", r->chunk, L);
      return ASK;
  }
}

/* ---- the states -------------------------------------------------------- */

static bool is_command(const char *text) {
  text += strspn(text, " \t");
  return *text == ':' && text[1] != ':'; /* a label has two */
}

/* Asks for the next line. */
static void ask(lua_State *L, repl *r, const char *remember) {
  bool first = !r->chunk;
  line_fresh(r->line);
  lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2");
  const char *prompt = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                       : first                        ? "> "
                                                      : ">> ";
  gort_hold(r->host->rt);
  line_ask(r->line, prompt, remember);
  lua_pop(L, 1);
}

/* The last chunk, if it was not given up, goes to the history. */
static void ask_anew(lua_State *L, repl *r) {
  char *done = r->chunk;
  r->chunk = NULL;
  ask(L, r, done);
  free(done);
}

static state take_line(lua_State *L, repl *r) {
  char *text = r->line->text;
  if (!text || !add_line(r, text)) return LEAVE;
  state next =
      is_command(r->chunk) ? run_command(L, r) : compile(L, r, r->chunk);
  if (next != EVENT) return next;
  ask(L, r, NULL);
  return EVENT;
}

/* Deals with what came from the line's thread. */
static state take_event(lua_State *L, repl *r, line_event e) {
  lua_settop(L, LOCALS);
  if (e == LINE_COMPLETE) {
    complete(L, LOCALS, r->line->text);
    line_answer(r->line, lua_tostring(L, -2), lua_tostring(L, -1));
    lua_settop(L, LOCALS);
    return EVENT;
  }
  gort_unhold(r->host->rt);
  if (e == LINE_TEXT) return take_line(L, r);
  bool leave = e == LINE_END && !r->chunk;
  forget_chunk(r);
  return leave ? LEAVE : ASK;
}

/* An evaluation has ended, well or not. */
static void finish(lua_State *L, repl *r, int status, state what) {
  end_evaluation(r);
  fflush(stdout);
  if (status != LUA_OK && status != LUA_YIELD) {
    line_fresh(r->line);
    print_error(L, r);
    print_stuck(L, r);
    r->started = 0;
    return;
  }
  free(atomic_exchange(&r->stuck, NULL));
  if (what == DESCRIBED) {
    tasks_push(L, lua_tostring(L, -1), gort_task_id(r->task));
    write_text(r, stdout, lua_tostring(L, -1));
    return;
  }
  locals_keep(L, LOCALS, r->chunk, LOCALS);
  line_fresh(r->line);
  print_values(L, r, LOCALS);
  if (r->started) print_time(L, r);
}

static int go_on(lua_State *L, int status, lua_KContext ctx);

/* Waits for an event; -1: the session parks. */
static int await_event(lua_State *L, repl *r, bool resumed) {
  gort_value none = {.type = GORT_NIL};
  gort_source *events = (gort_source *)(void *)r->line->events;
  gort_result res;
  if (resumed)
    gort_wait_finish(r->task, &res);
  else if (lgort_wait(L, r->vm, events, GORT_RECV, &none, NULL, &res) ==
           GORT_PARKED)
    return -1;
  /* An interrupt may come late: there is nothing left to end. */
  return res.status < 0 ? await_event(L, r, false) : (int)res.value.u.i;
}

static int run(lua_State *L, repl *r, state s, int status, bool resumed) {
  for (;; resumed = false) {
    int event;
    switch (s) {
      case ASK:
        lua_settop(L, LOCALS);
        ask_anew(L, r);
        s = EVENT;
        break;
      case EVENT:
        event = await_event(L, r, resumed);
        if (event < 0) return lgort_park(L, EVENT, go_on);
        s = take_event(L, r, (line_event)event);
        if (s != EVALUATED && s != DESCRIBED) break;
        begin_evaluation(r);
        status = lua_pcallk(L, lua_gettop(L) - LOCALS - 1, LUA_MULTRET, HANDLER,
                            s, go_on);
        break;
      case EVALUATED:
      case DESCRIBED:
        finish(L, r, status, s);
        s = ASK;
        break;
      case LEAVE:
        return 0;
    }
  }
}

static int go_on(lua_State *L, int status, lua_KContext ctx) {
  repl *r = atomic_load(&((program *)lua_touserdata(L, PROGRAM))->repl);
  return run(L, r, (state)ctx, status, ctx == EVENT);
}

/* ---- beginning --------------------------------------------------------- */

static bool use_color(const line *l) {
  const char *no = getenv("NO_COLOR");
  return l->terminal && !(no && *no);
}

int cli_repl(lua_State *L) {
  program *p = lua_touserdata(L, PROGRAM);
  repl *r = calloc(1, sizeof *r);
  if (!r) return luaL_error(L, "not enough memory");
  r->program = p;
  r->host = &p->host;
  r->vm = lgort_vm_of(L);
  r->task = gort_vm_current(r->vm->vm);
  r->line = line_new(interrupt, r);
  if (!r->line) return luaL_error(L, "cannot read lines: not enough memory");
  r->color = use_color(r->line);
  gort_task_set_interruptible(r->task);
  atomic_store(&p->repl, r);
  atomic_store(&p->host.show, show);
  if (r->line->terminal)
    write_text(r, stdout, "`:help` tells more, Ctrl-D leaves\n");
  lua_settop(L, PROGRAM);
  lua_pushcfunction(L, with_traceback);
  locals_new(L);
  return run(L, r, ASK, LUA_OK, false);
}
