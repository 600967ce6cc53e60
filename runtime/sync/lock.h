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

/* What locks know of a thread. They remember who had them last: the same thread
 * takes one again without further ado, another one learns whom it follows. */
typedef struct gort__lock_owner {
  unsigned id;    /* even */
  unsigned takes; /* how many locks it has taken */
  /* NULL, or told, under the lock, who had it before this thread. */
  void (*follow)(unsigned id);
} gort__lock_owner;

enum {
  GORT_LOCK_HELD = 1,    /* a bit */
  GORT_LOCK_NO_ID = 0,   /* of all threads that have no id of their own */
  GORT_LOCK_FIRST_ID = 2 /* of those that have: this, and every second */
};

extern _Thread_local gort__lock_owner gort__lock_self
    __attribute__((tls_model("initial-exec")));

typedef struct gort__lock {
  /* The id of who has it, with HELD, or had it last. Acquire on take, release
   * on give: the holder alone writes it then. */
  atomic_uint word;
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
  atomic_init(&l->word, gort__lock_self.id);
#ifdef GORT_DEBUG
  l->rank = rank;
#else
  (void)rank;
#endif
}

static inline void gort__lock_take(gort__lock *l) {
  gort__lock_note_take(l);
  unsigned mine = gort__lock_self.id;
  gort__lock_self.takes++;
  if (GORT_UNLIKELY(!atomic_compare_exchange_strong_explicit(
          &l->word, &mine, mine | GORT_LOCK_HELD, memory_order_acquire,
          memory_order_relaxed)))
    gort__lock_slow(l);
}

static inline void gort__lock_give(gort__lock *l) {
  gort__lock_note_give(l);
  atomic_store_explicit(&l->word, gort__lock_self.id, memory_order_release);
}

#endif
