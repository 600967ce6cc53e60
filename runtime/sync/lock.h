/* lock.h - the lock of every runtime structure: tiny, ranked, short-held.
 *
 * SPDX-License-Identifier: MIT
 *
 * Nothing is called under one but this runtime's own short functions, so a
 * waiter spins; if the holder has lost its processor the waiter gives its own
 * away. Debug builds check that locks are taken in the order of their ranks
 * (two of rank SOURCE: by address) and released by their holder. */
#ifndef GORT_SYNC_LOCK_H
#define GORT_SYNC_LOCK_H

#include "base/defs.h"

/* Taken in this order; runtime/README.md says what each protects. */
typedef enum gort__rank {
  GORT_RANK_SOURCE, /* a channel, timer, wait group ... */
  GORT_RANK_TIMERS, /* the timer heap */
  GORT_RANK_SCHED,  /* idle workers, global queues, limits */
  GORT_RANK_LEAF    /* takes no other */
} gort__rank;

typedef struct gort__lock {
  atomic_uint held; /* acquire on take, release on give */
#ifdef GORT_DEBUG
  gort__rank rank;
#endif
} gort__lock;

void gort__lock_slow(gort__lock *l);

#ifdef GORT_DEBUG
void gort__lock_note_take(gort__lock *l);
void gort__lock_note_give(gort__lock *l);
#else
#define gort__lock_note_take(l) ((void)0)
#define gort__lock_note_give(l) ((void)0)
#endif

static inline void gort__lock_init(gort__lock *l, gort__rank rank) {
  atomic_init(&l->held, 0);
#ifdef GORT_DEBUG
  l->rank = rank;
#else
  (void)rank;
#endif
}

static inline void gort__lock_take(gort__lock *l) {
  gort__lock_note_take(l);
  if (GORT_UNLIKELY(
          atomic_exchange_explicit(&l->held, 1, memory_order_acquire)))
    gort__lock_slow(l);
}

static inline void gort__lock_give(gort__lock *l) {
  gort__lock_note_give(l);
  atomic_store_explicit(&l->held, 0, memory_order_release);
}

#endif
