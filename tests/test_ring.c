/* SPDX-License-Identifier: MIT */
/* test_ring.c - the bounded queue of one owner and many thieves. */
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>

#include "sync/ring.h"

static void *item(uintptr_t n) { return (void *)n; }

static void test_fifo(void **state) {
  (void)state;
  static gort__ring r;
  gort__ring_init(&r);
  atomic_store(&r.head, UINT32_MAX - 5); /* the counters wrap on the way */
  atomic_store(&r.tail, UINT32_MAX - 5);
  assert_null(gort__ring_pop(&r));
  for (uintptr_t i = 1; i <= GORT_RING; i++)
    assert_true(gort__ring_push(&r, item(i)));
  assert_false(gort__ring_push(&r, item(1)));
  assert_int_equal(gort__ring_count(&r), GORT_RING);
  for (uintptr_t i = 1; i <= GORT_RING; i++)
    assert_ptr_equal(gort__ring_pop(&r), item(i));
  assert_null(gort__ring_pop(&r));
  assert_int_equal(gort__ring_count(&r), 0);
}

static void test_steal(void **state) {
  (void)state;
  static gort__ring r;
  void *out[GORT_RING];
  gort__ring_init(&r);
  assert_int_equal(gort__ring_steal(&r, out, GORT_RING), 0);
  for (uintptr_t i = 1; i <= 7; i++) gort__ring_push(&r, item(i));
  assert_int_equal(gort__ring_steal(&r, out, GORT_RING), 4); /* half, up */
  for (uintptr_t i = 0; i < 4; i++) assert_ptr_equal(out[i], item(i + 1));
  assert_int_equal(gort__ring_steal(&r, out, 1), 1);
  assert_ptr_equal(out[0], item(5));
  assert_int_equal(gort__ring_steal(&r, out, GORT_RING), 1);
  assert_int_equal(gort__ring_steal(&r, out, GORT_RING), 1);
  assert_int_equal(gort__ring_steal(&r, out, GORT_RING), 0);
}

/* One owner pushes and pops, thieves steal: every item is seen once, and by
 * each thread in the order pushed. */
enum { ITEMS = 100000, THIEVES = 3 };
static gort__ring shared;
static atomic_uchar times[ITEMS + 1];
static atomic_bool over;
static atomic_int disorder;

static void take(uintptr_t n, uintptr_t *last) {
  atomic_fetch_add(&times[n], 1);
  if (n <= *last) atomic_fetch_add(&disorder, 1);
  *last = n;
}

static void *thief(void *arg) {
  (void)arg;
  void *out[GORT_RING / 2];
  uintptr_t last = 0;
  for (;;) {
    bool last_look = atomic_load(&over);
    unsigned n = gort__ring_steal(&shared, out, GORT_RING / 2);
    for (unsigned i = 0; i < n; i++) take((uintptr_t)out[i], &last);
    if (n == 0 && last_look) return NULL;
  }
}

static void test_thieves(void **state) {
  (void)state;
  pthread_t threads[THIEVES];
  uintptr_t last = 0;
  void *got;
  gort__ring_init(&shared);
  for (int i = 0; i < THIEVES; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, thief, NULL), 0);
  for (uintptr_t i = 1; i <= ITEMS; i++) {
    while (!gort__ring_push(&shared, item(i)))
      if ((got = gort__ring_pop(&shared))) take((uintptr_t)got, &last);
    if (i % 3 == 0 && (got = gort__ring_pop(&shared)))
      take((uintptr_t)got, &last);
  }
  while ((got = gort__ring_pop(&shared))) take((uintptr_t)got, &last);
  atomic_store(&over, true);
  for (int i = 0; i < THIEVES; i++) pthread_join(threads[i], NULL);
  assert_int_equal(disorder, 0);
  for (int i = 1; i <= ITEMS; i++) assert_int_equal(times[i], 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fifo),
      cmocka_unit_test(test_steal),
      cmocka_unit_test(test_thieves),
  };
  return RUN_GROUP(tests);
}
