/* SPDX-License-Identifier: MIT */
/* test_future.c - futures, once, singleflight. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_future *f;
  gort_singleflight *sf;
  gort_waitgroup *wg;
  int i, n;
} user;

static atomic_int right, leads, shared;
static gort_result results[3];

static void test_set_once(void **state) {
  (void)state;
  gort_future *f;
  gort_value none = {.type = GORT_NIL}, v = string_value("one");
  gort_result res;
  assert_int_equal(gort_future_new(&f), 0);
  assert_ptr_equal(gort_object_class((gort_object *)f), gort_future_class());
  assert_false(gort_wait_try(source_of(f), GORT_RECV, &none, &res));
  gort_future_set(f, &v, true);
  assert_int_equal(v.type, GORT_NIL);
  v = string_value("two");
  gort_future_set(f, &v, false); /* dropped */
  assert_int_equal(v.type, GORT_NIL);
  for (int i = 0; i < 3; i++) { /* again for everyone */
    assert_true(gort_wait_try(source_of(f), GORT_RECV, &none, &res));
    assert_true(res.ok);
    assert_memory_equal(gort_buf_bytes(res.value.u.buf), "one", 3);
    gort_value_drop(&res.value);
  }
  release(f);
}

static gort_step waits(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->f, GORT_FOREVER);
  if (!s->res.ok && s->res.value.type == GORT_STRING)
    atomic_fetch_add(&right, 1);
  gort_value_drop(&s->res.value);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step many_wait(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->f, gort_now() + MS);
  results[0] = s->res;
  gort_waitgroup_add(t->wg, 30);
  for (t->i = 0; t->i < 30; t->i++) {
    user w = *t;
    w.s = (steps){.body = waits};
    if (!GO(s->rt, w)) abort();
    if (t->i % 5 == 0) YIELD(s);
    if (t->i == 15) {
      gort_value v = string_value("error");
      gort_future_set(t->f, &v, false);
    }
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_many_wait(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = many_wait};
    atomic_store(&right, 0);
    assert_int_equal(gort_future_new(&m.f), 0);
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(results[0].status, GORT_ETIMEOUT);
    assert_int_equal(right, 30);
    release(m.f);
    release(m.wg);
  }
}

static void test_once(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_future *f;
  gort_once *once;
  user m = {.s.body = waits};
  steps_reset();
  assert_int_equal(gort_future_new(&f), 0);
  gort_record *r = steps_record(rt, &m, sizeof m);
  assert_int_equal(gort_once_new(r, f, &once), 0);
  assert_ptr_equal(gort_object_class((gort_object *)once), gort_once_class());
  assert_ptr_equal(gort_once_future(once), f);
  assert_ptr_equal(gort_once_begin(once), r);
  assert_null(gort_once_begin(once));
  release(once);
  assert_int_equal(counts.dropped, 0);
  assert_int_equal(gort_once_new(r, f, &once), 0);
  release(once); /* never begun */
  assert_int_equal(counts.dropped, 1);
  release(f);
  gort_destroy(rt);
  alarm(0);
}

static int join(gort_singleflight *sf, const char *key, gort_future **f) {
  gort_value k = string_value(key);
  int rc = gort_singleflight_join(sf, &k, f);
  gort_value_drop(&k);
  return rc;
}

static void land(gort_future *f) {
  gort_value v = integer(1);
  gort_future_set(f, &v, true);
}

static void test_singleflight(void **state) {
  (void)state;
  gort_singleflight *sf;
  gort_future *a, *b, *c, *d;
  gort_value k = string_value("a");
  assert_int_equal(gort_singleflight_new(&sf), 0);
  assert_ptr_equal(gort_object_class((gort_object *)sf),
                   gort_singleflight_class());
  assert_int_equal(join(sf, "a", &a), 0);
  assert_int_equal(join(sf, "b", &b), 0);
  assert_int_equal(join(sf, "a", &c), 1);
  assert_ptr_equal(a, c);
  assert_true(gort_singleflight_shared(a));
  assert_false(gort_singleflight_shared(b));
  land(a);
  assert_int_equal(join(sf, "a", &d), 0); /* anew */
  assert_ptr_not_equal(a, d);
  release(a);
  release(c);
  assert_int_equal(gort_singleflight_forget(sf, &k), 0);
  assert_int_equal(gort_singleflight_forget(sf, &k), 0);
  assert_int_equal(join(sf, "a", &a), 0); /* though d is under way */
  assert_int_equal(join(sf, "a", &c), 1);
  land(d); /* and leaves a's entry alone */
  release(c);
  assert_int_equal(join(sf, "a", &c), 1);
  land(a);
  land(b);
  release(sf);
  release(a);
  release(b);
  release(c);
  release(d);
  gort_value_drop(&k);
}

/* Leads now and then, shares now and then; always gets the value. */
static gort_step flies(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 200; t->i++) {
    if (join(t->sf, "key", &t->f) == 0) {
      atomic_fetch_add(&leads, 1);
      YIELD(s);
      gort_value v = string_value("landed");
      gort_future_set(t->f, &v, true);
    }
    RECV(s, t->f, GORT_FOREVER);
    if (s->res.ok) atomic_fetch_add(&right, 1);
    if (gort_singleflight_shared(t->f)) atomic_fetch_add(&shared, 1);
    gort_value_drop(&s->res.value);
    release(t->f);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step all_fly(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 10);
  for (t->i = 0; t->i < 10; t->i++) {
    user w = *t;
    w.s = (steps){.body = flies};
    if (!GO(s->rt, w)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_flights(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = all_fly};
    atomic_store(&right, 0);
    atomic_store(&leads, 0);
    atomic_store(&shared, 0);
    assert_int_equal(gort_singleflight_new(&m.sf), 0);
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(right, 2000);
    /* Whoever was not alone says so; those are more than lead them. */
    assert_true(leads >= 1 && leads <= 2000);
    assert_true(shared >= 2000 - leads);
    release(m.sf);
    release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_set_once), cmocka_unit_test(test_many_wait),
      cmocka_unit_test(test_once),     cmocka_unit_test(test_singleflight),
      cmocka_unit_test(test_flights),
  };
  return RUN_GROUP(tests);
}
