/* test_monitor.c - what the monitor does while workers are in C calls.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>

#include "support/steps.h"

static atomic_bool flag;

static uint64_t numbers[2];

static void reset(void) {
  steps_reset();
  numbers[0] = numbers[1] = 0;
  atomic_store(&flag, false);
}

typedef struct lone {
  steps s;
  gort_waitgroup *wg;
} lone;

static gort_step forever(steps *s) {
  STEPS_BEGIN(s);
  while (!atomic_load(&flag)) YIELD(s);
  STEPS_END(s);
}

static gort_step leave(steps *s) {
  STEPS_BEGIN(s);
  gort_waitgroup_add(((lone *)s)->wg, -1);
  STEPS_END(s);
}

static atomic_llong woke_at, began_at;

static gort_step sleep_250(steps *s) {
  STEPS_BEGIN(s);
  atomic_store(&flag, true);
  SLEEP(s, 250 * MS);
  atomic_store(&woke_at, gort_now());
  STEPS_END(s);
}

static gort_step long_call(steps *s) {
  STEPS_BEGIN(s);
  lone w = {.s.body = sleep_250};
  if (!GO(s->rt, w)) abort();
  while (!atomic_load(&flag)) YIELD(s);
  SLEEP(s, 10 * MS);
  atomic_store(&began_at, gort_now());
  burn(700 * MS);
  STEPS_END(s);
}

/* A C call that does not come back holds up no timer, however long. */
static void test_timers_during_call(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    atomic_store(&woke_at, INT64_MAX);
    lone m = {.s.body = long_call};
    assert_int_equal(RUN(w, m), 0);
    if (atomic_load(&woke_at) == INT64_MAX)
      fail_msg("with %u workers the sleeper was not woken within 700 ms", w);
    assert_true(woke_at - began_at < 600 * MS);
  }
}

/* Two seconds at most. */
static void compute_until_preempted(void) {
  numbers[0] = counts.preempts;
  for (int64_t until = gort_now() + 2000 * MS;
       gort_now() < until && counts.preempts == numbers[0];)
    continue;
  numbers[1] = counts.preempts;
}

static void run_preempted(unsigned workers, gort_step (*body)(steps *s)) {
  reset();
  gort_options options = steps_options(workers);
  options.preempt = true;
  gort *rt;
  assert_int_equal(gort_new(&options, &rt), 0);
  lone m = {.s.body = body};
  assert_int_equal(gort_run(rt, steps_record(rt, &m, sizeof m)), 0);
  gort_destroy(rt);
  assert_true(numbers[0] >= 1);
  assert_true(numbers[1] > numbers[0]);
}

static gort_step preempted_later(steps *s) {
  STEPS_BEGIN(s);
  lone w = {.s.body = forever};
  if (!GO(s->rt, w)) abort(); /* starts the monitor */
  SLEEP(s, 5 * MS);
  burn(300 * MS); /* the monitor thinks that nobody runs */
  YIELD(s);
  compute_until_preempted();
  atomic_store(&flag, true);
  STEPS_END(s);
}

static void test_preempt(void **state) {
  (void)state;
  FOR_WORKERS(w) { run_preempted(w, preempted_later); }
}

static gort_step alone(steps *s) {
  STEPS_BEGIN(s);
  lone w = {.s.body = leave};
  gort_waitgroup_new(&w.wg);
  gort_waitgroup_add(w.wg, 1);
  if (!GO(s->rt, w)) abort(); /* starts the monitor */
  ((lone *)s)->wg = w.wg;
  RECV(s, ((lone *)s)->wg, GORT_FOREVER);
  release(((lone *)s)->wg);
  burn(300 * MS); /* handed off; the monitor sees nobody active */
  YIELD(s);
  compute_until_preempted();
  STEPS_END(s);
}

/* The only worker comes back from a long call: it is watched again. */
static void test_preempt_alone(void **state) {
  (void)state;
  run_preempted(1, alone);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_timers_during_call),
      cmocka_unit_test(test_preempt),
      cmocka_unit_test(test_preempt_alone),
  };
  return RUN_GROUP(tests);
}
