/* SPDX-License-Identifier: MIT */
/* test_solo.c - calls that block their thread wait for nobody, and nobody
 * for them. */
#include "support/check.h"

#include <stdlib.h>
#include <time.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_waitgroup *wg;
  gort_chan *c;
  int i, n;
} user;

static atomic_int inside, most, ended, ticks;
static atomic_bool all_in;

static bool start(gort *rt, user *like, gort_step (*body)(steps *)) {
  user w = *like;
  w.s = (steps){.body = body};
  gort_record *r = steps_record(rt, &w, sizeof w);
  if (r) gort_go_blocking(rt, r);
  return r != NULL;
}

static void run(unsigned workers, gort_step (*body)(steps *), int n) {
  user m = {.s.body = body, .n = n};
  steps_reset();
  atomic_store(&inside, 0);
  atomic_store(&most, 0);
  atomic_store(&ended, 0);
  atomic_store(&ticks, 0);
  atomic_store(&all_in, false);
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(gort_chan_new(0, &m.c), 0);
  assert_int_equal(RUN(workers, m), 0);
  release(m.wg);
  release(m.c);
}

static void note_inside(void) {
  int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
  while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
    continue;
}

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Keeps its thread until all the others do, too. */
static gort_step meet(steps *s) {
  user *t = (user *)s;
  note_inside();
  while (atomic_load(&most) < t->n) nap();
  atomic_fetch_sub(&inside, 1);
  atomic_fetch_add(&ended, 1);
  gort_waitgroup_add(t->wg, -1);
  return GORT_STEP_FINISHED;
}

static gort_step all_meet(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++)
    if (!start(s->rt, t, meet)) abort();
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_at_the_same_time(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, all_meet, 20);
    assert_int_equal(ended, 20);
  }
}

static gort_step others_run(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 8);
  for (t->i = 0; t->i < 8; t->i++)
    if (!start(s->rt, t, meet)) abort(); /* t->n is 9: they stay */
  for (t->i = 0; t->i < 20; t->i++) SLEEP(s, MS);
  atomic_store(&ticks, t->i);
  note_inside();
  atomic_store(&most, 9);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_others_run(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, others_run, 9);
    assert_int_equal(ticks, 20);
    assert_int_equal(ended, 8);
  }
}

/* One that waits like any other task, and yields. */
static gort_step talks(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 50; t->i++) {
    RECV(s, t->c, GORT_FOREVER);
    YIELD(s);
    SEND(s, t->c, integer(s->res.value.u.i + 1), GORT_FOREVER);
  }
  STEPS_END(s);
}

static gort_step talk(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  if (!start(s->rt, t, talks)) abort();
  for (t->i = 0; t->i < 50; t->i++) {
    SEND(s, t->c, integer(t->i), GORT_FOREVER);
    RECV(s, t->c, GORT_FOREVER);
    if (s->res.value.u.i == t->i + 1) atomic_fetch_add(&ticks, 1);
  }
  STEPS_END(s);
}

static void test_parks(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(w, talk, 0);
    assert_int_equal(ticks, 50);
  }
}

static gort_step brief(steps *s) {
  user *t = (user *)s;
  note_inside();
  nap();
  atomic_fetch_sub(&inside, 1);
  atomic_fetch_add(&ended, 1);
  gort_waitgroup_add(t->wg, -1);
  return GORT_STEP_FINISHED;
}

static gort_step very_many(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++)
    if (!start(s->rt, t, brief)) abort();
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_bounded(void **state) {
  (void)state;
  run(2, very_many, 1000);
  assert_int_equal(ended, 1000);
  assert_true(most <= 256);
  assert_true(counts.vms <= 256 + 1); /* made once, used again */
}

/* The first vm cannot be made: told; later ones cannot: the calls share. */
static gort_step no_memory(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  atomic_store(&counts.fail_vms, 1);
  if (!start(s->rt, t, brief)) abort();
  gort_waitgroup_add(t->wg, 10);
  if (!start(s->rt, t, brief)) abort();
  atomic_store(&counts.fail_vms, 1000);
  for (t->i = 1; t->i < 10; t->i++)
    if (!start(s->rt, t, brief)) abort();
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_no_memory(void **state) {
  (void)state;
  run(2, no_memory, 0);
  assert_int_equal(counts.failed, 1);
  assert_int_equal(ended, 10);
}

static gort_step leaves(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 300; t->i++)
    if (!start(s->rt, t, brief)) abort();
  gort_waitgroup_add(t->wg, 300);
  STEPS_END(s);
}

/* Main ends: what was not started is dropped. */
static void test_dropped(void **state) {
  (void)state;
  run(2, leaves, 0);
  assert_int_equal(counts.started - 1 + counts.dropped, 300);
  assert_int_equal(counts.finished - 1, ended);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_at_the_same_time),
      cmocka_unit_test(test_others_run),
      cmocka_unit_test(test_parks),
      cmocka_unit_test(test_bounded),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_dropped),
  };
  return RUN_GROUP(tests);
}
