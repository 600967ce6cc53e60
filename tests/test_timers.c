/* SPDX-License-Identifier: MIT */
/* test_timers.c - the heap: order, removal, growth and shrinking. */
#include "support/check.h"

#include <string.h>

#include "base/rand.h"
#include "sched/runtime.h"
#include "support/steps.h"

enum { MANY = 10000 };

typedef struct probe {
  gort__timer timer;
  int64_t when;
  int fired;
} probe;

static gort *rt;
static probe probes[MANY];
static int64_t last_fired;
static int total, disorder;

static void fire(gort__timer *t, gort__fired *fired) {
  (void)fired;
  probe *p = gort__container(t, probe, timer);
  p->fired++;
  total++;
  disorder += p->when < last_fired;
  last_fired = p->when;
}

static int setup(void **state) {
  (void)state;
  rt = steps_new(1);
  memset(probes, 0, sizeof probes);
  for (int i = 0; i < MANY; i++) gort__timer_init(&probes[i].timer, fire);
  last_fired = 0;
  total = disorder = 0;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  gort_destroy(rt);
  return 0;
}

static void arm(int i, int64_t when) {
  probes[i].when = when;
  assert_int_equal(gort__timers_arm(&rt->timers, &probes[i].timer, when), 0);
}

static void test_order(void **state) {
  (void)state;
  gort__rand rand;
  gort__rand_init(&rand, 42);
  assert_true(gort__timers_next(&rt->timers) == GORT_FOREVER);
  for (int i = 0; i < MANY; i++) arm(i, 1 + gort__rand_below(&rand, 5000));
  assert_int_equal(rt->timers.count, MANY);
  assert_int_equal(gort__timers_fire(rt, 0), 0);
  unsigned n = 0;
  for (int64_t now = 500; now <= 5000; now += 500) {
    n += gort__timers_fire(rt, now);
    assert_true(last_fired <= now);
    assert_true(gort__timers_next(&rt->timers) > now);
  }
  assert_int_equal(n, MANY);
  assert_int_equal(total, MANY);
  assert_int_equal(disorder, 0);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(probes[i].fired, 1);
    assert_int_equal(probes[i].timer.index, -1);
  }
  assert_true(gort__timers_next(&rt->timers) == GORT_FOREVER);
  assert_int_equal(rt->timers.plain, 0);
}

static void test_disarm(void **state) {
  (void)state;
  gort__rand rand;
  gort__rand_init(&rand, 7);
  for (int i = 0; i < MANY; i++) arm(i, 1 + gort__rand_below(&rand, 5000));
  for (int i = 0; i < MANY; i += 2)
    assert_true(gort__timers_disarm(&rt->timers, &probes[i].timer));
  assert_false(gort__timers_disarm(&rt->timers, &probes[0].timer));
  for (int i = 1; i < MANY; i += 4) { /* move some */
    assert_true(gort__timers_disarm(&rt->timers, &probes[i].timer));
    arm(i, 1 + gort__rand_below(&rand, 5000));
  }
  for (size_t i = 1; i < rt->timers.count; i++)
    assert_true(rt->timers.heap[(i - 1) / 4].when <= rt->timers.heap[i].when);
  assert_int_equal(gort__timers_fire(rt, 5000), MANY / 2);
  assert_int_equal(disorder, 0);
  for (int i = 0; i < MANY; i++) assert_int_equal(probes[i].fired, i % 2);
  assert_false(gort__timers_disarm(&rt->timers, &probes[1].timer));
}

static void test_shrink(void **state) {
  (void)state;
  for (int i = 0; i < MANY; i++) arm(i, i + 1);
  size_t most = rt->timers.room;
  assert_true(most >= MANY);
  for (int i = MANY; i-- > 10;)
    gort__timers_disarm(&rt->timers, &probes[i].timer);
  assert_true(rt->timers.room < most / 2);
  for (int i = 10; i < MANY; i++) arm(i, i + 1);
  assert_int_equal(gort__timers_fire(rt, MANY), MANY);
  assert_true(rt->timers.room < most);
  assert_int_equal(disorder, 0);
}

static void test_reserve(void **state) {
  (void)state;
  for (int i = 0; i < 1000; i++)
    assert_int_equal(gort__timers_reserve(&rt->timers), 0);
  assert_true(rt->timers.room >= 1000);
  for (int i = 0; i < 1000; i++) {
    probes[i].timer.reserved = true;
    arm(i, 1000 - i);
  }
  assert_int_equal(rt->timers.plain, 0);
  assert_int_equal(gort__timers_fire(rt, 1000), 1000);
  assert_int_equal(disorder, 0);
  for (int i = 0; i < 1000; i++) gort__timers_unreserve(&rt->timers);
  assert_int_equal(rt->timers.reserved, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_disarm, setup, teardown),
      cmocka_unit_test_setup_teardown(test_shrink, setup, teardown),
      cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
  };
  return RUN_GROUP(tests);
}
