/* SPDX-License-Identifier: MIT */
/* test_dump.c - the dump reader, the analysis and the factory, on code from
 * the real compiler and on damaged dumps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "cross/analysis.h"
#include "cross/dump.h"
#include "cross/factory.h"
#include "gort.h"

/* ---- support ---- */

typedef struct bytes {
  char *p;
  size_t len, cap;
} bytes;

static int add_bytes(lua_State *L, const void *p, size_t n, void *ud) {
  bytes *b = ud;
  (void)L;
  if (b->len + n > b->cap) {
    b->cap = (b->len + n) * 2;
    b->p = realloc(b->p, b->cap);
    assert_non_null(b->p);
  }
  memcpy(b->p + b->len, p, n);
  b->len += n;
  return 0;
}

static lua_State *L;

static int setup(void **state) {
  (void)state;
  L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  lua_close(L);
  return 0;
}

static void run(const char *code, const char *name) {
  if (luaL_loadbufferx(L, code, strlen(code), name, "t") != 0 ||
      lua_pcall(L, 0, 1, 0) != 0)
    fail_msg("%s", lua_tostring(L, -1));
}

/* Dumps the function on the top of the stack, which stays. */
static bytes dump_top(int strip) {
  bytes b = {NULL, 0, 0};
  assert_int_equal(lua_type(L, -1), LUA_TFUNCTION);
  assert_int_equal(lua_dump(L, add_bytes, &b, strip), 0);
  b.p = realloc(b.p, b.len); /* exact: ASan sees a read past the end */
  assert_non_null(b.p);
  return b;
}

/* Index of the upvalue that holds the globals table, by value. */
static int env_index(void) {
  int found = -1;
  for (int i = 1; i <= 255 && found < 0; i++) {
    if (lua_getupvalue(L, -1, i) == NULL) break;
    lua_pushglobaltable(L);
    if (lua_rawequal(L, -1, -2)) found = i - 1;
    lua_pop(L, 2);
  }
  return found;
}

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

/* ---- analysis ---- */

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

#define LONG_NAME "a_name_that_is_longer_than_the_forty_bytes_of_a_short_string"

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

/* `return function() return v1 + ... + vn end` over n integer locals. A
 * function can't have over 200 locals: they are spread over two levels. */
static void push_sum_function(int n) {
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  for (int i = 1; i <= n; i++) {
    if (i == 151) luaL_addstring(&buf, "return (function()\n");
    lua_pushfstring(L, "local v%d = %d\n", i, i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, "return function() return 0");
  for (int i = 1; i <= n; i++) {
    lua_pushfstring(L, "+v%d", i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, n > 150 ? " end end)()" : " end");
  luaL_pushresult(&buf);
  run(lua_tostring(L, -1), "=sum");
  lua_remove(L, -2);
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

/* ---- opcodes ---- */

/* The numbers in dump.h, on code whose instructions are known. */
static void test_opcodes(void **state) {
  (void)state;
  static const struct {
    const char *code;
    int ops[8];
  } cases[] = {
      {"local u return function() u = u end",
       {LGORT__OP_GETUPVAL, LGORT__OP_SETUPVAL, -1}},
      {"return function() x = y end",
       {LGORT__OP_GETTABUP, LGORT__OP_SETTABUP, -1}},
      {"return function(t, k) t[k] = t[k] end",
       {LGORT__OP_GETTABLE, LGORT__OP_SETTABLE, -1}},
      {"return function(t) t.a = t.a t[1] = 'k' end",
       {LGORT__OP_GETFIELD, LGORT__OP_SETFIELD, LGORT__OP_SETI, -1}},
      {"return function(t) t:m('k') end",
       {LGORT__OP_SELF, LGORT__OP_LOADK, -1}},
      {"return function(a, b) return a <= b end",
       {LGORT__OP_LE, LGORT__OP_JMP, -1}},
      {"return function(a, b) return a == b end",
       {LGORT__OP_EQ, LGORT__OP_JMP, -1}},
      {"return function(a, b) if a then b() end end",
       {LGORT__OP_TEST, LGORT__OP_JMP, -1}},
      {"return function(a, b) a = a + b end", {34, LGORT__OP_MMBIN, -1}},
      {"return function(a) return a + 1.5 end",
       {22, LGORT__OP_MMBINK, LGORT__OP_RETURN1, -1}},
      {"return function(...) local a <close> = nil return ... end",
       {81, 8, LGORT__OP_TBC, 80, LGORT__OP_RETURN, -1}},
      {"return function() return function() end end",
       {LGORT__OP_CLOSURE, LGORT__OP_RETURN1, -1}},
      {"return function() do local a; local function f() return a end end end",
       {8, LGORT__OP_CLOSURE, LGORT__OP_CLOSE, -1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    run(cases[i].code, "=t");
    bytes b = dump_top(0);
    lgort__dump *d;
    assert_int_equal(lgort__dump_parse(b.p, b.len, &d), 0);
    for (size_t pc = 0; cases[i].ops[pc] >= 0; pc++) {
      int op = (int)lgort__ins_op(lgort__proto_ins(d->main, pc));
      if (op != cases[i].ops[pc])
        fail_msg("%s: instruction %zu is %d", cases[i].code, pc, op);
    }
    lgort__dump_free(d);
    free(b.p);
    lua_pop(L, 1);
  }
}

/* ---- factory ---- */

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

/* ---- damage ---- */

static const char damaged_code[] =
    "local up1, up2 = 1, {}\n"
    "return function(a, ...)\n"
    "  local x <close> = nil\n"
    "  up1 = up1 + 1.5\n"
    "  glob = string.trim(a) .. math.pi .. 'const' .. 12345678\n"
    "  " LONG_NAME " = " LONG_NAME ".x\n"
    "  local function f(n) up1 = n g2 = function() return up2, _ENV end end\n"
    "  for i, v in ipairs(up2) do f(v) a:method(i) end\n"
    "  for i = 1, 10 do if i < 3 then goto done end end ::done::\n"
    "  return f, function() return a, x end\n"
    "end";

/* Analysis and factory of what may be no dump; 0 or EINVAL, never a crash. */
static void feed(const char *p, size_t len, int env, bool *ok) {
  lgort_analysis *a = NULL;
  void *out = NULL;
  size_t outlen = 0;
  int err = lgort_analyse(p, len, env, &a);
  assert_true(err == 0 || err == GORT_EINVAL);
  assert_true((err == 0) == (a != NULL));
  bool analysed = err == 0;
  lgort_analysis_free(a);
  err = lgort_factory_build(p, len, &out, &outlen);
  assert_true(err == 0 || err == GORT_EINVAL);
  assert_true((err == 0) == (out != NULL));
  gort_free(out);
  *ok = analysed && err == 0;
}

static void test_truncated(void **state) {
  (void)state;
  for (int strip = 0; strip < 2; strip++) {
    run(damaged_code, "=damaged");
    bytes b = dump_top(strip);
    int env = env_index();
    lua_pop(L, 1);
    bool ok;
    feed(b.p, b.len, env, &ok);
    assert_true(ok);
    for (size_t len = 0; len < b.len; len++) {
      char *copy = malloc(len + 1); /* ends where ASan sees it */
      assert_non_null(copy);
      char *part = copy + 1;
      memcpy(part, b.p, len);
      lgort_analysis *a = NULL;
      void *out = NULL;
      size_t outlen;
      assert_int_equal(lgort_analyse(part, len, -1, &a), GORT_EINVAL);
      assert_int_equal(lgort_factory_build(part, len, &out, &outlen),
                       GORT_EINVAL);
      free(copy);
    }
    b.p = realloc(b.p, b.len + 1); /* nor may anything follow */
    assert_non_null(b.p);
    b.p[b.len] = 0;
    feed(b.p, b.len + 1, env, &ok);
    assert_false(ok);
    free(b.p);
  }
}

static void test_flipped(void **state) {
  (void)state;
  uint64_t seed = 20240607;
  print_message("seed %llu\n", (unsigned long long)seed);
  run(damaged_code, "=damaged");
  bytes b = dump_top(0);
  int env = env_index(), accepted = 0;
  lua_pop(L, 1);
  char *copy = malloc(b.len);
  assert_non_null(copy);
  for (int i = 0; i < 20000; i++) {
    memcpy(copy, b.p, b.len);
    int flips = 1 + i % 4;
    for (int k = 0; k < flips; k++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      /* Half of them past the header, which would reject most. */
      size_t from = i % 2 ? 32 : 0;
      size_t at = from + (seed >> 33) % (b.len - from);
      copy[at] = (char)(seed >> 20);
    }
    bool ok;
    feed(copy, b.len, env, &ok);
    accepted += ok;
  }
  print_message("%d of 20000 damaged dumps were well-formed\n", accepted);
  assert_true(accepted > 100); /* else nothing behind the reader was tried */
  free(copy);
  free(b.p);
}

static void test_nesting(void **state) {
  (void)state;
  /* A function nested 100,000 deep, made by hand from one level. */
  assert_int_equal(luaL_loadstring(L, ""), 0);
  bytes b = dump_top(1);
  lua_pop(L, 1);
  lgort__dump *d;
  assert_int_equal(lgort__dump_parse(b.p, b.len, &d), 0);
  /* Up to the count of nested functions, which follows the descriptors. */
  size_t head = d->header_len + 1;
  const uint8_t *count = d->main->updescs + LGORT__UPDESC_SIZE * d->main->nups;
  size_t level = (size_t)(count - (const uint8_t *)b.p) - head;
  lgort__dump_free(d);
  enum { DEPTH = 100000 };
  char *deep = malloc(head + DEPTH * (level + 1));
  assert_non_null(deep);
  memcpy(deep, b.p, head);
  char *at = deep + head;
  for (int i = 0; i < DEPTH; i++) {
    memcpy(at, b.p + head, level);
    at[level] = (char)0x81; /* one nested function */
    at += level + 1;
  }
  bool ok;
  feed(deep, (size_t)(at - deep), -1, &ok);
  assert_false(ok);
  free(deep);
  free(b.p);
  /* What the compiler makes is accepted: 150 levels. */
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

/* ---- memory ---- */

static long allocs_left = -1; /* -1: no limit */

static bool may_alloc(void) {
  if (allocs_left < 0) return true;
  if (allocs_left == 0) return false;
  allocs_left--;
  return true;
}

static void *limited_malloc(size_t n) { return may_alloc() ? malloc(n) : NULL; }

static void *limited_realloc(void *p, size_t n) {
  return may_alloc() ? realloc(p, n) : NULL;
}

/* Each allocation fails once; what was taken is freed (ASan tells). */
static void test_no_memory(void **state) {
  (void)state;
  lgort_analysis *a = NULL;
  void *out = NULL;
  size_t outlen;
  int err = GORT_ENOMEM, failures = 0;
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  luaL_addstring(&buf, "return function()\n");
  for (int i = 0; i < 300; i++) {
    lua_pushfstring(L, "g%d = string.f%d\n", i, i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, "end");
  luaL_pushresult(&buf);
  run(lua_tostring(L, -1), "=t");
  bytes b = dump_top(0);
  int env = env_index();
  for (long n = 0; err != 0; n++) {
    allocs_left = n;
    err = lgort_analyse(b.p, b.len, env, &a);
    allocs_left = -1;
    assert_true(err == 0 || (err == GORT_ENOMEM && a == NULL));
    failures += err != 0;
  }
  assert_true(failures > 5);
  lgort_analysis_free(a);
  err = GORT_ENOMEM;
  for (long n = 0; err != 0; n++) {
    allocs_left = n;
    err = lgort_factory_build(b.p, b.len, &out, &outlen);
    allocs_left = -1;
    assert_true(err == 0 || (err == GORT_ENOMEM && out == NULL));
  }
  gort_free(out);
  free(b.p);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_plain),
      TEST(test_varargs),
      TEST(test_assignment),
      TEST(test_far_lines),
      TEST(test_recursion),
      TEST(test_one_line),
      TEST(test_globals),
      TEST(test_fields),
      TEST(test_escapes),
      TEST(test_methods),
      TEST(test_env),
      TEST(test_env_elsewhere),
      TEST(test_stripped),
      TEST(test_many_constants),
      TEST(test_many_names),
      TEST(test_many_upvalues),
      TEST(test_opcodes),
      TEST(test_factory),
      TEST(test_factory_counts),
      TEST(test_factory_debug),
      TEST(test_factory_again),
      TEST(test_factory_main_chunk),
      TEST(test_truncated),
      TEST(test_flipped),
      TEST(test_nesting),
      TEST(test_no_memory),
  };
  gort_set_allocator(limited_malloc, limited_realloc, free);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
