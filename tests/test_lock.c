/* SPDX-License-Identifier: MIT */
/* test_lock.c - the lock, contended by threads. */
#include "support/check.h"

#include <pthread.h>
#include <sched.h>

#include "sync/lock.h"

enum { THREADS = 8, TIMES = 20000 };

static gort__lock locks[3];
static long counters[3];

static void *count(void *arg) {
  unsigned which = (unsigned)(uintptr_t)arg;
  for (int i = 0; i < TIMES; i++) {
    gort__lock *l = &locks[which % 3];
    gort__lock_take(l);
    counters[which % 3]++;
    /* Now and then the holder loses its processor. */
    if (i % 4096 == 0) sched_yield();
    gort__lock_give(l);
    which++;
  }
  return NULL;
}

static void test_contended(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  for (int i = 0; i < 3; i++) gort__lock_init(&locks[i], GORT_RANK_LEAF);
  for (uintptr_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)i), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(counters[0] + counters[1] + counters[2], THREADS * TIMES);
}

/* Ranks in order, sources by address, more of them than are noted. */
static void test_ranks(void **state) {
  (void)state;
  enum { MANY = 100 };
  static gort__lock many[MANY];
  gort__lock timers, leaf;
  gort__lock_init(&timers, GORT_RANK_TIMERS);
  gort__lock_init(&leaf, GORT_RANK_LEAF);
  for (int i = 0; i < MANY; i++) {
    gort__lock_init(&many[i], GORT_RANK_SOURCE);
    gort__lock_take(&many[i]);
  }
  gort__lock_take(&timers);
  gort__lock_take(&leaf);
  gort__lock_give(&timers); /* not the last one taken */
  gort__lock_give(&leaf);
  for (int i = MANY; i-- > 0;) gort__lock_give(&many[i]);
  gort__lock_take(&many[0]);
  gort__lock_take(&leaf);
  gort__lock_give(&leaf);
  gort__lock_give(&many[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_contended),
      cmocka_unit_test(test_ranks),
  };
  return RUN_GROUP(tests);
}
