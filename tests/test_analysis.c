/* test_analysis.c - what the analysis tells of functions.
 *
 * SPDX-License-Identifier: MIT */
#include "support/dumps.h"

#include <stdio.h>
#include <string.h>

#include "cross/analysis.h"
#include "gort.h"

/* Analyses the function that code returns. */
static lgort_analysis *analyse_as(const char *code, int strip) {
  lgort_analysis *a = NULL;
  run(code, "@code.lua");
  bytes b = dump_top(strip);
  int env = env_index();
  assert_int_equal(lgort_analyse(b.p, b.len, env, &a), 0);
  memset(b.p, 'x', b.len); /* the result must not point in here */
  free(b.p);
  lua_pop(L, 1);
  return a;
}

static lgort_analysis *analyse(const char *code) { return analyse_as(code, 0); }

static const lgort_upinfo *find_up(const lgort_analysis *a, const char *name) {
  for (int i = 0; i < a->nups; i++) {
    if (a->ups[i].name != NULL && strcmp(a->ups[i].name, name) == 0)
      return &a->ups[i];
  }
  fail_msg("no upvalue %s", name);
  return NULL;
}

/* The one global of that name, or NULL. */
static const lgort_global *find_global(const lgort_analysis *a,
                                       const char *name) {
  const lgort_global *found = NULL;
  for (size_t i = 0; i < a->nglobals; i++) {
    const lgort_global *g = &a->globals[i];
    assert_int_equal(strlen(g->name), g->len);
    if (strcmp(g->name, name) != 0) continue;
    assert_null(found);
    found = g;
  }
  return found;
}

/* Flags: r read, w written, e escapes; "-" for a global that isn't there. */
static void check_global(const lgort_analysis *a, const char *name,
                         const char *flags) {
  char have[8] = "-";
  const lgort_global *g = find_global(a, name);
  if (g != NULL)
    snprintf(have, sizeof have, "%s%s%s", g->read ? "r" : "",
             g->written ? "w" : "", g->escapes ? "e" : "");
  if (strcmp(have, flags) != 0)
    fail_msg("global %s is '%s', not '%s'", name, have, flags);
}

static int count_field(const lgort_analysis *a, const char *global,
                       const char *field) {
  int n = 0;
  for (size_t i = 0; i < a->nfields; i++) {
    assert_int_equal(strlen(a->fields[i].global), a->fields[i].global_len);
    assert_int_equal(strlen(a->fields[i].field), a->fields[i].field_len);
    n += strcmp(a->fields[i].global, global) == 0 &&
         strcmp(a->fields[i].field, field) == 0;
  }
  return n;
}

static int count_method(const lgort_analysis *a, const char *name) {
  int n = 0;
  for (size_t i = 0; i < a->nmethods; i++)
    n += strcmp(a->methods[i].s, name) == 0;
  return n;
}

static void test_plain(void **state) {
  (void)state;
  lgort_analysis *a = analyse("local x, y = 1, 2\n"
                              "return function(a, b)\n"
                              "  return a + b + x + y\n"
                              "end");
  assert_int_equal(a->nups, 2);
  assert_string_equal(a->ups[0].name, "x");
  assert_int_equal(a->ups[0].name_len, 1);
  assert_false(a->ups[0].assigned || a->ups[1].assigned);
  assert_int_equal(a->ups[0].line, 0);
  assert_int_equal(a->nglobals + a->nfields + a->nmethods, 0);
  assert_false(a->env_escapes);
  assert_int_equal(a->nparams, 2);
  assert_false(a->is_vararg);
  assert_int_equal(a->linedefined, 2);
  assert_int_equal(a->lastlinedefined, 4);
  assert_string_equal(a->source, "@code.lua");
  assert_int_equal(a->source_len, 9);
  lgort_analysis_free(a);
  lgort_analysis_free(NULL);
}

static void test_varargs(void **state) {
  (void)state;
  lgort_analysis *a = analyse("return function(a, ...) return ... end");
  assert_int_equal(a->nparams, 1);
  assert_true(a->is_vararg);
  assert_int_equal(a->nups, 0);
  lgort_analysis_free(a);
}

static void test_assignment(void **state) {
  (void)state;
  lgort_analysis *a = analyse("local count, other, deep = 0, 0, 0\n" /* 1 */
                              "return function()\n"
                              "  local mine = other\n"
                              "  local function f()\n"
                              "    mine = mine + 1\n" /* 5 */
                              "    return function()\n"
                              "      deep = 7\n"
                              "      count = 3\n"
                              "    end\n"
                              "  end\n" /* 10 */
                              "  count = count + 1\n"
                              "  count = 2\n"
                              "  return f\n"
                              "end");
  assert_int_equal(a->nups, 3);
  assert_true(find_up(a, "count")->assigned);
  assert_int_equal(find_up(a, "count")->line, 8); /* not the first visited */
  assert_true(find_up(a, "deep")->assigned);
  assert_int_equal(find_up(a, "deep")->line, 7);
  assert_false(find_up(a, "other")->assigned);
  lgort_analysis_free(a);
}

static void test_far_lines(void **state) {
  (void)state;
  /* Over 127 lines apart, and over 128 instructions: absolute line marks. */
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  luaL_addstring(&buf, "local a, b, c = 0, 0, 0\nreturn function(t)\n");
  for (int i = 3; i < 400; i++)
    luaL_addstring(&buf, i % 2 ? "t.x = t.y + 1\n" : "\n");
  luaL_addstring(&buf, "a = 1\n"); /* line 400 */
  for (int i = 401; i < 1000; i++) luaL_addstring(&buf, "\n");
  luaL_addstring(&buf, "b = 1\n"); /* line 1000 */
  luaL_addstring(&buf, "t(\n\n\n\n1) c = 1\nend");
  luaL_pushresult(&buf);
  lgort_analysis *a = analyse(lua_tostring(L, -1));
  assert_int_equal(find_up(a, "a")->line, 400);
  assert_int_equal(find_up(a, "b")->line, 1000);
  assert_int_equal(find_up(a, "c")->line, 1005);
  lgort_analysis_free(a);
  lua_pop(L, 1);
}

static void test_recursion(void **state) {
  (void)state;
  lgort_analysis *a = analyse("local function f() return f() end return f");
  assert_int_equal(a->nups, 1);
  assert_string_equal(a->ups[0].name, "f");
  assert_false(a->ups[0].assigned);
  lgort_analysis_free(a);
}

static void test_one_line(void **state) {
  (void)state;
  lgort_analysis *a = analyse(
      "local a, b = function() return p end, function() q = 1 end return b");
  check_global(a, "p", "-");
  check_global(a, "q", "w");
  assert_int_equal(find_global(a, "q")->line, 1);
  assert_int_equal(a->linedefined, 1);
  lgort_analysis_free(a);
}

static void test_globals(void **state) {
  (void)state;
  lgort_analysis *a = analyse("return function()\n" /* 1 */
                              "  local x = readonly\n"
                              "  both = both + 1\n"
                              "  local function f()\n"
                              "    nested = helper(x)\n" /* 5 */
                              "    return function() deep() end\n"
                              "  end\n"
                              "  both = 3\n"
                              "  nested = 4\n"
                              "  function defined() end\n" /* 10 */
                              "  return f, readonly\n"
                              "end");
  check_global(a, "readonly", "re");
  check_global(a, "both", "rwe");
  check_global(a, "nested", "w");
  check_global(a, "helper", "re");
  check_global(a, "deep", "re");
  check_global(a, "defined", "w");
  check_global(a, "x", "-");
  assert_int_equal(a->nglobals, 6);
  assert_int_equal(find_global(a, "both")->line, 3);
  assert_int_equal(find_global(a, "nested")->line, 5);
  assert_int_equal(find_global(a, "readonly")->line, 0);
  assert_false(a->env_escapes);
  assert_false(find_up(a, "_ENV")->assigned);
  lgort_analysis_free(a);
}

static void test_fields(void **state) {
  (void)state;
  lgort_analysis *a = analyse("return function(s, t)\n"
                              "  local trim = string.trim\n"
                              "  s = string.rep(s, math.pi)\n"
                              "  t = t.field.other\n"
                              "  local f = function() return string.trim end\n"
                              "  return os.deep.er, f\n"
                              "end");
  check_global(a, "string", "r");
  check_global(a, "math", "r");
  check_global(a, "os", "r");
  assert_int_equal(count_field(a, "string", "trim"), 1);
  assert_int_equal(count_field(a, "string", "rep"), 1);
  assert_int_equal(count_field(a, "math", "pi"), 1);
  assert_int_equal(count_field(a, "os", "deep"), 1);
  assert_int_equal(a->nfields, 4);
  assert_int_equal(a->nglobals, 3);
  lgort_analysis_free(a);
}

static void test_escapes(void **state) {
  (void)state;
  static const struct {
    const char *body, *flags, *stripped;
  } cases[] = {
      {"return string.trim", "r", "r"},
      {"local x x = string.trim", "r", "re"},
      {"local s = string local x = s.trim return s", "re", "re"},
      {"local x local s = string x = s.trim return s", "re", "re"},
      {"local s = string return s.trim", "re", "re"},
      {"return string[k]", "re", "re"},
      {"return string[1]", "re", "re"},
      {"string.trim = 1", "re", "re"},
      {"string:trim()", "re", "re"},
      {"return string == 1", "re", "re"},
      {"for k in pairs(string) do end return string.trim", "re", "re"},
      {"return (x and y or string).trim", "r", "r"},
      {"local function f() local y = string return y end", "re", "re"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char code[200];
    snprintf(code, sizeof code, "return function() %s end", cases[i].body);
    lgort_analysis *a = analyse(code);
    check_global(a, "string", cases[i].flags);
    assert_false(a->env_escapes);
    lgort_analysis_free(a);
    a = analyse_as(code, 1);
    check_global(a, "string", cases[i].stripped);
    lgort_analysis_free(a);
  }
}

static void test_methods(void **state) {
  (void)state;
  lgort_analysis *a =
      analyse("local obj = {} return function(s)\n"
              "  s:trim():upper() obj:trim()\n"
              "  return function(x) return x:deep(), ('x'):rep(3) end\n"
              "end");
  assert_int_equal(a->nmethods, 4);
  assert_int_equal(count_method(a, "trim"), 1);
  assert_int_equal(count_method(a, "upper"), 1);
  assert_int_equal(count_method(a, "deep"), 1);
  assert_int_equal(count_method(a, "rep"), 1);
  lgort_analysis_free(a);
}

static void check_env(const char *body, bool escapes) {
  char code[300];
  snprintf(code, sizeof code, "local t = {} return function(k) %s end", body);
  lgort_analysis *a = analyse(code);
  if (a->env_escapes != escapes) fail_msg("env_escapes: %s", body);
  lgort_analysis_free(a);
  a = analyse_as(code, 1);
  if (escapes) assert_true(a->env_escapes);
  lgort_analysis_free(a);
}

static void test_env(void **state) {
  (void)state;
  check_env("x = y", false);
  check_env("_ENV.x = _ENV.y", false);
  check_env("_ENV['x'] = _ENV['y']", false);
  check_env("local _ENV = t return x", false); /* t's field, not a global */
  check_env("local e = _ENV", true);
  check_env("return function() return _ENV end", true);
  check_env("return _ENV[k]", true);
  check_env("return _ENV[1]", true);
  check_env("_ENV[k] = 1", true);
  check_env("_ENV = t", true);
  check_env("function t.f() _ENV = {} end", true);
  check_env("for k in pairs(_ENV) do end", true);
  check_env("local _ENV = _ENV return x", true);
  check_env("local _ENV = setmetatable({}, {__index = _ENV}) x = 1", true);
  check_env("local e = _ENV local x = e.foo", true);
  check_env("local e = _ENV e.foo = 1", true);
  check_env("print(_ENV, '" LONG_NAME "')", true);
  check_env("local e = _ENV return e['" LONG_NAME "']", true);
  check_env("local e = _ENV local x = e['" LONG_NAME "'] return x", true);
  check_env("local e = _ENV local n = '" LONG_NAME "' e[n] = 1", true);
  check_env("return {_ENV, 'a', 'b'}", true);
  check_env("return _ENV .. 'a'", true);
  check_env("return _ENV < '" LONG_NAME "'", true);
  check_env(LONG_NAME " = k", false);
  check_env("return " LONG_NAME " .. " LONG_NAME "." LONG_NAME, false);
}

static void test_env_elsewhere(void **state) {
  (void)state;
  /* The globals table can be any upvalue, or none. */
  run("local x = 1 return function() return x, y, z.w end", "=t");
  bytes b = dump_top(0);
  lgort_analysis *a;
  assert_int_equal(env_index(), 1);
  assert_int_equal(lgort_analyse(b.p, b.len, -1, &a), 0);
  assert_int_equal(a->nglobals, 0);
  assert_false(a->env_escapes);
  lgort_analysis_free(a);
  assert_int_equal(lgort_analyse(b.p, b.len, 1, &a), 0);
  assert_int_equal(a->nglobals, 2);
  assert_int_equal(a->nfields, 1);
  lgort_analysis_free(a);
  a = NULL;
  assert_int_equal(lgort_analyse(b.p, b.len, 2, &a), GORT_EINVAL);
  assert_int_equal(lgort_analyse(b.p, b.len, -2, &a), GORT_EINVAL);
  assert_null(a);
  free(b.p);
  lua_pop(L, 1);
}

static void test_stripped(void **state) {
  (void)state;
  lgort_analysis *a = analyse_as("local n = 0 return function()\n"
                                 "  n = 1 g = string.trim end",
                                 1);
  assert_int_equal(a->nups, 2);
  assert_null(a->ups[0].name);
  assert_true(a->ups[0].assigned);
  assert_int_equal(a->ups[0].line, 0);
  check_global(a, "g", "w");
  assert_int_equal(find_global(a, "g")->line, 0);
  check_global(a, "string", "r");
  assert_null(a->source);
  assert_int_equal(a->linedefined, 1);
  lgort_analysis_free(a);
}

/* A function with n constants before body. */
static const char *many_constants(int n, const char *body) {
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  luaL_addstring(&buf, "local up = {} return function(par)\nlocal t = {");
  for (int i = 0; i < n; i++) {
    lua_pushfstring(L, "'k%d',", i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, "}\n");
  luaL_addstring(&buf, body);
  luaL_addstring(&buf, "\nend");
  luaL_pushresult(&buf);
  return lua_tostring(L, -1);
}

static void test_many_constants(void **state) {
  (void)state;
  static const char body[] = "gw = 1\n" /* line 3 */
                             "gr2 = gr.field\n"
                             "ga, gb = f(1, 2)\n"
                             "gc = gr and 3 or obj.x + 1\n"
                             "gd = par < up\n"
                             "obj:meth(function() inner = 1 end)\n"
                             "ge = {gw, [1] = gr, n = 1, f()}\n"
                             "gf, par.x = par .. 'x', -par\n"
                             "local l = string.trim par = math.pi\n"
                             "function gg(...) end\n";
  static const int counts[] = {300, 140000}; /* past 8 bits; past 17 bits */
  for (int i = 0; i < 2; i++) {
    lgort_analysis *a = analyse(many_constants(counts[i], body));
    assert_false(a->env_escapes);
    check_global(a, "gw", "rwe");
    assert_int_equal(find_global(a, "gw")->line, 3);
    check_global(a, "gr", "re");
    check_global(a, "gr2", "w");
    check_global(a, "ga", "w");
    check_global(a, "gb", "w");
    check_global(a, "gc", "w");
    check_global(a, "gd", "w");
    check_global(a, "ge", "w");
    check_global(a, "gf", "w");
    check_global(a, "gg", "w");
    check_global(a, "f", "re");
    check_global(a, "obj", "re");
    check_global(a, "inner", "w");
    check_global(a, "string", "r");
    check_global(a, "math", "r");
    assert_int_equal(a->nglobals, 15);
    assert_int_equal(count_field(a, "gr", "field"), 1);
    assert_int_equal(count_field(a, "obj", "x"), 1);
    assert_int_equal(count_field(a, "string", "trim"), 1);
    assert_int_equal(count_field(a, "math", "pi"), 1);
    assert_int_equal(count_method(a, "meth"), 1);
    lgort_analysis_free(a);
    lua_pop(L, 1);
  }
  lgort_analysis *a = analyse_as(many_constants(300, "return gr.field"), 1);
  assert_false(a->env_escapes);
  check_global(a, "gr", "r");
  lgort_analysis_free(a);
  lua_pop(L, 1);
}

static void test_many_names(void **state) {
  (void)state;
  enum { N = 20000 };
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  luaL_addstring(&buf, "return function()\n");
  for (int i = 0; i < N; i++) {
    lua_pushfstring(L, "do local x = g%d.f%d x = g%d end\n", i, i % 10, i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, "end");
  luaL_pushresult(&buf);
  lgort_analysis *a = analyse(lua_tostring(L, -1));
  assert_int_equal(a->nglobals, N);
  assert_int_equal(a->nfields, N);
  assert_string_equal(a->globals[N - 1].name, "g19999");
  assert_string_equal(a->fields[N - 1].global, "g19999");
  assert_string_equal(a->fields[N - 1].field, "f9");
  assert_false(a->env_escapes);
  lgort_analysis_free(a);
  lua_pop(L, 1);
}

static void test_many_upvalues(void **state) {
  (void)state;
  push_sum_function(200);
  bytes b = dump_top(0);
  lgort_analysis *a;
  assert_int_equal(lgort_analyse(b.p, b.len, -1, &a), 0);
  assert_int_equal(a->nups, 200);
  assert_string_equal(a->ups[199].name, "v200");
  lgort_analysis_free(a);
  free(b.p);
  lua_pop(L, 1);
}

/* As deep as the compiler goes. */
static void test_deep(void **state) {
  (void)state;
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  for (int i = 0; i < 150; i++) luaL_addstring(&buf, "local function f() ");
  luaL_addstring(&buf, "deepest = 1");
  for (int i = 0; i < 150; i++) luaL_addstring(&buf, " end");
  luaL_addstring(&buf, " return f");
  luaL_pushresult(&buf);
  lgort_analysis *a = analyse(lua_tostring(L, -1));
  check_global(a, "deepest", "w");
  lgort_analysis_free(a);
  lua_pop(L, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DUMPS_TEST(test_plain),      DUMPS_TEST(test_varargs),
      DUMPS_TEST(test_assignment), DUMPS_TEST(test_far_lines),
      DUMPS_TEST(test_recursion),  DUMPS_TEST(test_one_line),
      DUMPS_TEST(test_globals),    DUMPS_TEST(test_fields),
      DUMPS_TEST(test_escapes),    DUMPS_TEST(test_methods),
      DUMPS_TEST(test_env),        DUMPS_TEST(test_env_elsewhere),
      DUMPS_TEST(test_stripped),   DUMPS_TEST(test_many_constants),
      DUMPS_TEST(test_many_names), DUMPS_TEST(test_many_upvalues),
      DUMPS_TEST(test_deep),
  };
  return RUN_GROUP(tests);
}
