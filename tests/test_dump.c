/* test_dump.c - the dump reader: its numbers for opcodes, damaged dumps, no
 * memory.
 *
 * SPDX-License-Identifier: MIT */
#include "support/dumps.h"

#include <stdio.h>
#include <string.h>

#include "cross/analysis.h"
#include "cross/dump.h"
#include "cross/factory.h"
#include "gort.h"

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
  const struct CMUnitTest tests[] = {
      DUMPS_TEST(test_opcodes),   DUMPS_TEST(test_truncated),
      DUMPS_TEST(test_flipped),   DUMPS_TEST(test_nesting),
      DUMPS_TEST(test_no_memory),
  };
  gort_set_allocator(limited_malloc, limited_realloc, free);
  return RUN_GROUP(tests);
}
