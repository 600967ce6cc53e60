/* timers.h - the process's timers: one heap, whoever made them.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariants (whenever the heap's lock is free):
 *   I1. timer t is armed iff heap[t->index].timer == t (index >= 0).
 *   I2. heap[i].when <= heap[j].when for every child j of i (4-ary).
 *   I3. next == heap[0].when, or GORT_FOREVER when the heap is empty.
 * Locking: lock, rank TIMERS. fire is called with it held and may only claim
 *   a task or put an object on the list of those to fire afterwards.
 * Threads: any worker arms; fired by a worker between tasks, by the worker
 *   that waits in the poller, or by the monitor when all are busy. */
#ifndef GORT_WAIT_TIMERS_H
#define GORT_WAIT_TIMERS_H

#include "sync/lock.h"

typedef struct gort__timer gort__timer;

/* Tasks to be readied once the locks are dropped, oldest first. */
typedef struct gort__wakelist {
  gort_task *first, *last;
} gort__wakelist;

/* What firing leaves to be done without the lock. */
typedef struct gort__fired {
  gort__wakelist wake;
  gort_timer *timers;     /* by gort_timer.next_fired; each holds its count */
  gort_context *contexts; /* by gort_context.next_fired, likewise */
} gort__fired;

struct gort__timer {
  int64_t when;  /* guarded by the heap's lock while armed */
  int32_t index; /* guarded by the heap's lock; -1: not armed */
  bool reserved; /* immutable: arming cannot fail (gort__timers_reserve) */
  void (*fire)(gort__timer *t, gort__fired *fired);
};

typedef struct gort__timers {
  gort__lock lock;
  struct gort__heap_entry {
    int64_t when;
    gort__timer *timer;
  } * heap;
  size_t count, room;
  size_t reserved; /* room kept for timers that may not fail to arm */
  size_t plain;    /* armed timers without a reservation */
  /* Atomic: when the first timer is due. Release on change, acquire by those
   * who decide how long to sleep, and by the deadlock check: who sees a timer
   * gone sees the count that its firing holds (rt->external). */
  _Atomic int64_t next;
} gort__timers;

void gort__timers_init(gort__timers *ts);
void gort__timers_fini(gort__timers *ts);

/* Keeps room for one timer whose arming must not fail. 0 or GORT_ENOMEM. */
int gort__timers_reserve(gort__timers *ts);
void gort__timers_unreserve(gort__timers *ts);
/* 0, or GORT_ENOMEM for a timer without a reservation. */
int gort__timers_arm(gort__timers *ts, gort__timer *t, int64_t when);
/* True when it was armed. After it t is not in the heap and not firing. */
bool gort__timers_disarm(gort__timers *ts, gort__timer *t);
/* Lets go of the timer objects still armed; the runtime is going. */
void gort__timers_drop(gort *rt);
/* Fires what is due at now. Returns how many. */
unsigned gort__timers_fire(gort *rt, int64_t now);

/* The same, now. */
void gort__timers_fire_due(gort *rt);

static inline int64_t gort__timers_next(gort__timers *ts) {
  return atomic_load_explicit(&ts->next, memory_order_acquire);
}

static inline void gort__timer_init(gort__timer *t,
                                    void (*fire)(gort__timer *,
                                                 gort__fired *)) {
  t->index = -1;
  t->reserved = false;
  t->fire = fire;
}

#endif
