/* stock.c - Lua's own functions where many tasks in one process need more.
 *
 * SPDX-License-Identifier: MIT
 *
 *   print            writes its line in one piece
 *   load, loadfile, dofile   in tasks: the chunk sees the task's globals
 *   os.execute       parks the task, the shell runs on another thread
 *   os.exit          stops the workers first */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross/env.h"
#include "cross/message.h"
#include "lib/lib.h"
#include "vm/bound.h"

static int stock_print(lua_State *L) {
  luaL_Buffer b;
  int n = lua_gettop(L);
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    if (i > 1) luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t len;
  const char *s = lua_tolstring(L, -1, &len);
  flockfile(stdout);
  fwrite(s, 1, len, stdout);
  fflush(stdout);
  funlockfile(stdout);
  return 0;
}

/* ---- load in tasks ----------------------------------------------------- */

/* Calls Lua's own function of that name with the arguments on the stack. In a
 * task, a chunk that was given no environment gets the task's. The functions
 * have no upvalues, so that they cross as they are. */
static int load_as(lua_State *L, const char *stock, int env_arg) {
  lgort_vm *vm = lgort_vm_of(L);
  bool own = lua_isnone(L, env_arg) && gort_vm_index(vm->vm) > 0;
  lua_getfield(L, LUA_REGISTRYINDEX, stock);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (own && lua_isfunction(L, 1)) {
    lgort_push_task_env(L, vm);
    if (!lua_setupvalue(L, 1, 1)) lua_pop(L, 1);
  }
  return lua_gettop(L);
}

static int stock_load(lua_State *L) { return load_as(L, "gort.load", 4); }

static int stock_loadfile(lua_State *L) {
  return load_as(L, "gort.loadfile", 3);
}

static int dofile_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

static int stock_dofile(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  const char *name = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfile(L, name) != LUA_OK) return lua_error(L);
  if (gort_vm_index(vm->vm) > 0) {
    lgort_push_task_env(L, vm);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  lua_callk(L, 0, LUA_MULTRET, 0, dofile_k);
  return dofile_k(L, LUA_OK, 0);
}

/* Keeps the stock function in the registry and puts f in its place. */
static void replace(lua_State *L, const char *name, lua_CFunction f) {
  lua_pushfstring(L, "gort.%s", name);
  lua_getglobal(L, name);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, f);
  lua_setglobal(L, name);
}

/* ---- os ---------------------------------------------------------------- */

typedef struct command {
  int status, error;
  char text[];
} command;

static void run_command(void *arg) {
  command *c = arg;
  errno = 0;
  c->status = system(c->text);
  c->error = errno;
}

static int execute_k(lua_State *L, int status, lua_KContext ctx) {
  command *c = (command *)ctx;
  gort_result res;
  (void)status;
  lgort_wait_finish(L, &res);
  errno = c->error;
  return luaL_execresult(L, c->status);
}

static int os_execute(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  size_t len;
  const char *text = luaL_optlstring(L, 1, NULL, &len);
  if (!text) {
    lua_pushboolean(L, system(NULL));
    return 1;
  }
  gort_limit none = {GORT_FOREVER, NULL};
  lgort_check_end(L, vm, &none);
  command *c = lua_newuserdatauv(L, sizeof *c + len + 1, 0);
  memcpy(c->text, text, len + 1);
  if (lgort_can_park(L, vm)) {
    int rc = gort_blocking(gort_vm_current(vm->vm), run_command, c);
    if (rc == GORT_PARKED) return lgort_park(L, (lua_KContext)c, execute_k);
  }
  run_command(c); /* here, then: as Lua does */
  errno = c->error;
  return luaL_execresult(L, c->status);
}

static int os_exit(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  int status;
  if (lua_isboolean(L, 1))
    status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
  else
    status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
  bool close = lua_toboolean(L, 2);
  gort_stop(vm->rt, 50000000);
  if (close && gort_vm_index(vm->vm) == 0) lua_close(L);
  vm->host->leave(vm->host, status);
  return 0;
}

void lgort_open_stock(lua_State *L) {
  lua_pushcfunction(L, stock_print);
  lua_setglobal(L, "print");
  replace(L, "load", stock_load);
  replace(L, "loadfile", stock_loadfile);
  replace(L, "dofile", stock_dofile);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, os_execute);
  lua_setfield(L, -2, "execute");
  lua_pushcfunction(L, os_exit);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}
