/* SPDX-License-Identifier: MIT */
/* test_memory.c - each allocation fails in turn: a code comes back, nothing
 * leaks, and what was there stays usable. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/failing.h"
#include "support/steps.h"

typedef struct user {
  steps s;
  gort_chan *c, *d;
  gort_waitgroup *wg;
  gort_timer *t;
  gort_case cases[12];
  int i, n;
  int64_t until;
} user;

static int codes[32];
static atomic_int done, bad, drops;

static void expect_clean(long before) {
  assert_int_equal(failing_live(), before);
}

/* ---- objects ----------------------------------------------------------- */

static void test_objects(void **state) {
  (void)state;
  long before = failing_live();
  gort_chan *c = (gort_chan *)1;
  gort_waitgroup *wg = (gort_waitgroup *)1;
  failing_at(1);
  assert_int_equal(gort_chan_new(3, &c), GORT_ENOMEM);
  failing_at(1);
  assert_int_equal(gort_waitgroup_new(&wg), GORT_ENOMEM);
  assert_true((uintptr_t)c == 1 && (uintptr_t)wg == 1); /* untouched */
  failing_at(1);
  assert_null(gort_buf_new(10, NULL));
  failing_at(1);
  assert_null(gort_text_new());
  for (int n = 1; n <= 4; n++) { /* the whole text or none */
    gort_text *t = gort_text_new();
    failing_at(n);
    for (int i = 0; i < 100; i++) gort_text_add(t, "abc", 3);
    char *text = gort_text_take(t);
    assert_true((text == NULL) == failing_happened());
    gort_free(text);
  }
  failing_at(0);
  expect_clean(before);
}

#define NEVER_MADE(call)                 \
  do {                                   \
    failing_at(1);                       \
    assert_int_equal(call, GORT_ENOMEM); \
  } while (0)

static void test_locks(void **state) {
  (void)state;
  long before = failing_live();
  gort_mutex *mu;
  gort_rwmutex *rw;
  gort_cond *c;
  gort_semaphore *sem;
  gort_atomic *a;
  gort_future *f, *joined;
  gort_once *once;
  gort_singleflight *sf;
  NEVER_MADE(gort_mutex_new(&mu));
  NEVER_MADE(gort_rwmutex_new(&rw));
  NEVER_MADE(gort_semaphore_new(1, &sem));
  NEVER_MADE(gort_atomic_new(1, &a));
  NEVER_MADE(gort_future_new(&f));
  assert_int_equal(gort_mutex_new(&mu), 0);
  NEVER_MADE(gort_cond_new(mu, &c)); /* mu has no count more */
  release(mu);
  assert_int_equal(gort_future_new(&f), 0);
  NEVER_MADE(gort_once_new(NULL, f, &once));
  release(f);
  NEVER_MADE(gort_singleflight_new(&sf));
  failing_at(2);
  assert_int_equal(gort_singleflight_new(&sf), GORT_ENOMEM);
  assert_int_equal(gort_singleflight_new(&sf), 0);
  gort_value k = integer(1);
  for (int n = 1; n <= 2; n++) { /* the flight, its entry */
    failing_at(n);
    assert_int_equal(gort_singleflight_join(sf, &k, &joined), GORT_ENOMEM);
  }
  release(sf);
  failing_at(0);
  expect_clean(before);
}

/* A map that cannot grow keeps what it has, and the value is the caller's. */
static void test_map(void **state) {
  (void)state;
  long before = failing_live();
  gort_map *m;
  gort_value found, *pairs;
  NEVER_MADE(gort_map_new(&m));
  assert_int_equal(gort_map_new(&m), 0);
  int stored = 0;
  for (int i = 0; i < 2000; i++) {
    gort_value k = integer(i), v = string_value("value");
    failing_at(i % 2);
    int rc = i % 3 ? gort_map_store(m, &k, &v)
                   : gort_map_load_or_store(m, &k, &v, &found);
    failing_at(0);
    assert_true(rc == 0 || rc == GORT_ENOMEM);
    assert_true((rc == 0) == (v.type == GORT_NIL));
    stored += rc == 0;
    gort_value_drop(&v);
  }
  assert_int_equal(gort_map_len(m), stored);
  failing_at(1);
  assert_int_equal(gort_map_part(m, 0, &pairs), GORT_ENOMEM);
  for (int i = 0; i < 2000; i++) { /* it shrinks, or not */
    gort_value k = integer(i);
    failing_at(i % 2);
    int rc = gort_map_delete(m, &k, &found);
    if (rc == 1) gort_value_drop(&found);
    stored -= rc;
  }
  assert_int_equal(stored, 0);
  failing_at(0);
  release(m);
  expect_clean(before);
}

static void test_runtime(void **state) {
  (void)state;
  long before = failing_live();
  for (long n = 1;; n++) {
    gort_options options = steps_options(2);
    gort *rt = NULL;
    failing_at(n);
    int rc = gort_new(&options, &rt);
    bool failed = failing_happened();
    failing_at(0);
    assert_int_equal(rc, failed ? GORT_ENOMEM : 0);
    if (rc == 0) gort_destroy(rt);
    expect_clean(before);
    if (!failed) break;
  }
}

/* A context, a record bound to it, a call after it: with each allocation
 * failing in turn. What was to be taken stays the caller's. */
static int make_contexts(gort *rt) {
  gort_context_options o = {.cancels = true,
                            .timeout = 60000 * MS,
                            .key = integer(1),
                            .value = string_value("kept")};
  gort_context *c = NULL;
  gort_after *a = NULL;
  steps init = {.body = NULL};
  gort_record *r = NULL, *bound = steps_record(rt, &init, sizeof init);
  int rc = bound ? gort_context_new(gort_context_background(rt), &o, &c)
                 : GORT_ENOMEM;
  if (rc < 0) gort_value_drop(&o.value);
  if (rc == 0) rc = gort_record_bind(bound, c);
  if (rc == 0 && !(r = steps_record(rt, &init, sizeof init))) rc = GORT_ENOMEM;
  if (rc == 0) {
    rc = gort_context_after(c, r, &a);
    if (rc < 0) gort_record_free(r);
  }
  if (bound) gort_record_free(bound);
  if (a) gort_after_stop(a);
  if (a) release(a);
  if (c) release(c);
  return rc;
}

static void test_contexts(void **state) {
  (void)state;
  long before = failing_live();
  for (long n = 2;; n++) { /* 1: string_value does not survive it */
    gort *rt = steps_new(1);
    failing_at(n);
    int rc = make_contexts(rt);
    bool failed = failing_happened();
    failing_at(0);
    assert_int_equal(rc, failed ? GORT_ENOMEM : 0);
    gort_destroy(rt);
    expect_clean(before);
    if (!failed) break;
  }
}

static gort_record *make(void *arg) {
  (void)arg;
  return NULL;
}
static void drop(void *arg) {
  (void)arg;
  atomic_fetch_add(&drops, 1);
}

static void test_timers(void **state) {
  (void)state;
  long before = failing_live();
  gort *rt = steps_new(1);
  for (int fn = 0; fn < 2; fn++) {
    for (long n = 1;; n++) {
      gort_timer *t = (gort_timer *)1;
      atomic_store(&drops, 0);
      failing_at(n);
      int rc = fn ? gort_timer_func(rt, GORT_FOREVER, make, drop, NULL, &t)
                  : gort_timer_new(rt, gort_now(), 0, &t);
      bool failed = failing_happened();
      failing_at(0);
      if (rc == 0) {
        release(t);
        assert_int_equal(drops, fn);
      } else {
        assert_int_equal(rc, GORT_ENOMEM);
        assert_int_equal((uintptr_t)t, 1);
        assert_int_equal(drops, 0); /* arg stays the caller's */
      }
      if (!failed) break;
    }
  }
  /* Arming never fails once the timer is there, however many there are. */
  enum { MANY = 500 };
  static gort_timer *many[MANY];
  for (int i = 0; i < MANY; i++)
    assert_int_equal(
        gort_timer_func(rt, GORT_FOREVER, make, drop, NULL, &many[i]), 0);
  failing_from(1);
  for (int i = 0; i < MANY; i++)
    gort_timer_reset(many[i], gort_now() + 1000000 * MS - i, 0);
  for (int i = 0; i < MANY; i++) assert_true(gort_timer_stop(many[i]));
  failing_from(0);
  for (int i = 0; i < MANY; i++) release(many[i]);
  gort_destroy(rt);
  expect_clean(before);
}

/* ---- records and tasks ------------------------------------------------- */

static gort_step child(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  YIELD(s);
  STEPS_END(s);
  (void)t;
}

static void child_gone(steps *s) {
  user *t = (user *)s;
  atomic_fetch_add(&done, 1);
  gort_waitgroup_add(t->wg, -1);
}

static gort_step spawner(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 1; t->i <= 8; t->i++) {
    user u = {.s.body = child, .s.release = child_gone, .wg = t->wg};
    gort_waitgroup_add(t->wg, 1);
    /* The third allocation first: record, vm, task. */
    failing_at((t->i + 1) % 8 + 1);
    if (!GO(s->rt, u)) {
      if (t->i != 7) atomic_fetch_add(&bad, 1);
      gort_waitgroup_add(t->wg, -1);
    }
    RECV(s, t->wg, GORT_FOREVER);
    failing_at(0);
  }
  STEPS_END(s);
}

static void test_tasks(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    long before = failing_live();
    steps_reset();
    atomic_store(&done, 0);
    user m = {.s.body = spawner};
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    release(m.wg);
    assert_int_equal(done, 7);
    if (w == 1) assert_true(counts.failed >= 1); /* a record, no task */
    assert_int_equal(bad, 0);
    expect_clean(before);
  }
}

/* ---- waiting ----------------------------------------------------------- */

static void work(void *arg) { atomic_fetch_add((atomic_int *)arg, 1); }

static void fill_cases(user *t) {
  for (int i = 0; i < 12; i++)
    t->cases[i] = (gort_case){.source = source_of(i % 2 ? t->c : t->d),
                              .op = i == 5 ? GORT_SEND : GORT_RECV};
  t->cases[5].value = string_value("mine");
}

/* Every way to wait with the next allocation failing: code or success, and
 * the same wait works afterwards. */
static gort_step waits(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 3; t->i++) {
    failing_at(t->i);
    AWAIT(s, gort_sleep(s->task, GORT_UNTIL(gort_now() + MS)));
    codes[0 + t->i] = s->rc;
    failing_at(t->i);
    RECV(s, t->c, gort_now() + MS);
    codes[3 + t->i] = s->rc ? s->rc : s->res.status;
    failing_at(0);
    fill_cases(t);
    failing_at(t->i);
    SELECT(s, t->cases, 12, gort_now() + MS);
    codes[6 + t->i] = s->rc ? s->rc : s->res.status;
    if (s->rc == GORT_ENOMEM && t->cases[5].value.type != GORT_STRING)
      atomic_fetch_add(&bad, 1);
    gort_value_drop(&t->cases[5].value);
    failing_at(t->i);
    AWAIT(s, gort_blocking(s->task, work, &done));
    codes[9 + t->i] = s->rc;
    failing_at(0);
    RECV(s, t->c, gort_now() + MS);
    codes[12 + t->i] = s->res.status;
  }
  STEPS_END(s);
}

static void test_waits(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    long before = failing_live();
    steps_reset();
    atomic_store(&done, 0);
    user m = {.s.body = waits};
    gort_chan_new(0, &m.c);
    gort_chan_new(0, &m.d);
    assert_int_equal(RUN(w, m), 0);
    release(m.c);
    release(m.d);
    assert_int_equal(bad, 0);
    for (int i = 0; i < 3; i++) {
      assert_true(codes[i] == 0 || codes[i] == GORT_ENOMEM);
      assert_true(codes[3 + i] == GORT_ETIMEOUT || codes[3 + i] == GORT_ENOMEM);
      assert_true(codes[6 + i] == GORT_ETIMEOUT || codes[6 + i] == GORT_ENOMEM);
      assert_true(codes[9 + i] == 0 || codes[9 + i] == GORT_ENOMEM);
      assert_int_equal(codes[12 + i], GORT_ETIMEOUT);
    }
    assert_int_equal(codes[10], GORT_ENOMEM);
    assert_int_equal(done, 2);
    expect_clean(before);
  }
}

/* The heap of a fresh runtime has no room: the first sleep needs some. */
static gort_step first_sleep(steps *s) {
  STEPS_BEGIN(s);
  failing_at(1);
  AWAIT(s, gort_sleep(s->task, GORT_UNTIL(gort_now() + MS)));
  codes[0] = s->rc;
  failing_at(0);
  AWAIT(s, gort_sleep(s->task, GORT_UNTIL(gort_now() + MS)));
  codes[1] = s->rc;
  STEPS_END(s);
}

static void test_first_sleep(void **state) {
  (void)state;
  long before = failing_live();
  user m = {.s.body = first_sleep};
  assert_int_equal(RUN(1, m), 0);
  assert_int_equal(codes[0], GORT_ENOMEM);
  assert_int_equal(codes[1], 0);
  expect_clean(before);
}

/* A deadlock without memory for the report is still one. */
static gort_step stuck(steps *s) {
  STEPS_BEGIN(s);
  failing_from(1);
  AWAIT(s, gort_sleep(s->task, NULL));
  STEPS_END(s);
}

static void test_deadlock(void **state) {
  (void)state;
  long before = failing_live();
  steps_reset();
  user m = {.s.body = stuck};
  assert_int_equal(RUN(2, m), GORT_EDEADLOCK);
  failing_from(0);
  assert_null(deadlock_report);
  expect_clean(before);
}

int main(void) {
  failing_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_objects),     cmocka_unit_test(test_locks),
      cmocka_unit_test(test_map),         cmocka_unit_test(test_runtime),
      cmocka_unit_test(test_contexts),    cmocka_unit_test(test_timers),
      cmocka_unit_test(test_tasks),       cmocka_unit_test(test_waits),
      cmocka_unit_test(test_first_sleep), cmocka_unit_test(test_deadlock),
  };
  return RUN_GROUP(tests);
}
