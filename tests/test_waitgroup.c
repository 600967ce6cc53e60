/* SPDX-License-Identifier: MIT */
/* test_waitgroup.c - waiting until a counter is zero. */
#include "support/check.h"

#include <stdlib.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_waitgroup *wg, *all;
  int i, n;
} user;

static atomic_int woken, early, dones;

static gort_step waiter(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->wg, GORT_FOREVER);
  if (atomic_load(&dones) < t->n) atomic_fetch_add(&early, 1);
  if (s->res.status == 0) atomic_fetch_add(&woken, 1);
  gort_waitgroup_add(t->all, -1);
  STEPS_END(s);
}

static gort_step worker(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  YIELD(s);
  atomic_fetch_add(&dones, 1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step many(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  gort_waitgroup_add(t->all, 50);
  for (t->i = 0; t->i < 50; t->i++) {
    user w = *t;
    w.s = (steps){.body = waiter};
    if (!GO(s->rt, w)) abort();
  }
  for (t->i = 0; t->i < t->n; t->i++) {
    user w = *t;
    w.s = (steps){.body = worker};
    if (!GO(s->rt, w)) abort();
  }
  RECV(s, t->all, GORT_FOREVER);
  STEPS_END(s);
}

static void test_many(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&woken, 0);
    atomic_store(&early, 0);
    atomic_store(&dones, 0);
    user m = {.s.body = many, .n = 1000};
    gort_waitgroup_new(&m.wg);
    gort_waitgroup_new(&m.all);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(woken, 50);
    assert_int_equal(early, 0);
    release(m.wg);
    release(m.all);
  }
}

static void test_counter(void **state) {
  (void)state;
  gort_waitgroup *wg;
  gort_value none = {.type = GORT_NIL};
  gort_result res = {0};
  assert_int_equal(gort_waitgroup_new(&wg), 0);
  gort_source *s = source_of(wg);
  assert_ptr_equal(gort_object_class((gort_object *)wg),
                   gort_waitgroup_class());
  assert_int_equal(gort_wait_try(s, GORT_RECV, &none, &res), 1);
  assert_int_equal(gort_waitgroup_add(wg, -1), GORT_ENEGATIVE);
  assert_int_equal(gort_waitgroup_add(wg, 2), 0);
  assert_int_equal(gort_wait_try(s, GORT_RECV, &none, &res), 0);
  assert_int_equal(gort_waitgroup_add(wg, -3), GORT_ENEGATIVE);
  assert_true(gort_waitgroup_add(wg, INT64_MAX) < 0); /* overflow */
  assert_int_equal(gort_waitgroup_add(wg, -1), 0);    /* it stayed at 2 */
  assert_int_equal(gort_wait_try(s, GORT_RECV, &none, &res), 0);
  assert_int_equal(gort_waitgroup_add(wg, -1), 0);
  assert_int_equal(gort_wait_try(s, GORT_RECV, &none, &res), 1);
  assert_int_equal(gort_waitgroup_add(wg, 1), 0); /* reuse */
  assert_int_equal(gort_wait_try(s, GORT_RECV, &none, &res), 0);
  release(wg);
}

static gort_result results[3];

static gort_step timeouts(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 1);
  RECV(s, t->wg, 0);
  results[0] = s->res;
  RECV(s, t->wg, gort_now() + 5 * MS);
  results[1] = s->res;
  gort_waitgroup_add(t->wg, -1);
  RECV(s, t->wg, 0);
  results[2] = s->res;
  STEPS_END(s);
}

static void test_timeout(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = timeouts};
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(results[0].status, GORT_ETIMEOUT);
    assert_int_equal(results[1].status, GORT_ETIMEOUT);
    assert_int_equal(results[2].status, 0);
    release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_many),
      cmocka_unit_test(test_counter),
      cmocka_unit_test(test_timeout),
  };
  return RUN_GROUP(tests);
}
