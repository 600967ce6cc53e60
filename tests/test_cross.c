/* SPDX-License-Identifier: MIT */
/* test_cross.c - values between two vms while each allocation fails in turn: an
 * error comes, nothing leaks, and both vms go on. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "sched/vm.h"
#include "support/failing.h"
#include "support/pair.h"
#include "vm/vm.h"

/* A value, and a function that tells in the other vm whether it is right. */
typedef struct sample {
  const char *name, *value, *check;
} sample;

static const sample samples[] = {
    {"a flat table", "return {1, 2.5, 'x', a = true}",
     "local t = ... return t[1] == 1 and t[2] == 2.5 and t[3] == 'x' and t.a"},
    {"a long string", "return ('x'):rep(5000)", "return #... == 5000"},
    {"a deep table",
     "local t = {} for i = 1, 300 do t = {t, {}, 'text' .. i} end return t",
     "local t, n = ..., 0 while t[1] do t = t[1] n = n + 1 end return n == "
     "300"},
    {"a cycle", "local t = {} t[1], t.t = t, {t} return t",
     "local t = ... return t[1] == t and t.t[1] == t"},
    {"functions",
     "local n = 1 local function inc() n = n + 1 return n end "
     "return {inc, function() return n, inc end}",
     "local t = ... local a = t[1]() local b, f = t[2]() "
     "return a == 2 and b == 2 and f == t[1]"},
    {"globals",
     "function helper(x) return x .. suffix end suffix = '!' "
     "return function(x) return helper(x), _G.suffix end",
     "local a, b = (...)('a') return a == 'a!' and b == '!'"},
    {"a class",
     "local C = {} C.__index = C function C:get() return self.n, C end "
     "return {setmetatable({n = 3}, C), setmetatable({n = 4}, C)}",
     "local t = ... local n, C = t[1]:get() return n == 3 and t[2]:get() == 4 "
     "and getmetatable(t[1]) == C and getmetatable(t[2]) == C"},
    {"classes that need each other",
     "local A, B = {}, {} A.__index, B.__index, A.b, B.a = A, B, B, A "
     "A.one = setmetatable({}, A) function total() return sum end sum = 7 "
     "function A:total() return total() end "
     "return {setmetatable({}, A), setmetatable({}, B)}",
     "local t = ... local A, B = getmetatable(t[1]), getmetatable(t[2]) "
     "return A.b == B and B.a == A and getmetatable(A.one) == A "
     "and t[1]:total() == 7"},
    {"modules", "return {string, table.insert, require 'gort.time'}",
     "local t = ... return t[1] == string and t[2] == table.insert and "
     "t[3] == require 'gort.time'"},
    {"handles", "local c = chan(2) return {c, c:sender(), c}",
     "local t = ... return t[1] == t[3] and t[1]:cap() == 2"},
    {"a userdata that is made anew",
     "local u = io.tmpfile() local mt = getmetatable(u) "
     "mt.__gort_transfer = function() return string.rep, 'ab', 3 end "
     "return {u, u}",
     "local t = ... return t[1] == 'ababab' and t[2] == t[1]"},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* ---- one crossing ------------------------------------------------------ */

static int encode(lua_State *L) {
  static const lgort_subject subject = {"send", "value", false};
  lgort_encode(L, lgort_vm_of(L), 1, &subject, lua_touserdata(L, 2));
  return 0;
}

static int decode(lua_State *L) {
  gort_value *v = lua_touserdata(L, 2);
  lua_settop(L, 1);
  lgort_decode(L, lgort_vm_of(L), v);
  return 1;
}

/* As the turn of a task does it. */
static void next_turn(lgort_vm *vm) {
  lua_settop(vm->L, 1);
  lgort_encoder_unwind(&vm->encoder);
  lgort_unhold(&vm->held, 0);
}

static bool call(lgort_vm *vm, lua_CFunction f, gort_value *v, int nres) {
  lua_State *L = vm->L;
  lua_pushcfunction(L, f);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, v);
  int status = lua_pcall(L, 2, nres, 0);
  if (status != LUA_OK && !strstr(lua_tostring(L, -1), "not enough memory"))
    fail_msg("an odd error: %s", lua_tostring(L, -1));
  return status == LUA_OK;
}

/* From's value (at index 1 of its stack) to the other vm, whose index 1 holds
 * the check. False when memory ran out. */
static bool cross(void) {
  gort_value v = {0};
  bool done = call(from, encode, &v, 0) && call(to, decode, &v, 1);
  gort_value_drop(&v);
  if (done) {
    lua_State *L = to->L;
    lua_pushvalue(L, 1);
    lua_insert(L, -2);
    int status = lua_pcall(L, 1, 1, 0);
    if (status != LUA_OK && !strstr(lua_tostring(L, -1), "not enough memory"))
      fail_msg("the check: %s", lua_tostring(L, -1));
    if (status == LUA_OK && !lua_toboolean(L, -1)) fail_msg("it is not right");
    done = status == LUA_OK;
  }
  next_turn(from);
  next_turn(to);
  return done;
}

static void collect(void) {
  for (int i = 0; i < 4; i++) {
    lua_gc(from->L, LUA_GCCOLLECT);
    lua_gc(to->L, LUA_GCCOLLECT);
  }
}

static void prepare(const sample *s) {
  lua_State *L = from->L;
  lua_settop(L, 0);
  assert_int_equal(luaL_dostring(L, s->value), LUA_OK);
  lua_settop(L, 1);
  lua_settop(to->L, 0);
  assert_int_equal(luaL_loadstring(to->L, s->check), LUA_OK);
}

/* ---- the tests --------------------------------------------------------- */

static void fail_each(const sample *s, bool warm) {
  long before = failing_live();
  for (long n = 1;; n += PAIR_STEP) {
    pair_start();
    prepare(s);
    if (warm) assert_true(cross()); /* classes, codes: they are there */
    failing_at(n);
    bool done = cross();
    bool failed = failing_happened();
    failing_at(0);
    if (!failed) assert_true(done);
    for (int i = 0; i < 2; i++) { /* whatever happened, it works now */
      if (!cross()) fail_msg("%s: broken after allocation %ld", s->name, n);
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
  for (int i = 0; i < SAMPLES; i++) fail_each(&samples[i], false);
}

static void test_again(void **state) {
  (void)state;
  for (int i = 0; i < SAMPLES; i++) fail_each(&samples[i], true);
}

int main(void) {
  failing_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first),
      cmocka_unit_test(test_again),
  };
  return RUN_GROUP(tests);
}
