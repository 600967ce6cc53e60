/* SPDX-License-Identifier: MIT */
/* test_cond.c - signal wakes the first, broadcast all. */
#include "support/check.h"

#include <stdlib.h>

#include "support/locks.h"

typedef struct user {
  steps s;
  gort_mutex *mu;
  gort_cond *c;
  gort_waitgroup *wg;
  int i, n;
  int64_t until;
} user;

static int waiting, order[64], woken, status; /* guarded by mu */

static gort_step waiter(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  LOCK(s, t->mu, GORT_FOREVER);
  waiting++;
  COND_WAIT(s, t->c, t->until);
  t->n = s->res.status;
  LOCK(s, t->mu, GORT_FOREVER);
  status = t->n;
  order[woken++] = t->i;
  gort_mutex_unlock(t->mu);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

/* Starts one more waiter and comes back when it waits. */
#define START(s, number, deadline) \
  do {                             \
    user w = *t;                   \
    w.s = (steps){.body = waiter}; \
    w.i = (number);                \
    w.until = (deadline);          \
    if (!GO((s)->rt, w)) abort();  \
  } while (0)

static gort_step one_by_one(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 10);
  for (t->i = 0; t->i < 10; t->i++) {
    START(s, t->i, GORT_FOREVER);
    do {
      SLEEP(s, 100000);
      LOCK(s, t->mu, GORT_FOREVER);
      t->n = waiting;
      gort_mutex_unlock(t->mu);
    } while (t->n <= t->i);
  }
  for (t->i = 0; t->i < 10; t->i++) {
    if (gort_cond_signal(t->c) != 1) abort();
    do {
      SLEEP(s, 100000);
      LOCK(s, t->mu, GORT_FOREVER);
      t->n = woken;
      gort_mutex_unlock(t->mu);
    } while (t->n <= t->i);
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static gort_step all_at_once(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 10);
  for (t->i = 0; t->i < 10; t->i++) START(s, t->i, GORT_FOREVER);
  do {
    SLEEP(s, 100000);
    LOCK(s, t->mu, GORT_FOREVER);
    t->n = waiting;
    gort_mutex_unlock(t->mu);
  } while (t->n < 10);
  if (gort_cond_broadcast(t->c) != 10) abort();
  RECV(s, t->wg, GORT_FOREVER);
  if (gort_cond_broadcast(t->c) != 0) abort();
  if (gort_cond_signal(t->c) != 0) abort();
  STEPS_END(s);
}

static gort_step one_gives_up(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 1);
  START(s, 0, gort_now() + 2 * MS);
  RECV(s, t->wg, GORT_FOREVER);
  if (gort_cond_signal(t->c) != 0) abort();
  STEPS_END(s);
}

static void run(unsigned workers, gort_step (*body)(steps *)) {
  user m = {.s.body = body};
  waiting = woken = 0;
  assert_int_equal(gort_mutex_new(&m.mu), 0);
  assert_int_equal(gort_cond_new(m.mu, &m.c), 0);
  assert_ptr_equal(gort_object_class((gort_object *)m.c), gort_cond_class());
  assert_ptr_equal(gort_cond_mutex(m.c), m.mu);
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(RUN(workers, m), 0);
  release(m.mu);
  release(m.c);
  release(m.wg);
}

static void test_signal(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, one_by_one);
    assert_int_equal(woken, 10);
    for (int i = 0; i < 10; i++) assert_int_equal(order[i], i);
  }
}

static void test_broadcast(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, all_at_once);
    assert_int_equal(woken, 10);
    assert_int_equal(status, 0);
  }
}

static void test_timeout(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, one_gives_up);
    assert_int_equal(woken, 1);
    assert_int_equal(status, GORT_ETIMEOUT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_signal),
      cmocka_unit_test(test_broadcast),
      cmocka_unit_test(test_timeout),
  };
  return RUN_GROUP(tests);
}
