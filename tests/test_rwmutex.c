/* SPDX-License-Identifier: MIT */
/* test_rwmutex.c - many readers or one writer. */
#include "support/check.h"

#include <stdlib.h>

#include "support/locks.h"

typedef struct user {
  steps s;
  gort_rwmutex *rw;
  gort_waitgroup *wg;
  gort_chan *ready;
  int i, n;
  int64_t until;
  void *who;
} user;

static void start(steps *s, user *like, gort_step (*body)(steps *), int n) {
  user w = *like;
  w.s = (steps){.body = body};
  w.n = n;
  if (!GO(s->rt, w)) abort();
}

static void run(unsigned workers, gort_step (*body)(steps *)) {
  user m = {.s.body = body};
  assert_int_equal(gort_rwmutex_new(&m.rw), 0);
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(gort_chan_new(0, &m.ready), 0);
  assert_int_equal(RUN(workers, m), 0);
  release(m.rw);
  release(m.wg);
  release(m.ready);
}

static bool try_op(gort_rwmutex *rw, gort_op op) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  return gort_wait_try(source_of(rw), op, &none, &res);
}

static void test_rules(void **state) {
  (void)state;
  gort_rwmutex *rw;
  assert_int_equal(gort_rwmutex_new(&rw), 0);
  assert_ptr_equal(gort_object_class((gort_object *)rw), gort_rwmutex_class());
  assert_int_equal(gort_rwmutex_unlock(rw), GORT_EUNLOCKED);
  assert_int_equal(gort_rwmutex_runlock(rw), GORT_EUNLOCKED);
  assert_true(try_op(rw, GORT_RECV));
  assert_true(try_op(rw, GORT_RECV));
  assert_false(try_op(rw, GORT_SEND));
  assert_int_equal(gort_rwmutex_unlock(rw), GORT_EREADLOCKED);
  assert_int_equal(gort_rwmutex_runlock(rw), 0);
  assert_int_equal(gort_rwmutex_runlock(rw), 0);
  assert_true(try_op(rw, GORT_SEND));
  assert_false(try_op(rw, GORT_RECV));
  assert_int_equal(gort_rwmutex_runlock(rw), GORT_EUNLOCKED);
  assert_int_equal(gort_rwmutex_unlock(rw), 0);
  release(rw);
}

/* What happened, in order; guarded by the lock. */
static char story[64];
static atomic_int logged;

static void note(char c) { story[atomic_fetch_add(&logged, 1)] = c; }

static gort_step writer(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  note('w');
  WLOCK(s, t->rw, t->until);
  if (s->res.status == 0) {
    note('W');
    gort_rwmutex_unlock(t->rw);
  } else {
    note('x');
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step reader(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  note('r');
  RLOCK(s, t->rw, GORT_FOREVER);
  note('R');
  gort_rwmutex_runlock(t->rw);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

/* With one worker: lets the others run until they wait. */
#define SETTLE(s) SLEEP(s, MS)

static gort_step writer_first(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 4);
  t->until = GORT_FOREVER;
  RLOCK(s, t->rw, GORT_FOREVER);
  start(s, t, writer, 0);
  while (atomic_load(&logged) < 1) SETTLE(s);
  SETTLE(s);
  start(s, t, reader, 0);
  start(s, t, reader, 0);
  while (atomic_load(&logged) < 3) SETTLE(s);
  SETTLE(s);
  start(s, t, writer, 0);
  while (atomic_load(&logged) < 4) SETTLE(s);
  SETTLE(s);
  gort_rwmutex_runlock(t->rw);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

/* A waiting writer keeps new readers out; after it they go before the next. */
static void test_phases(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&logged, 0);
    run(w, writer_first);
    assert_int_equal(logged, 8);
    assert_memory_equal(story, "wrrwWRRW", 8);
  }
}

static gort_step writer_leaves(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 3);
  RLOCK(s, t->rw, GORT_FOREVER);
  t->until = gort_now() + 30 * MS;
  start(s, t, writer, 0);
  while (atomic_load(&logged) < 1) SETTLE(s);
  SETTLE(s);
  start(s, t, reader, 0);
  start(s, t, reader, 0);
  RECV(s, t->wg, GORT_FOREVER); /* the read lock is held all the time */
  gort_rwmutex_runlock(t->rw);
  STEPS_END(s);
}

/* A writer that gives up lets the readers through that it held back. */
static void test_writer_leaves(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&logged, 0);
    run(w, writer_leaves);
    assert_int_equal(logged, 6);
    int given_up = 0;
    for (int i = 0; i < 6; i++) given_up += story[i] == 'x';
    assert_int_equal(given_up, 1);
  }
}

static atomic_int inside, most, wrong;

static gort_step together(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 100; t->i++) {
    if (t->n == 0) {
      WLOCK(s, t->rw, GORT_FOREVER);
      if (atomic_load(&inside)) atomic_fetch_add(&wrong, 1);
      YIELD(s);
      if (atomic_load(&inside)) atomic_fetch_add(&wrong, 1);
      gort_rwmutex_unlock(t->rw);
    } else {
      RLOCK(s, t->rw, GORT_FOREVER);
      int now = atomic_fetch_add(&inside, 1) + 1;
      if (now > atomic_load(&most)) atomic_store(&most, now);
      YIELD(s);
      atomic_fetch_sub(&inside, 1);
      gort_rwmutex_runlock(t->rw);
    }
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step all_together(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 20);
  for (t->i = 0; t->i < 20; t->i++) start(s, t, together, t->i % 5);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_many(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&wrong, 0);
    atomic_store(&most, 0);
    run(w, all_together);
    assert_int_equal(wrong, 0);
    assert_true(most > 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rules),
      cmocka_unit_test(test_phases),
      cmocka_unit_test(test_writer_leaves),
      cmocka_unit_test(test_many),
  };
  return RUN_GROUP(tests);
}
