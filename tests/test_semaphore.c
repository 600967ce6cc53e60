/* SPDX-License-Identifier: MIT */
/* test_semaphore.c - units to hold, first come, first served. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/locks.h"

typedef struct user {
  steps s;
  gort_semaphore *sem;
  gort_waitgroup *wg;
  int i, k;
  int64_t until;
} user;

static char story[64];
static atomic_int logged;

static void note(char c) { story[atomic_fetch_add(&logged, 1)] = c; }

static bool try_acquire(gort_semaphore *sem, int64_t k) {
  gort_value v = integer(k);
  gort_result res;
  return gort_wait_try(source_of(sem), GORT_RECV, &v, &res);
}

static void test_rules(void **state) {
  (void)state;
  gort_semaphore *sem;
  assert_int_equal(gort_semaphore_new(-1, &sem), GORT_EINVAL);
  assert_int_equal(gort_semaphore_new(3, &sem), 0);
  assert_ptr_equal(gort_object_class((gort_object *)sem),
                   gort_semaphore_class());
  assert_int_equal(gort_semaphore_release(sem, 1), GORT_ERELEASE);
  assert_int_equal(gort_semaphore_release(sem, -1), GORT_EINVAL);
  assert_true(try_acquire(sem, 2));
  assert_false(try_acquire(sem, 2));
  assert_true(try_acquire(sem, 0));
  assert_true(try_acquire(sem, 1));
  assert_false(try_acquire(sem, 1));
  assert_false(try_acquire(sem, INT64_MAX));
  assert_int_equal(gort_semaphore_release(sem, 4), GORT_ERELEASE);
  assert_int_equal(gort_semaphore_release(sem, INT64_MAX), GORT_ERELEASE);
  assert_int_equal(gort_semaphore_release(sem, 3), 0);
  assert_true(try_acquire(sem, 3));
  release(sem);
}

static void run(unsigned workers, gort_step (*body)(steps *)) {
  user m = {.s.body = body, .until = GORT_FOREVER};
  atomic_store(&logged, 0);
  assert_int_equal(gort_semaphore_new(10, &m.sem), 0);
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(RUN(workers, m), 0);
  release(m.sem);
  release(m.wg);
}

static gort_step taker(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  note((char)('a' + t->i));
  ACQUIRE(s, t->sem, t->k, t->until);
  note((char)((s->res.status == 0 ? 'A' : '0') + t->i));
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static void start(steps *s, user *like, int i, int k, int64_t until) {
  user w = *like;
  w.s = (steps){.body = taker};
  w.i = i;
  w.k = k;
  w.until = until;
  gort_waitgroup_add(like->wg, 1);
  if (!GO(s->rt, w)) abort();
}

/* Until so much was noted and those tasks wait. */
#define SETTLE(s, n)                                  \
  do {                                                \
    t->i = (n);                                       \
    while (atomic_load(&logged) < t->i) SLEEP(s, MS); \
    t->i = 0;                                         \
  } while (0)

static gort_step in_order(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  ACQUIRE(s, t->sem, 10, GORT_FOREVER);
  start(s, t, 0, 8, GORT_FOREVER); /* a: large, first */
  SETTLE(s, 1);
  SLEEP(s, MS);
  start(s, t, 1, 1, GORT_FOREVER); /* b: small, has to wait for it */
  SETTLE(s, 2);
  SLEEP(s, MS);
  gort_semaphore_release(t->sem, 5);
  SLEEP(s, MS);
  note(try_acquire(t->sem, 1) ? '!' : '-'); /* nobody jumps the queue */
  gort_semaphore_release(t->sem, 3);
  SETTLE(s, 4);
  SLEEP(s, MS);
  note(try_acquire(t->sem, 1) ? '!' : '-'); /* 8 + 2 are held */
  gort_semaphore_release(t->sem, 1);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_order(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, in_order);
    assert_int_equal(logged, 6);
    assert_memory_equal(story, "ab-A-B", 6);
  }
}

static gort_step head_leaves(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  ACQUIRE(s, t->sem, 9, GORT_FOREVER);
  start(s, t, 0, 5, gort_now() + 20 * MS); /* a gives up */
  SETTLE(s, 1);
  SLEEP(s, MS);
  start(s, t, 1, 1, GORT_FOREVER); /* b gets what is free then */
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_head_leaves(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, head_leaves);
    assert_int_equal(logged, 4);
    assert_non_null(memchr(story, '0', 4)); /* a gave up */
    assert_non_null(memchr(story, 'B', 4));
  }
}

static gort_step too_much(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  start(s, t, 0, 11, gort_now() + 20 * MS);
  SETTLE(s, 1);
  SLEEP(s, MS);
  ACQUIRE(s, t->sem, 10, GORT_FOREVER); /* it is in nobody's way */
  note('*');
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_too_much(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, too_much);
    assert_int_equal(logged, 3);
    assert_int_equal(story[0], 'a');
    assert_true(story[1] == '*' || story[2] == '*');
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rules),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_head_leaves),
      cmocka_unit_test(test_too_much),
  };
  return RUN_GROUP(tests);
}
