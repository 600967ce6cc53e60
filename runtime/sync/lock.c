/* lock.c - what a contended lock does, and the debug build's bookkeeping.
 *
 * SPDX-License-Identifier: MIT */
#include "sync/lock.h"

#include <sched.h>
#include <time.h>

enum { SPINS = 200, YIELDS = 50 };

_Thread_local gort__lock_owner gort__lock_self = {GORT_LOCK_NO_ID, 0, NULL};

static bool take(gort__lock *l) {
  unsigned word = atomic_load_explicit(&l->word, memory_order_relaxed);
  unsigned mine = gort__lock_self.id;
  if (word & GORT_LOCK_HELD || !atomic_compare_exchange_strong_explicit(
                                   &l->word, &word, mine | GORT_LOCK_HELD,
                                   memory_order_acquire, memory_order_relaxed))
    return false;
  if (word != mine && gort__lock_self.follow) gort__lock_self.follow(word);
  return true;
}

GORT_NOINLINE void gort__lock_slow(gort__lock *l) {
  for (unsigned round = 0;; round++) {
    for (int i = 0; i < SPINS; i++) {
      if (take(l)) return;
      gort__pause();
    }
    /* The holder has most likely lost its processor. */
    if (round < YIELDS)
      sched_yield();
    else
      nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
  }
}

#ifdef GORT_DEBUG
/* What this thread holds, in the order taken. Beyond MAX_NOTED (a select over
 * many channels) locks are counted and not checked. */
enum { MAX_NOTED = 64 };
static _Thread_local struct {
  gort__lock *lock[MAX_NOTED];
  size_t count;
} held;

void gort__lock_note_take(gort__lock *l) {
  for (size_t i = 0; i < held.count && i < MAX_NOTED; i++) {
    GORT_CHECK(held.lock[i] != l);
    GORT_CHECK(held.lock[i]->rank < l->rank ||
               (l->rank == GORT_RANK_SOURCE &&
                held.lock[i]->rank == GORT_RANK_SOURCE && held.lock[i] < l));
  }
  if (held.count < MAX_NOTED) held.lock[held.count] = l;
  held.count++;
}

void gort__lock_note_give(gort__lock *l) {
  GORT_CHECK(held.count > 0);
  size_t noted = held.count < MAX_NOTED ? held.count : MAX_NOTED;
  size_t i = noted;
  while (i > 0 && held.lock[i - 1] != l) i--;
  GORT_CHECK(i > 0 || held.count > MAX_NOTED);
  for (; i > 0 && i < noted; i++) held.lock[i - 1] = held.lock[i];
  held.count--;
}
#endif
