/* SPDX-License-Identifier: MIT */
/* test_timer.c - timers, tickers, function timers. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_timer *t, *u;
  gort_waitgroup *wg;
  gort_case cases[2];
  int i, n;
  int64_t until;
} user;

static gort_result results[16];
static bool answers[16];
static int64_t times[16];
static double walls[16];
static atomic_int runs, drops, bad;
static atomic_llong ran_at;
static gort *the_rt;

static void reset(void) {
  steps_reset();
  memset(results, 0, sizeof results);
  memset(answers, 0, sizeof answers);
  atomic_store(&runs, 0);
  atomic_store(&drops, 0);
  atomic_store(&bad, 0);
  atomic_store(&ran_at, 0);
}

static gort_timer *timer(steps *s, int64_t in, int64_t period) {
  gort_timer *t;
  if (gort_timer_new(s->rt, gort_now() + in, period, &t) < 0) abort();
  return t;
}

static void run(gort_step (*body)(steps *), unsigned workers) {
  reset();
  user m = {.s.body = body};
  gort_waitgroup_new(&m.wg);
  assert_int_equal(RUN(workers, m), 0);
  release(m.wg);
}

/* ---- once -------------------------------------------------------------- */

static gort_step once(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->until = gort_now() + 10 * MS;
  t->t = timer(s, 10 * MS, 0);
  RECV(s, t->t, 0);
  results[0] = s->res; /* not yet */
  RECV(s, t->t, GORT_FOREVER);
  results[1] = s->res;
  times[0] = gort_now() - t->until;
  RECV(s, t->t, gort_now() + 5 * MS);
  results[2] = s->res;                /* only once */
  answers[0] = gort_timer_stop(t->t); /* fired and received */
  answers[1] = gort_timer_reset(t->t, gort_now() + 5 * MS, -1);
  RECV(s, t->t, GORT_FOREVER);
  results[3] = s->res;
  answers[2] = gort_timer_reset(t->t, gort_now() + 1000000 * MS, -1);
  answers[3] = gort_timer_reset(t->t, gort_now(), -1);
  answers[4] = gort_timer_stop(t->t); /* expired, not received: pending */
  RECV(s, t->t, gort_now() + 5 * MS);
  results[4] = s->res; /* and nothing stale */
  answers[5] = gort_timer_stop(t->t);
  answers[6] = gort_timer_is_ticker(t->t);
  release(t->t);
  t->t = timer(s, -5 * MS, 0); /* at once */
  RECV(s, t->t, 0);
  results[5] = s->res;
  release(t->t);
  /* The value is when it fired, not when it was read. */
  walls[0] = gort_wall_now();
  t->t = timer(s, 5 * MS, 0);
  SLEEP(s, 60 * MS);
  RECV(s, t->t, 0);
  walls[1] = s->res.value.u.n;
  release(t->t);
  STEPS_END(s);
}

static void test_once(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(once, w);
    assert_int_equal(results[0].status, GORT_ETIMEOUT);
    assert_true(results[1].ok && results[1].value.type == GORT_FLOAT);
    assert_true(times[0] >= 0 && times[0] < 500 * MS);
    assert_int_equal(results[2].status, GORT_ETIMEOUT);
    assert_false(answers[0]);
    assert_false(answers[1]);
    assert_true(results[3].ok);
    assert_false(answers[2]);
    assert_true(answers[3]);
    assert_true(answers[4]);
    assert_int_equal(results[4].status, GORT_ETIMEOUT);
    assert_false(answers[5]);
    assert_false(answers[6]);
    assert_true(results[5].ok);
    assert_true(walls[1] - walls[0] >= 0.0049 && walls[1] - walls[0] < 0.04);
  }
}

/* ---- tickers ----------------------------------------------------------- */

static gort_step ticker(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->until = gort_now();
  t->t = timer(s, 10 * MS, 10 * MS);
  answers[0] = gort_timer_is_ticker(t->t);
  walls[0] = gort_wall_now();
  for (t->i = 1; t->i <= 3; t->i++) {
    RECV(s, t->t, GORT_FOREVER);
    walls[t->i] = s->res.value.u.n;
  }
  SLEEP(s, 95 * MS); /* many are missed: one is pending */
  RECV(s, t->t, 0);
  results[0] = s->res;
  RECV(s, t->t, gort_now() + 2 * MS);
  results[1] = s->res;
  RECV(s, t->t, GORT_FOREVER);
  walls[4] = s->res.value.u.n;
  answers[1] = gort_timer_reset(t->t, gort_now() + 30 * MS, 30 * MS);
  times[0] = gort_now();
  RECV(s, t->t, GORT_FOREVER);
  times[0] = gort_now() - times[0];
  answers[2] = gort_timer_stop(t->t);
  answers[3] = gort_timer_stop(t->t);
  RECV(s, t->t, gort_now() + 40 * MS);
  results[2] = s->res;
  release(t->t);
  STEPS_END(s);
}

static bool on_grid(double since) {
  double ticks = since / 0.010;
  double off = ticks - (double)(long)(ticks + 0.5);
  return off > -0.1 && off < 0.1;
}

static void test_ticker(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(ticker, w);
    assert_true(answers[0]);
    for (int i = 1; i <= 4; i++) assert_true(on_grid(walls[i] - walls[0]));
    assert_true(results[0].ok);
    (void)results[1]; /* the next may be due within 2 ms */
    assert_true(answers[1]);
    assert_true(times[0] >= 30 * MS);
    assert_true(answers[2]);
    assert_false(answers[3]);
    assert_int_equal(results[2].status, GORT_ETIMEOUT);
  }
}

/* ---- several waiters, order -------------------------------------------- */

static gort_step take_tick(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->t, gort_now() + 300 * MS);
  if (s->res.status == 0) atomic_fetch_add(&runs, 1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step shared(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->t = timer(s, 20 * MS, t->n ? 10 * MS : 0);
  gort_waitgroup_add(t->wg, 5);
  for (int i = 0; i < 5; i++) {
    user u = *t;
    u.s = (steps){.body = take_tick};
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  release(t->t);
  STEPS_END(s);
}

/* A tick goes to one of those who wait. */
static void test_shared(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(shared, w);
    assert_int_equal(runs, 1);
    reset();
    user m = {.s.body = shared, .n = 1};
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(runs, 5);
    release(m.wg);
  }
}

static gort_step stop_waited(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->t = timer(s, 50 * MS, 0);
  gort_waitgroup_add(t->wg, 1);
  user u = *t;
  u.s = (steps){.body = take_tick};
  if (!GO(s->rt, u)) abort();
  SLEEP(s, 10 * MS);
  answers[0] = gort_timer_stop(t->t); /* its waiter goes on waiting */
  SLEEP(s, 80 * MS);
  answers[1] = atomic_load(&runs) == 0;
  answers[2] = gort_timer_reset(t->t, gort_now() + 5 * MS, -1);
  RECV(s, t->wg, GORT_FOREVER);
  release(t->t);
  STEPS_END(s);
}

static void test_stop_waited(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(stop_waited, w);
    assert_true(answers[0] && answers[1]);
    assert_false(answers[2]);
    assert_int_equal(runs, 1);
  }
}

static gort_step select_two(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 5; t->i++) {
    t->t = timer(s, 40 * MS, 0);
    t->u = timer(s, 5 * MS, 0);
    t->cases[0] = (gort_case){.source = source_of(t->t)};
    t->cases[1] = (gort_case){.source = source_of(t->u)};
    SELECT(s, t->cases, 2, GORT_FOREVER);
    if (s->res.index != 1) atomic_fetch_add(&bad, 1);
    SELECT(s, t->cases, 2, GORT_FOREVER);
    if (s->res.index != 0) atomic_fetch_add(&bad, 1);
    release(t->t);
    release(t->u);
  }
  gort_stats st;
  gort_get_stats(s->rt, &st);
  if (st.timers != 0) atomic_fetch_add(&bad, 1);
  STEPS_END(s);
}

static void test_select(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(select_two, w);
    assert_int_equal(bad, 0);
  }
}

/* ---- function timers --------------------------------------------------- */

static gort_step func_body(steps *s) {
  STEPS_BEGIN(s);
  atomic_store(&ran_at, gort_now());
  atomic_fetch_add(&runs, 1);
  STEPS_END(s);
}

static gort_record *make(void *arg) {
  user u = {.s.body = func_body};
  if (arg != &runs) abort();
  return steps_record(the_rt, &u, sizeof u);
}

static void drop(void *arg) {
  if (arg == &runs) atomic_fetch_add(&drops, 1);
}

static gort_timer *func(steps *s, int64_t in) {
  gort_timer *t;
  the_rt = s->rt;
  if (gort_timer_func(s->rt, gort_now() + in, make, drop, &runs, &t) < 0)
    abort();
  return t;
}

static gort_step func_main(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->t = func(s, 5 * MS);
  RECV(s, t->t, gort_now() + 30 * MS); /* gives no value */
  results[0] = s->res;
  times[0] = runs;
  answers[0] = gort_timer_stop(t->t);
  answers[1] = gort_timer_reset(t->t, gort_now() + 1000 * MS, -1);
  answers[2] = gort_timer_stop(t->t);
  SLEEP(s, 5 * MS);
  times[1] = runs;
  answers[3] = gort_timer_reset(t->t, gort_now(), -1);
  SLEEP(s, 50 * MS);
  times[2] = runs;
  release(t->t);
  times[3] = drops;
  release(func(s, 10 * MS)); /* runs though nobody holds it */
  SLEEP(s, 60 * MS);
  times[4] = runs;
  times[5] = drops;
  STEPS_END(s);
}

static void test_func(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(func_main, w);
    assert_int_equal(results[0].status, GORT_ETIMEOUT);
    assert_int_equal(times[0], 1);
    assert_false(answers[0]);
    assert_false(answers[1]);
    assert_true(answers[2]);
    assert_int_equal(times[1], 1);
    assert_false(answers[3]);
    assert_int_equal(times[2], 2);
    assert_int_equal(times[3], 1);
    assert_int_equal(times[4], 3);
    assert_int_equal(times[5], 2);
  }
}

static gort_step func_busy(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  /* Another worker runs something and goes to sleep, in the poller. */
  for (t->i = 0; t->i < 3; t->i++) {
    user u = {.s.body = func_body};
    if (!GO(s->rt, u)) abort();
    burn(6 * MS);
    YIELD(s);
  }
  t->until = gort_now() + 5 * MS;
  t->t = func(s, 5 * MS);
  burn(500 * MS);
  times[0] = atomic_load(&ran_at) - t->until;
  if (atomic_load(&ran_at) < t->until) times[0] = INT64_MAX;
  release(t->t);
  STEPS_END(s);
}

/* It fires though the one who made it is busy, and somebody else asleep. */
static void test_func_busy(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    run(func_busy, w);
    if (times[0] > 200 * MS)
      fail_msg("with %u workers it did not fire in time", w);
  }
}

/* ---- deadlock ---------------------------------------------------------- */

static gort_step not_waited_for(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->t = timer(s, 1000000 * MS, 10 * MS);
  release(t->t);
  t->t = timer(s, 1 * MS, 1 * MS); /* nobody waits: it keeps nothing alive */
  ((user *)s)->u = t->t;
  AWAIT(s, gort_sleep(s->task, NULL));
  STEPS_END(s);
}

static void release_timer(steps *s) { release(((user *)s)->u); }

static void test_deadlock(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = not_waited_for, .s.release = release_timer};
    assert_int_equal(RUN(w, m), GORT_EDEADLOCK);
  }
}

/* ---- thousands --------------------------------------------------------- */

static gort_step sleep_often(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 5; t->i++) {
    t->until = gort_now() + (t->n % 20) * MS;
    AWAIT(s, gort_sleep(s->task, GORT_UNTIL(t->until)));
    if (gort_now() < t->until) atomic_fetch_add(&bad, 1);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step many_sleepers(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 3000);
  for (int i = 0; i < 3000; i++) {
    user u = *t;
    u.s = (steps){.body = sleep_often};
    u.n = i;
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_sleepers(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    int64_t began = gort_now();
    run(many_sleepers, w);
    assert_int_equal(bad, 0);
    assert_true(gort_now() - began < 10000 * MS);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_once),      cmocka_unit_test(test_ticker),
      cmocka_unit_test(test_shared),    cmocka_unit_test(test_stop_waited),
      cmocka_unit_test(test_select),    cmocka_unit_test(test_func),
      cmocka_unit_test(test_func_busy), cmocka_unit_test(test_deadlock),
      cmocka_unit_test(test_sleepers),
  };
  return RUN_GROUP(tests);
}
