/* module.c - the module "gort" for a stock lua5.4.
 *
 * SPDX-License-Identifier: MIT
 *
 * The script's own state becomes vm 0 of a runtime: gort.run makes its function
 * the main task there, with the calling thread as the first worker. When the
 * function ends, all else does, as in a program run by gort. Each run has a
 * runtime of its own; the one of the next is made when the last one's workers
 * have left, so that what needs one between runs finds it.
 *
 * Ownership: all of it lasts as long as the state's memory. A userdata has a
 *   finalizer, which is the last of ours that runs: its metatable was set
 *   before any other. But what the script gave one before it loaded us is
 *   finalized later still, and may use us, also by functions of Lua's that we
 *   have replaced. So the finalizer only sees to it that we hear when Lua
 *   frees the state itself, which is the last thing it does. */
#include <stdlib.h>
#include <string.h>

#include "vm/adopt.h"

typedef struct stock {
  lgort_host host; /* first */
  lgort_vm vm;
  bool running, ended; /* a run is under way; the state closes */
  char *report;        /* owned: of the error that stopped the run, or NULL */
  /* Once ended: the state's own allocator, and its last block. */
  lua_Alloc alloc;
  void *alloc_user;
  const void *last;
} stock;

/* A call of gort.run. */
typedef struct run {
  lua_State *from; /* waits in gort.run; has the function and arguments */
  int nargs;
  bool failed;
} run;

static stock *stock_of(lgort_host *h) { return (stock *)h; }

/* ---- what the vms tell ------------------------------------------------- */

static void note_report(stock *s, const char *head, const char *report) {
  if (s->report) return;
  gort_text *text = gort_text_new();
  if (!text) return;
  gort_text_add(text, head, strlen(head));
  if (report) gort_text_add(text, report, strlen(report));
  s->report = gort_text_take(text);
}

static void on_task_error(lgort_host *h, bool is_main, const char *report) {
  (void)is_main;
  uv_mutex_lock(&h->codes.mutex);
  if (!gort_is_stopping(h->rt)) note_report(stock_of(h), "", report);
  uv_mutex_unlock(&h->codes.mutex);
  gort_stop(h->rt, 0);
}

static void on_deadlock(gort *rt, void *arg, const char *report) {
  lgort_host *h = arg;
  (void)rt;
  uv_mutex_lock(&h->codes.mutex);
  note_report(stock_of(h), "all tasks are asleep - deadlock!\n", report);
  uv_mutex_unlock(&h->codes.mutex);
}

static void leave(lgort_host *h, int status) {
  (void)h;
  exit(status);
}

/* ---- a run ------------------------------------------------------------- */

static int new_runtime(stock *s, gort **out) {
  gort_options options = {.preempt = true,
                          .ops = &lgort_ops,
                          .arg = &s->host,
                          .on_deadlock = on_deadlock};
  return gort_new(&options, out);
}

/* The results, or the error, go to who waits. */
static int main_end(lua_State *L, int status, lua_KContext ctx) {
  run *r = (run *)ctx;
  int n = lua_gettop(L);
  r->failed = status != LUA_OK && status != LUA_YIELD;
  if (r->failed) n = 1;
  if (!lua_checkstack(r->from, n + 1)) n = 0;
  lua_xmove(L, r->from, n);
  return 0;
}

static int main_body(lua_State *L) {
  run *r = lua_touserdata(L, 1);
  lua_settop(L, 0);
  luaL_checkstack(L, r->nargs + 4, "too many arguments");
  lua_xmove(r->from, L, r->nargs + 1);
  int status =
      lua_pcallk(L, r->nargs, LUA_MULTRET, 0, (lua_KContext)r, main_end);
  return main_end(L, status, (lua_KContext)r);
}

/* The runtime of the next run takes the place of this one. */
static int renew(stock *s) {
  gort *old = s->host.rt, *fresh;
  while (!gort_stop(old, 1000000000)) continue;
  int rc = new_runtime(s, &fresh);
  if (rc < 0) return rc;
  s->host.rt = fresh;
  gort_destroy(old);
  return 0;
}

static int take_report(lua_State *L, stock *s) {
  char *report = s->report;
  s->report = NULL;
  lua_pushstring(L, report);
  gort_free(report);
  return lua_error(L);
}

/* gort.run(fn, ...): fn's results. */
static int stock_run(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  stock *s = stock_of(vm->host);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  if (s->running) return luaL_error(L, "gort.run: a run is under way");
  if (s->ended) return luaL_error(L, "gort.run: gort has ended");
  run r = {.from = L, .nargs = lua_gettop(L) - 1};
  gort_record *main = lgort_main_record(&s->host, main_body, &r);
  if (!main) return luaL_error(L, "%s", gort_strerror(GORT_ENOMEM));
  s->running = true;
  gort_run(s->host.rt, main);
  int rc = renew(s);
  s->running = false;
  if (s->report && !r.failed) return take_report(L, s);
  gort_free(s->report);
  s->report = NULL;
  if (r.failed) return lua_error(L);
  if (rc < 0) return luaL_error(L, "gort.run: %s", gort_strerror(rc));
  return lua_gettop(L);
}

/* ---- opening and closing ----------------------------------------------- */

/* The state is gone. When os.exit has closed it in a run, the task that did
 * so still uses us, and ends the process. */
static void free_stock(stock *s) {
  if (s->running) return;
  if (s->host.rt) { /* not when opening has failed early */
    gort_destroy(s->host.rt);
    lgort_abandon_state(&s->vm);
    lgort_codes_fini(&s->host.codes);
  }
  gort_free(s);
}

/* The allocator of a state that closes. */
static void *last_memory(void *ud, void *ptr, size_t osize, size_t nsize) {
  stock *s = ud;
  bool last = nsize == 0 && ptr == s->last;
  void *moved = s->alloc(s->alloc_user, ptr, osize, nsize);
  if (last) free_stock(s);
  return moved;
}

static int stock_gc(lua_State *L) {
  stock *s = *(stock **)lua_touserdata(L, 1);
  if (!s || s->ended) return 0;
  s->ended = true;
  s->alloc = lua_getallocf(L, &s->alloc_user);
  /* The main thread comes first in the state's block, its extra space before
   * all else. */
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  s->last = lua_getextraspace(lua_tothread(L, -1));
  lua_setallocf(L, last_memory, s);
  return 0;
}

static stock *new_stock(lua_State *L) {
  stock **owner = lua_newuserdatauv(L, sizeof(stock *), 0);
  *owner = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, stock_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
  stock *s = gort_malloc(sizeof *s);
  if (!s) {
    luaL_error(L, "gort: %s", gort_strerror(GORT_ENOMEM));
    abort();
  }
  memset(s, 0, sizeof *s);
  *owner = s;
  s->host.on_task_error = on_task_error;
  s->host.leave = leave;
  s->host.adopted = &s->vm;
  s->vm.host = &s->host;
  return s;
}

__attribute__((visibility("default"))) int luaopen_gort(lua_State *L);

int luaopen_gort(lua_State *L) {
  if (lgort_is_adopted(L)) return luaL_error(L, "gort is loaded already");
  stock *s = new_stock(L);
  int rc = lgort_codes_init(&s->host.codes);
  lgort_adopt_state(L, &s->vm);
  if (rc == 0) rc = new_runtime(s, &s->host.rt);
  if (rc < 0) return luaL_error(L, "gort: %s", gort_strerror(rc));
  lgort_open_adopted(L, &s->vm);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "gort");
  lua_pushcfunction(L, stock_run);
  lua_setfield(L, -2, "run");
  return 1;
}
