/* test_factory.c - factories make closures like the function's own.
 *
 * SPDX-License-Identifier: MIT */
#include "support/dumps.h"

#include <stdio.h>
#include <string.h>

#include "cross/factory.h"
#include "gort.h"

/* Replaces the function on the top of the stack by its factory. */
static void make_factory(int strip) {
  bytes b = dump_top(strip);
  void *out = NULL;
  size_t len = 0;
  assert_int_equal(lgort_factory_build(b.p, b.len, &out, &len), 0);
  free(b.p);
  lua_pop(L, 1);
  if (luaL_loadbufferx(L, out, len, "=factory", "b") != 0)
    fail_msg("%s", lua_tostring(L, -1));
  gort_free(out);
  assert_null(lua_getupvalue(L, -1, 1));
}

/* Calls the function on the top with no arguments for an integer. */
static lua_Integer call_integer(void) {
  lua_call(L, 0, 1);
  assert_true(lua_isinteger(L, -1));
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static void test_factory(void **state) {
  (void)state;
  run("local a, b = 0, 0 return function() a = a + 1 return a * 100 + b end",
      "@f.lua");
  make_factory(0);
  for (int i = 1; i <= 2; i++) { /* two closures that share nothing */
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 10 * i);
    lua_pushinteger(L, i);
    lua_call(L, 2, 1);
  }
  static const struct {
    int closure;
    lua_Integer result;
  } calls[] = {{2, 1101}, {2, 1201}, {3, 2102}, {2, 1301}, {3, 2202}};
  lua_gc(L, LUA_GCCOLLECT);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    lua_pushvalue(L, calls[i].closure);
    assert_int_equal(call_integer(), calls[i].result);
  }
  assert_ptr_not_equal(lua_upvalueid(L, 2, 1), lua_upvalueid(L, 3, 1));
  assert_ptr_not_equal(lua_upvalueid(L, 2, 1), lua_upvalueid(L, 2, 2));
  /* Upvalues can be joined, as shared captures need it. */
  lua_upvaluejoin(L, 3, 1, 2, 1);
  lua_pushvalue(L, 3);
  assert_int_equal(call_integer(), 1402);
  /* Too few values: the rest is nil; too many: ignored. */
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 1);
  lua_call(L, 1, 1);
  assert_string_equal(lua_getupvalue(L, -1, 2), "b");
  assert_true(lua_isnil(L, -1));
  lua_settop(L, 1);
  for (int i = 0; i < 10; i++) lua_pushinteger(L, i);
  lua_call(L, 10, LUA_MULTRET);
  assert_int_equal(lua_gettop(L), 1);
  assert_int_equal(call_integer(), 101);
}

static void test_factory_counts(void **state) {
  (void)state;
  static const int counts[] = {0, 1, 2, 3, 127, 128, 200, 250};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    int n = counts[i];
    for (int strip = 0; strip < 2; strip++) {
      push_sum_function(n);
      make_factory(strip);
      luaL_checkstack(L, n + 10, NULL);
      for (int v = 1; v <= n; v++) lua_pushinteger(L, 2 * v);
      lua_call(L, n, 1);
      assert_int_equal(call_integer(), n * (n + 1));
    }
  }
  push_sum_function(251);
  bytes b = dump_top(0);
  void *out = NULL;
  size_t len;
  assert_int_equal(lgort_factory_build(b.p, b.len, &out, &len), GORT_EINVAL);
  assert_null(out);
  free(b.p);
  lua_pop(L, 1);
}

static void test_factory_debug(void **state) {
  (void)state;
  run("local msg = 0\n"
      "return function(par, ...)\n"
      "  local loc = par\n"
      "  local function inner()\n"
      "    error(msg)\n"
      "  end\n"
      "  inner(loc)\n"
      "end",
      "@dir/name.lua");
  make_factory(0);
  lua_pushglobaltable(L);
  lua_pushstring(L, "boom");
  lua_call(L, 2, 1);
  lua_Debug ar;
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">Su", &ar);
  assert_string_equal(ar.source, "@dir/name.lua");
  assert_int_equal(ar.linedefined, 2);
  assert_int_equal(ar.lastlinedefined, 8);
  assert_int_equal(ar.nparams, 1);
  assert_true(ar.isvararg);
  assert_string_equal(ar.what, "Lua");
  assert_string_equal(lua_getupvalue(L, -1, 2), "msg");
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  assert_string_equal(lua_getlocal(L, NULL, 1), "par");
  assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_ERRRUN);
  assert_string_equal(lua_tostring(L, -1), "dir/name.lua:5: boom");
  lua_settop(L, 0);
}

/* A closure from a factory dumps like the original, byte for byte but for the
 * upvalue descriptors; and a factory can be made from it again. */
static void test_factory_again(void **state) {
  (void)state;
  run("local a = 1 return function() return a end", "=x");
  bytes before = dump_top(0);
  make_factory(0);
  lua_pushinteger(L, 5);
  lua_call(L, 1, 1);
  bytes after = dump_top(0);
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.p, after.p, before.len);
  make_factory(0);
  lua_pushinteger(L, 6);
  lua_call(L, 1, 1);
  assert_int_equal(call_integer(), 6);
  free(before.p);
  free(after.p);
}

static void test_factory_main_chunk(void **state) {
  (void)state;
  /* A loaded chunk is a function too: vararg, line 0, _ENV as upvalue. */
  assert_int_equal(luaL_loadstring(L, "local a = ... return y + a"), 0);
  make_factory(0);
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, 40);
  lua_setfield(L, -2, "y");
  lua_call(L, 1, 1);
  lua_pushinteger(L, 2);
  lua_call(L, 1, 1);
  assert_int_equal(lua_tointeger(L, -1), 42);
  lua_pop(L, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DUMPS_TEST(test_factory),
      DUMPS_TEST(test_factory_counts),
      DUMPS_TEST(test_factory_debug),
      DUMPS_TEST(test_factory_again),
      DUMPS_TEST(test_factory_main_chunk),
  };
  return RUN_GROUP(tests);
}
