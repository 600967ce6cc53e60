/* conds.c - producers signal, consumers wait with and without a timeout: no
 * signal is lost to a consumer that has just given up.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "support/locks.h"
#include "support/stress.h"

enum { CONSUMERS = 12, PRODUCERS = 4, EACH = 60, TOTAL = CONSUMERS * EACH };

typedef struct store {
  gort_mutex *mu;
  gort_cond *filled;
  gort_waitgroup *wg;
  int items; /* guarded by mu, as the rest */
  int consumed;
  int timeouts;
} store;

typedef struct actor {
  steps s;
  store *st;
  gort__rand rand;
  int i;
  int64_t until;
} actor;

static gort_step consume(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  for (a->i = 0; a->i < EACH; a->i++) {
    LOCK(s, a->st->mu, GORT_FOREVER);
    while (a->st->items == 0) {
      a->until = GORT_FOREVER;
      if (gort__rand_below(&a->rand, 2))
        a->until = gort_now() + gort__rand_below(&a->rand, 100) * 1000;
      COND_WAIT(s, a->st->filled, a->until);
      a->until = s->res.status;
      LOCK(s, a->st->mu, GORT_FOREVER);
      if (a->until != 0) a->st->timeouts++;
      /* As careful as code that waits with a timeout has to be: what it was
       * to take, had it been woken, is for another. */
    }
    a->st->items--;
    a->st->consumed++;
    gort_mutex_unlock(a->st->mu);
  }
  gort_waitgroup_add(a->st->wg, -1);
  STEPS_END(s);
}

static gort_step produce(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  for (a->i = 0; a->i < TOTAL / PRODUCERS; a->i++) {
    LOCK(s, a->st->mu, GORT_FOREVER);
    a->st->items++;
    gort_mutex_unlock(a->st->mu);
    /* Now and then all at once. */
    if (gort__rand_below(&a->rand, 10))
      gort_cond_signal(a->st->filled);
    else
      gort_cond_broadcast(a->st->filled);
    if (gort__rand_below(&a->rand, 8) == 0)
      SLEEP(s, gort__rand_below(&a->rand, 150) * 1000);
  }
  gort_waitgroup_add(a->st->wg, -1);
  STEPS_END(s);
}

static gort_step start_all(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(a->st->wg, CONSUMERS + PRODUCERS);
  for (int i = 0; i < CONSUMERS + PRODUCERS; i++) {
    actor b = {.s.body = i < CONSUMERS ? consume : produce, .st = a->st};
    gort__rand_init(&b.rand, gort__rand_next(&a->rand));
    if (!GO(s->rt, b)) abort();
  }
  RECV(s, a->st->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers) {
  store st = {0};
  actor m = {.s.body = start_all, .st = &st};
  gort__rand_init(&m.rand, seed);
  if (gort_mutex_new(&st.mu) || gort_cond_new(st.mu, &st.filled) ||
      gort_waitgroup_new(&st.wg))
    abort();
  int rc = RUN(workers, m); /* a lost signal: a deadlock */
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  EXPECT(st.consumed == TOTAL, "workers %u: %d", workers, st.consumed);
  EXPECT(st.items == 0, "workers %u: %d", workers, st.items);
  release(st.filled);
  release(st.mu);
  release(st.wg);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(12, &runs);
  for (int i = 0; i < runs && !stress_wrong; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i, w);
  return stress_wrong > 0;
}
