/* SPDX-License-Identifier: MIT */
/* test_embed.c - a runtime with Lua, as a host has it. */
#include "support/check.h"

#include <lgort.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

static const int64_t MS = 1000000;

/* ThreadSanitizer lets signals through where it knows the function. */
#if defined(__SANITIZE_THREAD__)
#define TICK "os.time()"
#else
#define TICK ""
#endif

static void nap(int64_t ms) {
  nanosleep(
      &(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
      NULL);
}

static lgort *new_with(const lgort_options *options) {
  lgort *g = NULL;
  alarm(120);
  assert_int_equal(lgort_new(options, &g), 0);
  return g;
}

static void close_all(lgort *g) {
  assert_int_equal(lgort_close(g, GORT_FOREVER), 0);
  alarm(0);
}

static int64_t run_integer(lgort *g, const char *code) {
  gort_value v = gort_nil();
  lgort_with with = {.result = &v};
  assert_int_equal(lgort_run_string(g, code, &with), 0);
  assert_int_equal(v.type, GORT_INTEGER);
  return v.u.i;
}

static void assert_error(lgort *g, const char *part) {
  char *error = lgort_error(g);
  assert_non_null(error);
  if (!strstr(error, part)) fail_msg("'%s' is not in: %s", part, error);
  gort_free(error);
}

/* ---- runs -------------------------------------------------------------- */

static void test_run(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  assert_null(lgort_error(g));
  assert_int_equal(run_integer(g, "x = 6 return x * 7"), 42);
  assert_int_equal(run_integer(g, "return x"), 6);
  gort_value args[2] = {gort_integer(3), gort_nil()}, v;
  assert_int_equal(gort_string("a\0b", 3, &args[1]), 0);
  lgort_with with = {.args = args, .nargs = 2, .result = &v};
  assert_int_equal(
      lgort_run_string(g, "local n, s = ... return s:rep(n)", &with), 0);
  assert_int_equal(v.type, GORT_STRING);
  assert_int_equal(gort_buf_len(v.u.buf), 9);
  assert_memory_equal(gort_buf_bytes(v.u.buf), "a\0ba\0ba\0b", 9);
  gort_value_drop(&v);
  assert_int_equal(args[1].type, GORT_NIL);
  assert_int_equal(run_integer(g,
                               "local c = chan() go(function() c:send(5) end) "
                               "gort.time.sleep(0.001) return (c:recv())"),
                   5);
  close_all(g);
}

static void test_run_errors(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  assert_int_equal(lgort_run_string(g, "error 'oh'", NULL), GORT_ELUA);
  assert_error(g, "oh\nstack traceback:");
  assert_int_equal(lgort_run_string(g, "x = = 1", NULL), GORT_ELUA);
  assert_error(g, "unexpected symbol near '='");
  assert_int_equal(lgort_run_file(g, "/no/such/file.lua", NULL), GORT_ELUA);
  assert_error(g, "/no/such/file.lua");
  gort_value v;
  lgort_with with = {.result = &v};
  assert_int_equal(lgort_run_string(g, "return coroutine.create(print)", &with),
                   GORT_ELUA);
  assert_error(g, "cannot return: result is a coroutine");
  assert_int_equal(run_integer(g, "return 1"), 1); /* it goes on */
  close_all(g);
}

typedef struct runner {
  lgort *g;
  int id, wrong;
} runner;

static void *run_many(void *arg) {
  runner *r = arg;
  for (int i = 0; i < 100; i++) {
    gort_value v = gort_nil(), n = gort_integer(r->id * 1000 + i);
    lgort_with with = {.args = &n, .nargs = 1, .result = &v};
    int rc = lgort_run_string(
        r->g, "local n = ... gort.time.sleep(n % 3 / 1e4) return n + 1", &with);
    if (rc < 0) fprintf(stderr, "run: %s\n", gort_strerror(rc));
    r->wrong += rc != 0 || v.u.i != r->id * 1000 + i + 1;
  }
  return NULL;
}

static void test_runs_at_once(void **state) {
  (void)state;
  enum { N = 6 };
  lgort *g[2] = {new_with(NULL), new_with(NULL)};
  pthread_t t[N];
  runner r[N];
  for (int i = 0; i < N; i++) {
    r[i] = (runner){g[i % 2], i, 0};
    if (pthread_create(&t[i], NULL, run_many, &r[i])) abort();
  }
  for (int i = 0; i < N; i++) {
    pthread_join(t[i], NULL);
    assert_int_equal(r[i].wrong, 0);
  }
  close_all(g[0]);
  close_all(g[1]);
}

/* ---- how a runtime ends ------------------------------------------------ */

static void test_deadlock(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  assert_int_equal(lgort_run_string(g, "chan():recv()", NULL), GORT_EDEADLOCK);
  assert_error(g, "chan receive");
  assert_int_equal(lgort_run_string(g, "return 1", NULL), GORT_EDEADLOCK);
  assert_int_equal(lgort_go_string(g, "return 1", NULL), GORT_ESTOPPED);
  close_all(g);
}

/* A channel of the host's, and a runtime that only has tasks, are none. */
static void *send_late(void *arg) {
  gort_value v = gort_integer(9);
  nap(30);
  gort_chan_send(arg, &v, NULL);
  return NULL;
}

static void test_no_deadlock(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  gort_chan *c;
  pthread_t t;
  assert_int_equal(lgort_go_string(g, "chan():recv()", NULL), 0);
  nap(10);
  assert_int_equal(gort_chan_open(lgort_runtime(g), 0, &c), 0);
  if (pthread_create(&t, NULL, send_late, c)) abort();
  gort_value arg = gort_handle(c), v = gort_nil();
  lgort_with with = {.args = &arg, .nargs = 1, .result = &v};
  assert_int_equal(lgort_run_string(g, "return ((...):recv())", &with), 0);
  assert_int_equal(v.u.i, 9);
  pthread_join(t, NULL);
  gort_chan_leave(lgort_runtime(g), c);
  assert_int_equal(lgort_run_string(g, "chan():recv()", NULL), GORT_EDEADLOCK);
  close_all(g);
}

static void test_task_error_stops(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  assert_int_equal(
      lgort_run_string(g, "go(function() error 'bad' end) chan():recv()", NULL),
      GORT_ETASK);
  assert_error(g, "bad");
  assert_error(g, "created by task");
  assert_int_equal(lgort_run_string(g, "return 1", NULL), GORT_ETASK);
  close_all(g);
}

static char logged[4000];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(void *user, lgort_level level, const char *text) {
  pthread_mutex_lock(&log_lock);
  snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s%d:%s\n",
           (const char *)user, level, text);
  pthread_mutex_unlock(&log_lock);
}

static void note_line(void *user, const char *line, size_t len) {
  pthread_mutex_lock(&log_lock);
  snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s|%.*s",
           (const char *)user, (int)len, line);
  pthread_mutex_unlock(&log_lock);
}

static bool has_logged(const char *part) {
  pthread_mutex_lock(&log_lock);
  bool has = strstr(logged, part) != NULL;
  pthread_mutex_unlock(&log_lock);
  return has;
}

static void test_hooks(void **state) {
  (void)state;
  char me[] = "me";
  lgort_options options = {
      .on_error = LGORT_GO_ON, .log = note, .print = note_line, .user = me};
  *logged = 0;
  lgort *g = new_with(&options);
  assert_int_equal(
      lgort_run_string(g,
                       "local wg = gort.sync.waitgroup() "
                       "go(function() error 'bad' end) "
                       "wg:go(function() print('a', 1) warn('b', 'c') end) "
                       "wg:wait() gort.time.sleep(0.05)",
                       NULL),
      0);
  assert_int_equal(lgort_go_string(g, "error 'worse'", NULL), 0);
  for (int i = 0; i < 500 && !has_logged("worse"); i++) nap(10);
  close_all(g);
  assert_non_null(strstr(logged, "me1:task "));
  assert_non_null(strstr(logged, "bad"));
  assert_non_null(strstr(logged, "created by the host"));
  assert_non_null(strstr(logged, "me|a\t1\n"));
  assert_non_null(strstr(logged, "me0:bc\n"));
}

static void test_exit(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  assert_int_equal(lgort_exit_status(g), -1);
  assert_int_equal(
      lgort_run_string(g, "go(function() os.exit(7) end) chan():recv()", NULL),
      GORT_ESTOPPED);
  assert_int_equal(lgort_exit_status(g), 7);
  close_all(g);
  g = new_with(NULL);
  assert_int_equal(lgort_run_string(g, "os.exit(true, true)", NULL),
                   GORT_ESTOPPED);
  assert_int_equal(lgort_exit_status(g), 0);
  close_all(g);
}

/* ---- deadlines, stuck tasks -------------------------------------------- */

static void with_timeout(lgort *g, int64_t timeout, gort_context **ctx) {
  gort_context_options o = {.cancels = true, .timeout = timeout};
  assert_int_equal(
      gort_context_new(gort_context_background(lgort_runtime(g)), &o, ctx), 0);
}

static void test_contexts(void **state) {
  (void)state;
  lgort_options options = {.preempt = true};
  lgort *g = new_with(&options);
  gort_context *ctx;
  const char *endless[] = {"while true do " TICK " end", "chan():recv()",
                           "while true do pcall(gort.time.sleep, 1) end",
                           ("local c = chan() go(function() while true do "
                            "c:recv() end end) while true do c:send(1) end")};
  for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
    with_timeout(g, 30 * MS, &ctx);
    lgort_with with = {.ctx = ctx};
    assert_int_equal(lgort_run_string(g, endless[i], &with), GORT_EDEADLINE);
    assert_error(g, "context deadline exceeded");
    gort_object_release((gort_object *)(void *)ctx);
  }
  with_timeout(g, GORT_FOREVER, &ctx);
  gort_context_cancel(ctx, NULL);
  lgort_with with = {.ctx = ctx};
  assert_int_equal(lgort_run_string(g, "chan():recv()", &with), GORT_ECANCELED);
  gort_context *later, *child;
  with_timeout(g, 3600 * 1000 * MS, &later);
  close_all(g);
  /* Contexts outlive their runtime. */
  gort_context_options o = {.cancels = true, .timeout = MS};
  assert_int_equal(gort_context_new(later, &o, &child), 0);
  gort_context_cancel(later, NULL);
  assert_int_equal(gort_context_err(child), GORT_ECANCELED);
  gort_object_release((gort_object *)(void *)child);
  gort_object_release((gort_object *)(void *)later);
  gort_object_release((gort_object *)(void *)ctx);
}

static atomic_bool release_stuck, is_stuck;

static int stuck(lua_State *L) {
  (void)L;
  is_stuck = true;
  while (!release_stuck) nap(1);
  return 0;
}

static void *run_stuck(void *arg) {
  return (void *)(intptr_t)lgort_run_string(arg, "stuck()", NULL);
}

static int add_stuck(lua_State *L) {
  lua_pushcfunction(L, stuck);
  lua_setglobal(L, "stuck");
  return 0;
}

static atomic_int gone;

static void *counted(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud, (void)osize;
  if (!ptr && nsize) gone++;
  if (nsize) return realloc(ptr, nsize);
  if (ptr) gone--;
  free(ptr);
  return NULL;
}

static void test_close_stuck(void **state) {
  (void)state;
  lgort_options options = {.init = add_stuck, .alloc = counted};
  for (int in_main = 0; in_main < 2; in_main++) {
    pthread_t t;
    void *rc = NULL;
    release_stuck = is_stuck = false;
    gone = 0;
    lgort *g = new_with(&options);
    if (in_main && pthread_create(&t, NULL, run_stuck, g)) abort();
    if (!in_main) assert_int_equal(lgort_go_string(g, "stuck()", NULL), 0);
    while (!is_stuck) nap(1);
    assert_int_equal(lgort_close(g, 30 * MS), GORT_ETIMEOUT);
    if (in_main) pthread_join(t, &rc); /* comes back all the same */
    assert_int_equal((intptr_t)rc, in_main ? GORT_ESTOPPED : 0);
    assert_true(gone > 0);
    release_stuck = true;
    for (int i = 0; i < 1000 && gone > 0; i++) nap(10);
    assert_int_equal(gone, 0);
    alarm(0);
  }
}

static void test_close_busy(void **state) {
  (void)state;
  const char *busy[] = {
      "while true do " TICK " end",
      "while true do pcall(function() while true do " TICK " end end) end",
      "table.sort({3, 2, 1}, function() while true do " TICK " end end)",
      "string.gsub('a', 'a', function() while true do " TICK " end end)",
      "for _ = 1, 1000 do go(function() chan():recv() end) end chan():recv()",
      "coroutine.wrap(function() while true do " TICK " end end)()",
      "while true do gort.runtime.yield() end",
      "os.execute('sleep 0.2')",
  };
  lgort_options options = {.preempt = true, .on_error = LGORT_GO_ON};
  for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) {
    lgort *g = new_with(&options);
    assert_int_equal(lgort_go_string(g, busy[i], NULL), 0);
    nap(20);
    assert_int_equal(lgort_close(g, 20000 * MS), 0);
  }
  alarm(0);
}

/* ---- limits, modules --------------------------------------------------- */

static void test_memory(void **state) {
  (void)state;
  lgort_options options = {.vm_memory = 4 << 20, .on_error = LGORT_GO_ON};
  lgort *g = new_with(&options);
  const char *eat = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i"
                    " end";
  assert_int_equal(lgort_run_string(g, eat, NULL), GORT_ENOMEM);
  assert_int_equal(lgort_go_string(g, eat, NULL), 0);
  assert_int_equal(run_integer(g, "collectgarbage() return 1"), 1);
  close_all(g);
}

static int twice(lua_State *L) {
  lua_pushinteger(L, 2 * luaL_checkinteger(L, 1));
  return 1;
}

static int open_twice(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, twice);
  lua_setfield(L, -2, "twice");
  return 1;
}

static int init(lua_State *L) {
  lua_pushstring(L, lua_touserdata(L, 1));
  lua_setglobal(L, "greeting");
  return 0;
}

static int init_fails(lua_State *L) { return luaL_error(L, "no init"); }

static void test_modules(void **state) {
  (void)state;
  static const luaL_Reg modules[] = {{"twice", open_twice}, {NULL, NULL}};
  char hello[] = "hello";
  lgort_options options = {.modules = modules, .init = init, .user = hello};
  lgort *g = new_with(&options);
  assert_int_equal(run_integer(g,
                               "local c, t = chan(), require 'twice' "
                               "go(function() c:send(t.twice(#greeting)) end) "
                               "return (c:recv()) + require('twice').twice(1)"),
                   12);
  close_all(g);
  options.init = init_fails;
  assert_int_equal(lgort_new(&options, &g), GORT_ELUA);
}

/* ---- values ------------------------------------------------------------ */

static void test_tables(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  gort_value s, v, table;
  char text[400];
  memset(text, 'y', sizeof text);
  assert_int_equal(gort_string(text, sizeof text, &s), 0);
  lgort_entry fields[] = {
      {NULL, gort_integer(10)}, {NULL, gort_boolean(true)}, {"name", s},
      {"n", gort_float(0.5)},   {"none", gort_nil()},
  };
  assert_int_equal(lgort_table(fields, 5, &table), 0);
  gort_value_drop(&s);
  gort_value args[] = {gort_value_copy(&table)};
  lgort_with with = {.args = args, .nargs = 1, .result = &v};
  assert_int_equal(
      lgort_run_string(g,
                       "local t = ... assert(#t == 2 and t[1] == 10 and t[2] "
                       "and #t.name == 400 and t.n == 0.5 and t.none == nil) "
                       "return { 'a', 2, x = 1.5, y = 'why', z = false }",
                       &with),
      0);
  assert_int_equal(lgort_item_of(&v, 1, &s), 0);
  assert_memory_equal(gort_buf_bytes(s.u.buf), "a", 1);
  gort_value_drop(&s);
  assert_int_equal(lgort_item_of(&v, 2, &s), 0);
  assert_int_equal(s.u.i, 2);
  assert_int_equal(lgort_field_of(&v, "x", &s), 0);
  assert_true(s.type == GORT_FLOAT && s.u.n == 1.5);
  assert_int_equal(lgort_field_of(&v, "y", &s), 0);
  assert_int_equal(gort_buf_len(s.u.buf), 3);
  gort_value_drop(&s);
  assert_int_equal(lgort_field_of(&v, "z", &s), 0);
  assert_true(s.type == GORT_BOOLEAN && !s.u.b);
  assert_int_equal(lgort_field_of(&v, "w", &s), 0);
  assert_int_equal(s.type, GORT_NIL);
  assert_int_equal(lgort_item_of(&v, 3, &s), 0);
  assert_int_equal(s.type, GORT_NIL);
  gort_value_drop(&v);
  assert_int_equal(lgort_field_of(&table, "name", &s), 0);
  assert_int_equal(gort_buf_len(s.u.buf), 400);
  assert_int_equal(lgort_field_of(&s, "name", &v), GORT_EINVAL);
  gort_value_drop(&s);
  lgort_entry wrong[] = {{"t", table}};
  assert_int_equal(lgort_table(wrong, 1, &s), GORT_EINVAL);
  gort_value_drop(&table);
  close_all(g);
}

/* The result of code, which is a table. */
static gort_value run_table(lgort *g, const char *code) {
  gort_value v;
  lgort_with with = {.result = &v};
  assert_int_equal(lgort_run_string(g, code, &with), 0);
  assert_int_equal(v.type, GORT_DATA);
  return v;
}

/* What a table from Lua looks like inside depends on its size, its content and
 * its address; to C they are all the same. */
static void test_fields(void **state) {
  (void)state;
  static const char *const tables[] = {
      "return { 7, 'second', big = ('x'):rep(300), n = -5 }",
      "local t = { 7, 'second', big = ('x'):rep(300), n = -5 }"
      " for i = 1, 200 do t['k' .. i] = ('y'):rep(i) end return t",
      "local t = { 7, 'second', big = ('x'):rep(300), n = -5, f = print,"
      " ch = require('gort').chan(), g = function() return tables end }"
      " t.self, t.inner = t, { n = 1 } return t",
      "return setmetatable({ 7, 'second', big = ('x'):rep(300), n = -5,"
      " m = string }, { __index = {} })",
  };
  lgort *g = new_with(NULL);
  gort_value s;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    gort_value v = run_table(g, tables[i]);
    assert_int_equal(lgort_item_of(&v, 1, &s), 0);
    assert_int_equal(s.u.i, 7);
    assert_int_equal(lgort_item_of(&v, 2, &s), 0);
    assert_memory_equal(gort_buf_bytes(s.u.buf), "second", 6);
    gort_value_drop(&s);
    assert_int_equal(lgort_field_of(&v, "big", &s), 0);
    assert_int_equal(gort_buf_len(s.u.buf), 300);
    gort_value_drop(&s);
    assert_int_equal(lgort_field_of(&v, "n", &s), 0);
    assert_true(s.type == GORT_INTEGER && s.u.i == -5);
    assert_int_equal(lgort_field_of(&v, "none", &s), 0);
    assert_int_equal(s.type, GORT_NIL);
    static const char *const others[] = {"f", "ch", "g", "self", "inner"};
    for (size_t k = 0; i == 2 && k < 5; k++)
      assert_int_equal(lgort_field_of(&v, others[k], &s), GORT_EINVAL);
    gort_value_drop(&v);
  }
  gort_value v = gort_nil();
  lgort_with with = {.result = &v};
  assert_int_equal(lgort_run_string(g, "return string", &with), 0);
  assert_int_equal(lgort_field_of(&v, "len", &s), GORT_EINVAL);
  gort_value_drop(&v);
  close_all(g);
}

/* Wherever Lua's allocator puts them: some lie where a class might. */
static void test_fields_of_many(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  gort_chan *c;
  assert_int_equal(gort_chan_open(lgort_runtime(g), 64, &c), 0);
  gort_value args[] = {gort_handle(c)}, v, n;
  lgort_with with = {.args = args, .nargs = 1};
  assert_int_equal(lgort_go_string(g,
                                   "local ch, kept = ..., {}\n"
                                   "for i = 1, 20000 do\n"
                                   "  kept[i] = { n = i }\n"
                                   "  ch:send(kept[i])\n"
                                   "end\n"
                                   "ch:close()\n",
                                   &with),
                   0);
  for (int i = 1; i <= 20000; i++) {
    assert_int_equal(gort_chan_recv(c, &v, NULL), 1);
    assert_int_equal(lgort_field_of(&v, "n", &n), 0);
    assert_int_equal(n.u.i, i);
    gort_value_drop(&v);
  }
  gort_chan_leave(lgort_runtime(g), c);
  close_all(g);
}

/* An object: shared, counted. */
typedef struct tally {
  atomic_int refs, n;
} tally;

static tally *check_tally(lua_State *L, int idx) {
  return *(tally **)luaL_checkudata(L, idx, "tally");
}

static void *tally_pack(lua_State *L, int idx) {
  tally *t = check_tally(L, idx);
  t->refs++;
  return t;
}

static void tally_unpack(lua_State *L, void *packed) {
  tally **u = lua_newuserdatauv(L, sizeof(tally *), 0);
  *u = packed;
  (*u)->refs++;
  luaL_setmetatable(L, "tally");
}

static void tally_drop(void *packed) { ((tally *)packed)->refs--; }

static const lgort_transfer how = {LGORT_TRANSFER_VERSION, NULL, tally_pack,
                                   tally_unpack, tally_drop};
static const lgort_transfer other = {LGORT_TRANSFER_VERSION, NULL, tally_pack,
                                     tally_unpack, tally_drop};

static int tally_gc(lua_State *L) {
  tally_drop(check_tally(L, 1));
  return 0;
}

static int tally_add(lua_State *L) {
  check_tally(L, 1)->n += (int)luaL_checkinteger(L, 2);
  return 0;
}

static int init_tally(lua_State *L) {
  luaL_newmetatable(L, "tally");
  lua_pushcfunction(L, tally_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, tally_add);
  lua_setfield(L, -2, "__call");
  lua_pushlightuserdata(L, (void *)(uintptr_t)&how);
  lua_setfield(L, -2, LGORT_TRANSFER);
  return 0;
}

static void test_objects(void **state) {
  (void)state;
  tally t = {.refs = 1};
  lgort_options options = {.init = init_tally};
  lgort *g = new_with(&options);
  gort_value args[1], v;
  assert_int_equal(lgort_object(&how, &t, &args[0]), 0);
  assert_ptr_equal(lgort_object_of(&args[0], &how), &t);
  assert_null(lgort_object_of(&args[0], &other));
  lgort_with with = {.args = args, .nargs = 1, .result = &v};
  assert_int_equal(
      lgort_run_string(g,
                       "local t = ... t(2) local wg = gort.sync.waitgroup() "
                       "for i = 1, 4 do wg:go(function() t(10) end) end "
                       "wg:wait() return t",
                       &with),
      0);
  assert_int_equal(t.n, 42);
  assert_ptr_equal(lgort_object_of(&v, &how), &t);
  assert_null(lgort_object_of(&v, &other));
  gort_value_drop(&v);
  close_all(g);
  assert_int_equal(t.refs, 0);
}

/* ---- functions that park ----------------------------------------------- */

typedef struct sum {
  lua_Integer n, result;
  uv_timer_t timer;
} sum;

static atomic_int dropped;

static void sum_drop(void *data) {
  (void)data;
  dropped++;
}

static void sum_work(void *data) {
  sum *s = data;
  nap(s->n);
  s->result = s->n * 2;
}

static int sum_k(lua_State *L, int status, lua_KContext ctx) {
  sum *s = lgort_pending_data((lgort_pending *)ctx);
  if (status < 0) return luaL_error(L, "%s", gort_strerror(status));
  lua_pushinteger(L, s->result);
  return 1;
}

static int on_pool(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  gort_limit limit = lgort_opt_limit(L, 2);
  lgort_pending *p = lgort_pending_new(L, sizeof(sum), sum_drop);
  ((sum *)lgort_pending_data(p))->n = n;
  int rc = lgort_pending_work(p, sum_work);
  if (rc < 0) return luaL_error(L, "%s", gort_strerror(rc));
  return lgort_await(L, p, &limit, (lua_KContext)p, sum_k);
}

static void timer_closed(uv_handle_t *h) { lgort_pending_done(h->data); }

static void timer_fired(uv_timer_t *t) {
  sum *s = lgort_pending_data(t->data);
  s->result = s->n * 2;
  uv_close((uv_handle_t *)t, timer_closed);
}

static int on_loop(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  gort_limit limit = lgort_opt_limit(L, 2);
  lgort_pending *p = lgort_pending_new(L, sizeof(sum), sum_drop);
  sum *s = lgort_pending_data(p);
  s->n = n;
  uv_timer_init(lgort_loop(L), &s->timer);
  s->timer.data = p;
  uv_timer_start(&s->timer, timer_fired, (uint64_t)n, 0);
  return lgort_await(L, p, &limit, (lua_KContext)p, sum_k);
}

static int init_parking(lua_State *L) {
  lua_pushcfunction(L, on_pool);
  lua_setglobal(L, "on_pool");
  lua_pushcfunction(L, on_loop);
  lua_setglobal(L, "on_loop");
  return 0;
}

static void test_parking(void **state) {
  (void)state;
  lgort_options options = {.init = init_parking, .workers = 2};
  const char *code = "local f = f or ... "
                     "local results = chan(100) "
                     "for i = 1, 100 do "
                     "  go(function() results:send(_G[f](i % 10)) end) "
                     "end "
                     "local total = 0 "
                     "for _ = 1, 100 do total = total + results:recv() end "
                     "local ok, err = pcall(_G[f], 300, 0.001) "
                     "assert(not ok and err:find 'timeout', err) "
                     "local ctx, cancel = gort.context.with_timeout("
                     "  gort.context.background(), 0.001) "
                     "local ended = chan(1) "
                     "ctx:go(function() "
                     "  ended:send((select(2, pcall(_G[f], 300)))) "
                     "end) "
                     "return total";
  const char *names[] = {"on_pool", "on_loop"};
  for (int i = 0; i < 2; i++) {
    lgort *g = new_with(&options);
    gort_value v, name;
    dropped = 0;
    gort_string(names[i], 7, &name);
    lgort_with with = {.args = &name, .nargs = 1, .result = &v};
    int rc = lgort_run_string(g, code, &with);
    char *error = lgort_error(g);
    if (error) fail_msg("%s", error);
    assert_int_equal(rc, 0);
    assert_int_equal(v.u.i, 900);
    nap(10);
    close_all(g); /* with work under way */
    assert_int_equal(dropped, 102);
  }
}

/* A run that only waits for C is no deadlock. */
static void test_parking_holds(void **state) {
  (void)state;
  lgort_options options = {.init = init_parking};
  lgort *g = new_with(&options);
  assert_int_equal(run_integer(g, "return on_pool(50)"), 100);
  assert_int_equal(run_integer(g, "return on_loop(50)"), 100);
  close_all(g);
}

/* ---- from inside, dumps ------------------------------------------------ */

static int inside(lua_State *L) {
  lgort *g = lgort_of(L);
  gort_value v = gort_integer(1);
  lgort_with with = {.args = &v, .nargs = 1};
  lua_pushinteger(L, lgort_run_string(g, "return 1", &with));
  lua_pushinteger(L, lgort_close(g, 0));
  lua_pushinteger(L, lgort_go_string(g, "return 1", NULL));
  return 3;
}

static int init_inside(lua_State *L) {
  lua_pushcfunction(L, inside);
  lua_setglobal(L, "inside");
  return 0;
}

static void test_inside(void **state) {
  (void)state;
  lgort_options options = {.init = init_inside};
  lgort *g = new_with(&options);
  assert_int_equal(run_integer(g, "local a, b, c = inside() "
                                  "return a == b and c == 0 and a or 0"),
                   GORT_EWORKER);
  close_all(g);
}

static int task_of_c(lua_State *L) {
  gort_value v;
  lgort_to_value(L, 2, &v);
  lua_getfield(L, 1, "try_send");
  lua_pushvalue(L, 1);
  lgort_push_value(L, &v);
  lua_call(L, 2, 0);
  return 0;
}

static void test_go(void **state) {
  (void)state;
  lgort *g = new_with(NULL);
  gort *rt = lgort_runtime(g);
  gort_chan *c;
  gort_value v;
  assert_int_equal(gort_chan_open(rt, 1, &c), 0);
  gort_value args[2] = {gort_handle(c), gort_integer(3)};
  lgort_with with = {.args = args, .nargs = 2};
  assert_int_equal(lgort_go(g, task_of_c, &with), 0);
  assert_int_equal(gort_chan_recv(c, &v, NULL), 1);
  assert_int_equal(v.u.i, 3);
  args[0] = gort_handle(c);
  with.nargs = 1;
  assert_int_equal(
      lgort_go_string(g, "local c = ... x = 1 c:send(x) c:send(x)", &with), 0);
  assert_int_equal(gort_chan_recv(c, &v, NULL), 1);
  assert_int_equal(run_integer(g, "return x == nil and 1 or 0"), 1);
  assert_int_equal(lgort_go_string(g, "chan():recv()", NULL), 0);
  nap(20);
  gort_text *text = gort_text_new();
  assert_int_equal(gort_dump_all(rt, 2000 * MS, text), 0);
  char *dump = gort_text_take(text);
  assert_non_null(strstr(dump, "[chan receive]"));
  assert_non_null(strstr(dump, "created by the host"));
  gort_free(dump);
  gort_stats stats;
  gort_get_stats(rt, &stats);
  assert_true(stats.tasks >= 1 && stats.vms >= 1);
  gort_chan_leave(rt, c);
  close_all(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_run),
      cmocka_unit_test(test_run_errors),
      cmocka_unit_test(test_runs_at_once),
      cmocka_unit_test(test_deadlock),
      cmocka_unit_test(test_no_deadlock),
      cmocka_unit_test(test_task_error_stops),
      cmocka_unit_test(test_hooks),
      cmocka_unit_test(test_exit),
      cmocka_unit_test(test_contexts),
      cmocka_unit_test(test_close_stuck),
      cmocka_unit_test(test_close_busy),
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_modules),
      cmocka_unit_test(test_tables),
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_fields_of_many),
      cmocka_unit_test(test_objects),
      cmocka_unit_test(test_parking),
      cmocka_unit_test(test_parking_holds),
      cmocka_unit_test(test_inside),
      cmocka_unit_test(test_go),
  };
  return RUN_GROUP(tests);
}
