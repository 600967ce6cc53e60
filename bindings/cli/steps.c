/* steps.c - what the main task of the program does.
 *
 * SPDX-License-Identifier: MIT
 *
 * The command line is a list of steps (LUA_INIT, -e, -l, the script); each
 * runs under lua_pcallk, so that it may block and its error has a traceback.
 * A step's function is called by this C function, which is the bottom of the
 * task's stack: what a script sees of it is what lua shows. */
#include "cli/steps.h"

#include <stdlib.h>
#include <string.h>

#include "cli/repl.h"

/* Stack of cli_run_steps: the program, the message handler, then a step's. */
enum { PROGRAM = 1, HANDLER = 2 };

const char *cli_error_text(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message) return message;
  if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
    return NULL;
  return lua_pushfstring(L, "(error object is a %s value)",
                         luaL_typename(L, 1));
}

/* An error as lua reports it: text with a traceback, or what the object's
 * __tostring says. */
static int with_traceback(lua_State *L) {
  const char *message = cli_error_text(L);
  if (!message) return 1;
  luaL_traceback(L, L, message, 1);
  return 1;
}

/* Without a script the program itself is number 0. */
static void push_arg_table(lua_State *L, const cli_options *o) {
  lua_createtable(L, o->argc, o->script + 1);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i - o->script);
  }
  lua_setglobal(L, "arg");
}

/* Pushes the script's arguments, as what is in the table arg by now. */
static int push_script_args(lua_State *L) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE)
    luaL_error(L, "'arg' is not a table");
  int table = lua_gettop(L), n = (int)luaL_len(L, -1);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return n;
}

/* Pushes the function of a step and its arguments; how many, or -1 with a
 * message. */
static int push_step(lua_State *L, const cli_options *o, const cli_step *s) {
  const char *name = NULL;
  switch (s->kind) {
    case CLI_CODE:
      return luaL_loadbuffer(L, s->text, strlen(s->text), s->name) ? -1 : 0;
    case CLI_FILE:
      return luaL_loadfile(L, s->text) ? -1 : 0;
    case CLI_MODULE:
      name = strchr(s->text, '=');
      lua_getglobal(L, "require");
      lua_pushstring(L, name ? name + 1 : s->text);
      return 1;
    case CLI_SCRIPT:
      name = o->argv[o->script];
      if (strcmp(name, "-") == 0 && !o->after_dashes) name = NULL;
      return luaL_loadfile(L, name) ? -1 : push_script_args(L);
    case CLI_STDIN:
      return luaL_loadfile(L, NULL) ? -1 : 0;
    case CLI_REPL:
      lua_pushcfunction(L, cli_repl);
      lua_pushvalue(L, PROGRAM);
      return 1;
    default:
      lua_warning(L, "@on", 0);
      lua_pushnil(L); /* nothing to call */
      return 0;
  }
}

/* -l name: global name = the module on top; -l g=name: global g. */
static void keep_module(lua_State *L, const cli_step *s) {
  const char *equals = strchr(s->text, '=');
  size_t len = equals ? (size_t)(equals - s->text) : strlen(s->text);
  lua_pushglobaltable(L);
  lua_pushlstring(L, s->text, len);
  lua_pushvalue(L, -3);
  lua_settable(L, -3);
}

static int next_step(lua_State *L, int status, lua_KContext ctx) {
  program *p = lua_touserdata(L, PROGRAM);
  const cli_options *o = &p->options;
  for (int i = (int)ctx;; i++) {
    if (status != LUA_OK && status != LUA_YIELD) {
      cli_fail(L, p);
      return 0;
    }
    if (i > 0 && o->steps[i - 1].kind == CLI_MODULE)
      keep_module(L, &o->steps[i - 1]);
    lua_settop(L, HANDLER);
    if (i == o->nsteps) return 0;
    const cli_step *s = &o->steps[i];
    int n = push_step(L, o, s);
    status = n < 0 ? LUA_ERRSYNTAX : LUA_OK;
    if (n >= 0 && !lua_isnil(L, HANDLER + 1))
      status =
          lua_pcallk(L, n, s->kind == CLI_MODULE, HANDLER, i + 1, next_step);
  }
}

int cli_run_steps(lua_State *L) {
  program *p = lua_touserdata(L, PROGRAM);
  lua_warning(L, "@off", 0); /* -W has its place in the order */
  push_arg_table(L, &p->options);
  lua_gc(L, LUA_GCGEN, 0, 0);
  lua_pushcfunction(L, with_traceback);
  return next_step(L, LUA_OK, 0);
}
