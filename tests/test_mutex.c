/* SPDX-License-Identifier: MIT */
/* test_mutex.c - one task at a time. */
#include "support/check.h"

#include <stdlib.h>

#include "support/locks.h"

enum { TASKS = 20, EACH = 200 };

typedef struct user {
  steps s;
  gort_mutex *mu;
  gort_waitgroup *wg;
  gort_chan *go;
  int i, n;
  int64_t until;
} user;

static int shared; /* guarded by mu */
static gort_result results[6];
static gort_case cases[2];

static void start(steps *s, user *like, gort_step (*body)(steps *)) {
  user w = *like;
  w.s = (steps){.body = body};
  if (!GO(s->rt, w)) abort();
}

static gort_step adder(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < EACH; t->i++) {
    LOCK(s, t->mu, GORT_FOREVER);
    t->n = shared;
    if (t->i % 10 == 0) YIELD(s);
    shared = t->n + 1;
    gort_mutex_unlock(t->mu);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step add_all(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, TASKS);
  for (t->i = 0; t->i < TASKS; t->i++) start(s, t, adder);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void run(unsigned workers, gort_step (*body)(steps *)) {
  user m = {.s.body = body};
  assert_int_equal(gort_mutex_new(&m.mu), 0);
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(gort_chan_new(0, &m.go), 0);
  assert_int_equal(RUN(workers, m), 0);
  release(m.mu);
  release(m.wg);
  release(m.go);
}

static void test_one_at_a_time(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    shared = 0;
    run(w, add_all);
    assert_int_equal(shared, TASKS * EACH);
  }
}

static void test_misuse(void **state) {
  (void)state;
  gort_mutex *mu;
  assert_int_equal(gort_mutex_new(&mu), 0);
  assert_ptr_equal(gort_object_class((gort_object *)mu), gort_mutex_class());
  assert_int_equal(gort_mutex_unlock(mu), GORT_EUNLOCKED);
  assert_true(gort_mutex_try_lock(mu));
  assert_false(gort_mutex_try_lock(mu));
  assert_true(gort_mutex_is_locked(mu));
  assert_int_equal(gort_mutex_unlock(mu), 0);
  assert_false(gort_mutex_is_locked(mu));
  assert_int_equal(gort_mutex_unlock(mu), GORT_EUNLOCKED);
  release(mu);
}

static gort_step timeouts(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  LOCK(s, t->mu, 0); /* what can be done at once is done */
  results[0] = s->res;
  LOCK(s, t->mu, 0);
  results[1] = s->res;
  t->until = gort_now() + 3 * MS;
  LOCK(s, t->mu, t->until);
  results[2] = s->res;
  gort_mutex_unlock(t->mu); /* the one that gave up is not in the way */
  LOCK(s, t->mu, GORT_FOREVER);
  results[3] = s->res;
  STEPS_END(s);
}

static void test_timeouts(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, timeouts);
    assert_int_equal(results[0].status, 0);
    assert_int_equal(results[1].status, GORT_ETIMEOUT);
    assert_int_equal(results[2].status, GORT_ETIMEOUT);
    assert_int_equal(results[3].status, 0);
    assert_true(results[3].ok);
  }
}

/* Relocks in a tight loop until told to stop. */
static atomic_bool stop;
static atomic_int turns;

static gort_step hog(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  while (!atomic_load(&stop)) {
    LOCK(s, t->mu, GORT_FOREVER);
    burn(50000);
    gort_mutex_unlock(t->mu);
    if (++t->i % 20 == 0) YIELD(s); /* its turn ends */
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step modest(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 2);
  start(s, t, hog);
  start(s, t, hog);
  for (t->i = 0; t->i < 10; t->i++) {
    SLEEP(s, 100000);
    LOCK(s, t->mu, GORT_FOREVER);
    atomic_fetch_add(&turns, 1);
    gort_mutex_unlock(t->mu);
  }
  atomic_store(&stop, true);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

/* It would hang (an alarm ends it) if the hogs kept the lock for themselves. */
static void test_no_starvation(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&stop, false);
    atomic_store(&turns, 0);
    run(w, modest);
    assert_int_equal(turns, 10);
  }
}

static gort_step holder(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  LOCK(s, t->mu, GORT_FOREVER);
  SEND(s, t->go, integer(1), GORT_FOREVER);
  SLEEP(s, MS);
  gort_mutex_unlock(t->mu);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

/* A mutex as a case of a select: chosen when the lock is taken. */
static gort_step selects(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 1);
  start(s, t, holder);
  RECV(s, t->go, GORT_FOREVER);
  cases[0] = (gort_case){.source = source_of(t->mu)};
  cases[1] = (gort_case){.source = source_of(t->go)};
  SELECT(s, cases, 2, GORT_FOREVER);
  results[0] = s->res;
  results[1].ok = gort_mutex_is_locked(t->mu);
  RECV(s, t->wg, GORT_FOREVER);
  SELECT(s, cases, 2, 0);
  results[2] = s->res;
  gort_mutex_unlock(t->mu);
  SELECT(s, cases, 2, 0);
  results[3] = s->res;
  STEPS_END(s);
}

static void test_select(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, selects);
    assert_int_equal(results[0].status, 0);
    assert_int_equal(results[0].index, 0);
    assert_true(results[0].ok);
    assert_true(results[1].ok);
    assert_int_equal(results[2].status, GORT_ETIMEOUT);
    assert_int_equal(results[3].status, 0);
    assert_int_equal(results[3].index, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_at_a_time),
      cmocka_unit_test(test_misuse),
      cmocka_unit_test(test_timeouts),
      cmocka_unit_test(test_no_starvation),
      cmocka_unit_test(test_select),
  };
  return RUN_GROUP(tests);
}
