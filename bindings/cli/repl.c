/* repl.c - reading lines, evaluating them, printing their values.
 *
 * SPDX-License-Identifier: MIT
 *
 * The session is the main task's: it waits for the line (line.h), as for
 * anything else, then evaluates it itself. So a line that blocks blocks only
 * the session, and tasks run on meanwhile.
 *
 * cli_repl is one C function in several states: wherever the session may
 * park it returns to the scheduler and goes on in `go_on` with the state. */
#include "cli/repl.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/locals.h"
#include "cli/session.h"
#include "vm/park.h"

/* The stack of cli_repl. What an evaluation gives comes above. */
enum { PROGRAM = 1, HANDLER = 2, LOCALS = 3 };

typedef enum state { ASK, EVENT, EVALUATED, DESCRIBED, LEAVE } state;

/* ---- evaluating -------------------------------------------------------- */

static void forget_chunk(repl *r) {
  free(r->chunk);
  r->chunk = NULL;
}

/* Takes a line into the chunk; false: no memory. */
static bool add_line(repl *r, const char *text) {
  size_t before = r->chunk ? strlen(r->chunk) + 1 : 0;
  size_t size = strlen(text) + 1;
  char *chunk = realloc(r->chunk, before + size);
  if (!chunk) return false;
  if (before) chunk[before - 1] = '\n';
  memcpy(chunk + before, text, size);
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
      session_print_error(L, r);
      return ASK;
  }
}

/* ---- commands ---------------------------------------------------------- */

static void complain(repl *r, const char *format, const char *what,
                     lua_State *L) {
  lua_pushfstring(L, format, what);
  session_print_error(L, r);
}

static state load_file(lua_State *L, repl *r, const char *name) {
  if (*name == '\0') {
    complain(r, ":load needs the name of a file%s", "", L);
    return ASK;
  }
  if (luaL_loadfile(L, name) == LUA_OK) return EVALUATED;
  session_print_error(L, r);
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
      session_write(r, stdout, lua_tostring(L, -1));
      return ASK;
    case COMMAND_HELP:
      page = help_find(rest);
      if (page)
        session_write(r, stdout, page);
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
  session_end(r);
  fflush(stdout);
  if (status != LUA_OK && status != LUA_YIELD) {
    line_fresh(r->line);
    session_print_error(L, r);
    session_print_stuck(L, r);
    r->started = 0;
    return;
  }
  free(atomic_exchange(&r->stuck, NULL));
  if (what == DESCRIBED) {
    tasks_push(L, lua_tostring(L, -1), gort_task_id(r->task));
    session_write(r, stdout, lua_tostring(L, -1));
    return;
  }
  locals_keep(L, LOCALS, r->chunk, LOCALS);
  line_fresh(r->line);
  session_print_values(L, r, LOCALS);
  if (r->started) session_print_time(r);
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
        session_begin(r);
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
  r->line = line_new(session_interrupt, r);
  if (!r->line) return luaL_error(L, "cannot read lines: not enough memory");
  r->color = use_color(r->line);
  gort_task_set_interruptible(r->task);
  atomic_store(&p->repl, r);
  atomic_store(&p->host.show, session_show);
  if (r->line->terminal)
    session_write(r, stdout, "`:help` tells more, Ctrl-D leaves\n");
  lua_settop(L, PROGRAM);
  lua_pushcfunction(L, session_traceback);
  locals_new(L);
  return run(L, r, ASK, LUA_OK, false);
}
