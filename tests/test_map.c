/* SPDX-License-Identifier: MIT */
/* test_map.c - a map that tasks share, against a plain one; and the integer
 * that they share. */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/rand.h"
#include "support/steps.h"

static const gort_value nil = {.type = GORT_NIL};

static gort_value number(double n) {
  return (gort_value){.type = GORT_FLOAT, .u.n = n};
}

static gort_value boolean(bool b) {
  return (gort_value){.type = GORT_BOOLEAN, .u.b = b};
}

static void test_equal(void **state) {
  (void)state;
  gort_value one = integer(1), other = number(1), half = number(0.5);
  gort_value a = string_value("a"), b = string_value("a"), c = string_value("");
  gort_value big = integer(INT64_MAX), near = number(0x1p63);
  gort_value nan = number(NAN), yes = boolean(true), no = nil;
  assert_true(gort_value_equal(&one, &other));
  assert_true(gort_value_equal(&other, &one));
  assert_false(gort_value_equal(&one, &half));
  assert_false(gort_value_equal(&big, &near));
  assert_false(gort_value_equal(&nan, &nan));
  assert_true(gort_value_equal(&a, &b));
  assert_false(gort_value_equal(&a, &c));
  assert_false(gort_value_equal(&one, &yes));
  assert_true(gort_value_equal(&no, &no));
  gort_value_drop(&a);
  gort_value_drop(&b);
  gort_value_drop(&c);
}

static void test_keys(void **state) {
  (void)state;
  gort_map *m;
  gort_value v, k, found;
  assert_int_equal(gort_map_new(&m), 0);
  assert_ptr_equal(gort_object_class((gort_object *)m), gort_map_class());
  gort_value bad[] = {nil, number(NAN), {.type = GORT_POINTER}};
  for (int i = 0; i < 3; i++) {
    v = integer(1);
    assert_int_equal(gort_map_store(m, &bad[i], &v), GORT_EINVAL);
    assert_int_equal(gort_map_load(m, &bad[i], &found), GORT_EINVAL);
    assert_int_equal(gort_map_delete(m, &bad[i], &found), GORT_EINVAL);
    assert_int_equal(gort_map_cas(m, &bad[i], &nil, &v), GORT_EINVAL);
  }
  gort_value keys[] = {boolean(true),   boolean(false), integer(0),
                       integer(1),      number(0.5),    number(1e300),
                       number(INFINITY)};
  for (int i = 0; i < 7; i++) {
    v = integer(i);
    assert_int_equal(gort_map_store(m, &keys[i], &v), 0);
  }
  assert_int_equal(gort_map_len(m), 7);
  for (int i = 0; i < 7; i++) {
    assert_int_equal(gort_map_load(m, &keys[i], &found), 1);
    assert_int_equal(found.u.i, i);
  }
  k = number(1); /* the same key as 1, as is -0.0 as 0 */
  assert_int_equal(gort_map_load(m, &k, &found), 1);
  assert_int_equal(found.u.i, 3);
  k = number(-0.0);
  assert_int_equal(gort_map_load(m, &k, &found), 1);
  assert_int_equal(found.u.i, 2);
  release(m);
}

static void test_operations(void **state) {
  (void)state;
  gort_map *m;
  gort_value k = string_value("key"), v = string_value("one"), found;
  assert_int_equal(gort_map_new(&m), 0);
  assert_int_equal(gort_map_load(m, &k, &found), 0);
  assert_int_equal(gort_map_delete(m, &k, &found), 0);
  assert_int_equal(gort_map_load_or_store(m, &k, &v, &found), 0);
  assert_int_equal(v.type, GORT_NIL); /* taken */
  v = string_value("two");
  assert_int_equal(gort_map_load_or_store(m, &k, &v, &found), 1);
  assert_memory_equal(gort_buf_bytes(found.u.buf), "one", 3);
  assert_int_equal(gort_map_cas(m, &k, &v, &v), 0);
  assert_int_equal(gort_map_cas(m, &k, &found, &v), 1);
  gort_value_drop(&found);
  assert_int_equal(gort_map_load(m, &k, &found), 1);
  assert_memory_equal(gort_buf_bytes(found.u.buf), "two", 3);
  gort_value_drop(&found);
  assert_int_equal(gort_map_delete(m, &k, &found), 1);
  assert_memory_equal(gort_buf_bytes(found.u.buf), "two", 3);
  gort_value_drop(&found);
  assert_int_equal(gort_map_len(m), 0);
  v = nil; /* may be stored */
  assert_int_equal(gort_map_cas(m, &k, &nil, &v), 0);
  assert_int_equal(gort_map_store(m, &k, &v), 0);
  assert_int_equal(gort_map_load(m, &k, &found), 1);
  v = string_value("kept"); /* dropped with the map */
  assert_int_equal(gort_map_cas(m, &k, &nil, &v), 1);
  gort_value_drop(&k);
  release(m);
}

enum { KEYS = 3000 };

/* Random operations against an array. */
static void test_model(void **state) {
  (void)state;
  static int64_t model[KEYS];
  gort__rand r;
  gort_map *m;
  size_t count = 0;
  gort__rand_init(&r, 7);
  memset(model, 0, sizeof model);
  assert_int_equal(gort_map_new(&m), 0);
  for (int i = 0; i < 200000; i++) {
    uint32_t n = gort__rand_below(&r, KEYS);
    gort_value k = integer((int64_t)n * 4096), v = integer(i + 1), found;
    /* Fills up and empties by turns. */
    bool add = gort__rand_below(&r, 100) < (i / 20000 % 2 ? 20 : 80);
    if (add) {
      count += model[n] == 0;
      model[n] = i + 1;
      assert_int_equal(gort_map_store(m, &k, &v), 0);
    } else {
      assert_int_equal(gort_map_delete(m, &k, &found), model[n] != 0);
      if (model[n]) assert_int_equal(found.u.i, model[n]);
      count -= model[n] != 0;
      model[n] = 0;
    }
    assert_int_equal(gort_map_len(m), count);
  }
  for (unsigned p = 0; p < gort_map_parts(); p++) {
    gort_value *pairs;
    int64_t n = gort_map_part(m, p, &pairs);
    for (int64_t i = 0; i < n; i++) {
      int64_t at = pairs[2 * i].u.i / 4096;
      assert_int_equal(pairs[2 * i + 1].u.i, model[at]);
      model[at] = 0; /* once */
      count--;
    }
    gort_free(pairs);
  }
  assert_int_equal(count, 0);
  release(m);
}

typedef struct user {
  steps s;
  gort_map *m;
  gort_atomic *n;
  gort_waitgroup *wg;
  int i;
} user;

/* Counts up in the map by cas, and in the atomic. */
static gort_step count_up(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 500; t->i++) {
    for (;;) {
      gort_value k = integer(t->i % 7), old = nil, v;
      bool found = gort_map_load(t->m, &k, &old);
      v = integer(old.u.i + 1);
      if (found && gort_map_cas(t->m, &k, &old, &v)) break;
      v = integer(1);
      if (!found && !gort_map_load_or_store(t->m, &k, &v, &old)) break;
    }
    gort_atomic_add(t->n, 2);
    if (t->i % 50 == 0) YIELD(s);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step count_all(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 10);
  for (int i = 0; i < 10; i++) {
    user w = *t;
    w.s = (steps){.body = count_up};
    if (!GO(s->rt, w)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_shared(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = count_all};
    int64_t sum = 0;
    assert_int_equal(gort_map_new(&m.m), 0);
    assert_int_equal(gort_atomic_new(1, &m.n), 0);
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    for (int i = 0; i < 7; i++) {
      gort_value k = integer(i), v = nil;
      assert_int_equal(gort_map_load(m.m, &k, &v), 1);
      sum += v.u.i;
    }
    assert_int_equal(sum, 5000);
    assert_int_equal(gort_atomic_load(m.n), 10001);
    release(m.m);
    release(m.n);
    release(m.wg);
  }
}

static void test_atomic(void **state) {
  (void)state;
  gort_atomic *a;
  assert_int_equal(gort_atomic_new(5, &a), 0);
  assert_ptr_equal(gort_object_class((gort_object *)a), gort_atomic_class());
  assert_int_equal(gort_atomic_add(a, 3), 8);
  assert_int_equal(gort_atomic_swap(a, INT64_MAX), 8);
  assert_int_equal(gort_atomic_add(a, 1), INT64_MIN); /* wraps around */
  assert_false(gort_atomic_cas(a, 0, 1));
  assert_true(gort_atomic_cas(a, INT64_MIN, 1));
  gort_atomic_store(a, -7);
  assert_int_equal(gort_atomic_load(a), -7);
  release(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equal),      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_operations), cmocka_unit_test(test_model),
      cmocka_unit_test(test_shared),     cmocka_unit_test(test_atomic),
  };
  return RUN_GROUP(tests);
}
