/* stock.c - Lua's own functions where many tasks in one process need more.
 *
 * SPDX-License-Identifier: MIT
 *
 *   load, loadfile, dofile        in tasks: the chunk sees the task's globals
 *   getmetatable, setmetatable    standard tables seem to have none
 *   os.execute                    parks the task; the shell runs elsewhere
 *   os.exit                       stops the workers first
 *
 * They have no upvalues, so that they cross as they are. output.c has print
 * and write. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross/additions.h"
#include "cross/env.h"
#include "lib/lib.h"
#include "vm/bound.h"

/* ---- load in tasks ----------------------------------------------------- */

/* Gives the chunk on top its globals: the value at env_arg if there is one;
 * in a task, the task's. */
static void set_env(lua_State *L, int env_arg) {
  lgort_vm *vm = lgort_vm_of(L);
  if (env_arg)
    lua_pushvalue(L, env_arg);
  else if (gort_vm_index(vm->vm) > 0)
    lgort_push_task_env(L, vm);
  else
    return; /* lua_load has done it */
  if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
}

static int loaded(lua_State *L, int status, int env_arg) {
  if (status == LUA_OK) {
    set_env(L, env_arg);
    return 1;
  }
  luaL_pushfail(L);
  lua_insert(L, -2);
  return 2;
}

enum { PIECE = 5 }; /* where the piece that lua_load reads is kept alive */

static const char *read_piece(lua_State *L, void *ud, size_t *size) {
  (void)ud;
  luaL_checkstack(L, 2, "too many nested functions");
  lua_pushvalue(L, 1);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    *size = 0;
    return NULL;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "reader function must return a string");
  lua_replace(L, PIECE);
  return lua_tolstring(L, PIECE, size);
}

/* lua_load from the function at 1. An error in that passes through the task's
 * message handler, which takes it for one that nobody catches. */
static int load_pieces(lua_State *L, const char *name, const char *mode) {
  lgort_vm *vm = lgort_vm_of(L);
  int before = vm->panics;
  bool unwinding = vm->task && vm->task->unwinding;
  int status = lua_load(L, read_piece, NULL, name, mode);
  if (vm->task) vm->task->unwinding = unwinding;
  atomic_fetch_sub(&vm->host->panicking, vm->panics - before);
  vm->panics = before;
  return status;
}

static int stock_load(lua_State *L) {
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  const char *mode = luaL_optstring(L, 3, "bt");
  int env_arg = lua_isnone(L, 4) ? 0 : 4;
  if (text) {
    const char *name = luaL_optstring(L, 2, text);
    return loaded(L, luaL_loadbufferx(L, text, len, name, mode), env_arg);
  }
  const char *name = luaL_optstring(L, 2, "=(load)");
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, PIECE);
  return loaded(L, load_pieces(L, name, mode), env_arg);
}

static int stock_loadfile(lua_State *L) {
  const char *name = luaL_optstring(L, 1, NULL);
  const char *mode = luaL_optstring(L, 2, NULL);
  int env_arg = lua_isnone(L, 3) ? 0 : 3;
  return loaded(L, luaL_loadfilex(L, name, mode), env_arg);
}

static int dofile_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

static int stock_dofile(lua_State *L) {
  const char *name = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfile(L, name) != LUA_OK) return lua_error(L);
  set_env(L, 0);
  lua_callk(L, 0, LUA_MULTRET, 0, dofile_k);
  return dofile_k(L, LUA_OK, 0);
}

/* ---- metatables -------------------------------------------------------- */

/* The metatables by which additions to standard tables are noticed (env.c)
 * are none to a script. */

static int stock_getmetatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1))
    lua_pushnil(L);
  else if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL &&
           lua_topointer(L, -1) == lgort_watch_mark)
    lua_pushnil(L);
  return 1; /* the field, or the metatable itself */
}

static int stock_setmetatable(lua_State *L) {
  int type = lua_type(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
                   "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL &&
      lua_topointer(L, -1) != lgort_watch_mark)
    return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
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
    if (rc == GORT_EBOUND) lgort_raise(L, rc);
  }
  run_command(c); /* here, then: as Lua does */
  errno = c->error;
  return luaL_execresult(L, c->status);
}

/* Closes the <close> variables of the running task, as lua_close does those
 * of lua's only one; they cannot be left. */
static void close_variables(lgort_vm *vm) {
  vm->nopark++;
  atomic_store_explicit(&vm->innermost, vm->task_co, memory_order_relaxed);
  lua_resetthread(vm->task_co);
}

static int os_exit(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  int status;
  if (lua_isboolean(L, 1))
    status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
  else
    status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
  bool close = lua_toboolean(L, 2);
  if (vm->host->embeds) {
    vm->host->leave(vm->host, status); /* the process goes on, not the task */
    if (lgort_can_park(L, vm)) return lgort_park(L, 0, NULL);
    return luaL_error(L, "os.exit");
  }
  /* Not in a finalizer that runs because the state closes. */
  if (close && vm->task_co && !vm->closing) {
    vm->closing = true;
    close_variables(vm);
    gort_stop(vm->rt, 50000000);
    lua_close(vm->L);
    vm->L = NULL;
  } else {
    gort_stop(vm->rt, 50000000);
  }
  vm->host->leave(vm->host, status);
  return 0;
}

static const luaL_Reg base[] = {
    {"load", stock_load},
    {"loadfile", stock_loadfile},
    {"dofile", stock_dofile},
    {"getmetatable", stock_getmetatable},
    {"setmetatable", stock_setmetatable},
    {NULL, NULL},
};

void lgort_open_stock(lua_State *L) {
  lua_pushglobaltable(L);
  luaL_setfuncs(L, base, 0);
  lua_pop(L, 1);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, os_execute);
  lua_setfield(L, -2, "execute");
  lua_pushcfunction(L, os_exit);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}
