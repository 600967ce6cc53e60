/* SPDX-License-Identifier: MIT */
/* test_calls.c - calls between two vms while each allocation fails in turn: an
 * error comes, nothing leaks, and both vms go on. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "cross/call.h"
#include "cross/message.h"
#include "sched/vm.h"
#include "support/failing.h"
#include "support/pair.h"
#include "vm/vm.h"

/* What gives a function and its arguments, and what the function gives. */
typedef struct sample {
  const char *name, *call;
  bool plain; /* never needs a message; one with a table may: where that lies */
} sample;

/* The function returns whether what it has got is right. */
static const sample samples[] = {
    {"scalars",
     "local a, b = 1, 'x' "
     "return function(c, d) return a == 1 and b == 'x' and c == 2.5 "
     "and d == nil end, 2.5, nil",
     true},
    {"a pure function, twice",
     "local function f(n, g) return n == 0 or f(n - 1, g) and f == g end "
     "return f, 3, f",
     true},
    {"functions in functions",
     "local name, t, ch = ('n'):rep(50), {1, k = 'v'}, chan(1) "
     "local function pure() return 5 end "
     "local function inner() return pure(), name, t end "
     "local function outer() return inner() end "
     "return function(g, u) local five, s, r = outer() return five == 5 and "
     "s == name and r[1] == 1 and r.k == 'v' and g == nil and u[1] == 7 and "
     "ch:cap() == 1 end, nil, {7}",
     false},
    {"a function that captures itself and more",
     "local step, text = 1, ('t'):rep(60) local function down(n) "
     "if n == 0 then return text == ('t'):rep(60) end return down(n - step) "
     "end return down, 5",
     true},
    {"functions as arguments",
     "local k = {3} local function pure(n) return n end "
     "local function other() return k end "
     "return function(a, b, c) return a(4) == 4 and b()[1] == 3 and a == c "
     "end, "
     "pure, other, pure",
     false},
    {"two closures of one prototype",
     "local f = {} for i = 1, 2 do f[i] = function() return 1 end end "
     "return function(a, b) return a ~= b and a() == b() end, f[1], f[2]",
     false},
    {"a table that is there twice",
     "local t = {1} return function(a) return a == t end, t", false},
    {"variables that functions share",
     "local n = 0 local function add() n = n + 1 end "
     "local function get() return n end "
     "return function() add() add() return get() == 2 end",
     false},
    {"deep functions",
     "local f = function() return 0 end for i = 1, 12 do local g = f "
     "f = function() return g() + i end end local h = f "
     "return function() return h() == 78 end",
     false},
    {"a global",
     "x = {2} function helper() return x end "
     "return function() return helper()[1] == 2 end",
     false},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* ---- one call ---------------------------------------------------------- */

/* Stack: the function, its arguments, where to put the record. */
static int make(lua_State *L) {
  gort_record **out = lua_touserdata(L, -1);
  lua_pop(L, 1);
  *out = lgort_call_new(L, lgort_vm_of(L), 1);
  return 0;
}

/* As a task's coroutine does it: its first call, or one that makes use of the
 * function that the last one left (at index 2). Stack: the record. */
static int push_and_call(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_record *r = lua_touserdata(L, 1);
  static lgort_task t;
  lua_settop(L, 0);
  memset(&t, 0, sizeof t);
  if (lgort_call_is_plain(vm, r) && lgort_call_keeps(r, &t)) {
    assert_true(lgort_call_fits(r, &t));
    gort_record *again = lgort_call_copy(r);
    if (!again) luaL_error(L, "not enough memory");
    if (!lgort_hold(&vm->held, LGORT_REF_RECORD, again))
      luaL_error(L, "not enough memory");
    lgort_call_push_function(L, r, false);
    lua_pushvalue(L, 1);
    int top = lua_gettop(L);
    lgort_call_push_arguments(L, r);
    lua_call(L, lua_gettop(L) - top, 1);
    if (!lua_toboolean(L, -1)) luaL_error(L, "the first call is not right");
    lua_settop(L, 1);
    for (int i = 0; i < t.kept_ups; i++) {
      if (i == t.kept_env) continue;
      lua_pushnil(L);
      lua_setupvalue(L, 1, i + 1);
    }
    lgort_call_refill(L, again, 1);
    top = lua_gettop(L);
    lgort_call_push_arguments(L, again);
    lua_call(L, lua_gettop(L) - top, 1);
    return 1;
  }
  int n = lgort_call_push(L, r);
  lua_call(L, n - 1, 1);
  return 1;
}

static bool fine(lua_State *L, int status, const char *what) {
  if (status == LUA_OK) return true;
  if (!strstr(lua_tostring(L, -1), "not enough memory"))
    fail_msg("%s: an odd error: %s", what, lua_tostring(L, -1));
  return false;
}

/* As the turn of a task does it. */
static void next_turn(lgort_vm *vm, int top) {
  lua_settop(vm->L, top);
  lgort_encoder_unwind(&vm->encoder);
  lgort_unhold(&vm->held, 0);
}

/* A record of the call on from's stack; NULL when memory ran out. */
static gort_record *capture(void) {
  lua_State *L = from->L;
  gort_record *r = NULL;
  int n = lua_gettop(L);
  lua_pushcfunction(L, make);
  for (int i = 1; i <= n; i++) lua_pushvalue(L, i);
  lua_pushlightuserdata(L, &r);
  bool done = fine(L, lua_pcall(L, n + 1, 0, 0), "making");
  next_turn(from, n);
  return done ? r : NULL;
}

/* Makes the call in the other vm; frees the record. */
static bool make_call(gort_record *r, const char *name) {
  lua_State *L = to->L;
  lua_settop(L, 0);
  lua_pushcfunction(L, push_and_call);
  lua_pushlightuserdata(L, r);
  bool done = fine(L, lua_pcall(L, 1, 1, 0), "calling");
  if (done && !lua_toboolean(L, -1)) fail_msg("%s: it is not right", name);
  lgort_call_free(r);
  next_turn(to, 0);
  return done;
}

/* The call, and a copy of it that is made first, as a timer does. */
static bool cross(const sample *s) {
  gort_record *r = capture();
  if (!r) return false;
  if (s->plain && !lgort_call_is_plain(to, r)) {
    lgort_call_free(r); /* where memory ran out a message did */
    if (!failing_happened()) fail_msg("%s: it is a message", s->name);
    return true;
  }
  gort_record *copy = lgort_call_copy(r);
  bool done = copy && make_call(copy, s->name);
  return make_call(r, s->name) && done;
}

static void collect(void) {
  for (int i = 0; i < 4; i++) {
    lua_gc(from->L, LUA_GCCOLLECT);
    lua_gc(to->L, LUA_GCCOLLECT);
  }
}

/* ---- the tests --------------------------------------------------------- */

static void fail_each(const sample *s, bool warm, void (*break_at)(long n)) {
  long before = failing_live();
  for (long n = 1;; n += PAIR_STEP) {
    pair_start();
    if (luaL_dostring(from->L, s->call) != LUA_OK)
      fail_msg("%s: %s", s->name, lua_tostring(from->L, -1));
    if (warm) assert_true(cross(s));
    break_at(n);
    bool done = cross(s);
    bool failed = failing_happened();
    break_at(0);
    if (!failed) assert_true(done);
    for (int i = 0; i < 2; i++) { /* whatever happened, it works now */
      if (!cross(s)) fail_msg("%s: broken after allocation %ld", s->name, n);
      collect();
    }
    pair_stop();
    if (failing_live() != before)
      fail_msg("%s: allocation %ld failed, %ld blocks leaked", s->name, n,
               failing_live() - before);
    if (!failed) break;
  }
}

static void test_first(void **state) {
  (void)state;
  for (int i = 0; i < SAMPLES; i++) fail_each(&samples[i], false, failing_at);
}

static void test_again(void **state) {
  (void)state;
  for (int i = 0; i < SAMPLES; i++) fail_each(&samples[i], true, failing_at);
}

/* Lua asks again, after a collection, for what it does not get. */
static void test_from(void **state) {
  (void)state;
  for (int i = 0; i < SAMPLES; i++) {
    fail_each(&samples[i], false, failing_from);
    fail_each(&samples[i], true, failing_from);
  }
}

/* ---- calls that are not made ------------------------------------------- */

enum { RECORDS = 300 };

typedef struct heap {
  gort_record *r[RECORDS];
} heap;

static void drop_all(void *arg) {
  heap *h = arg;
  for (int i = 0; i < RECORDS; i++) lgort_call_free(h->r[i]);
}

/* Some are queued when the runtime ends, some another thread drops while more
 * are made of the same functions. */
static void test_dropped(void **state) {
  (void)state;
  long before = failing_live();
  for (int i = 0; i < SAMPLES; i++) {
    static heap heaps[2];
    uv_thread_t thread;
    pair_start();
    assert_int_equal(luaL_dostring(from->L, samples[i].call), LUA_OK);
    for (int k = 0; k < RECORDS; k++)
      assert_non_null(heaps[0].r[k] = capture());
    assert_int_equal(uv_thread_create(&thread, drop_all, &heaps[0]), 0);
    for (int k = 0; k < RECORDS; k++)
      assert_non_null(heaps[1].r[k] = capture());
    uv_thread_join(&thread);
    for (int k = 0; k < RECORDS / 2; k++) gort_go(host.rt, heaps[1].r[k]);
    for (int k = RECORDS / 2; k < RECORDS; k++)
      assert_true(make_call(heaps[1].r[k], samples[i].name));
    pair_stop();
    assert_int_equal(failing_live(), before);
  }
}

/* ---- many functions ---------------------------------------------------- */

enum { BEFORE = 31, ALL = 60 };

/* Stack: a function. Makes another one of its code and calls that. */
static int call_twin(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  const lgort_code *code = lgort_code_of(L, vm, 1, 0);
  lgort_push_factory(L, vm, code);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  lua_call(L, 1, 1);
  lua_call(L, 0, 1);
  return 1;
}

/* Function number i on from's stack gives i, and so does its twin; false: for
 * want of memory there is none. */
static bool has_twin(int i) {
  lua_State *L = from->L;
  lua_pushcfunction(L, call_twin);
  lua_pushvalue(L, i);
  bool done = fine(L, lua_pcall(L, 1, 1, 0), "the twin");
  if (done && lua_tointeger(L, -1) != i)
    fail_msg("function %d is taken for %d", i, (int)lua_tointeger(L, -1));
  lua_settop(L, ALL);
  return done;
}

/* What a vm remembers of its functions is made anew when they are many. */
static void test_many(void **state) {
  (void)state;
  long before = failing_live();
  for (long n = 1, failed = 1; failed; n++) {
    pair_start();
    lua_State *L = from->L;
    luaL_checkstack(L, ALL + 10, NULL);
    for (int i = 1; i <= ALL; i++) {
      char text[30];
      snprintf(text, sizeof text, "return %d", i);
      assert_int_equal(luaL_loadstring(L, text), LUA_OK);
    }
    for (int i = 1; i <= BEFORE; i++) assert_true(has_twin(i));
    failing_from(n); /* Lua tries again once */
    for (int i = BEFORE; i <= BEFORE + 3; i++) has_twin(i);
    failed = failing_happened();
    failing_from(0);
    for (int i = 1; i <= ALL; i++) assert_true(has_twin(i));
    pair_stop();
    if (failing_live() != before)
      fail_msg("allocation %ld failed, %ld blocks leaked", n,
               failing_live() - before);
  }
}

int main(void) {
  failing_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first), cmocka_unit_test(test_again),
      cmocka_unit_test(test_from),  cmocka_unit_test(test_dropped),
      cmocka_unit_test(test_many),
  };
  return RUN_GROUP(tests);
}
