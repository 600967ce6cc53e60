/* timer.h - timers and tickers as things to wait for.
 *
 * SPDX-License-Identifier: MIT
 *
 * A timer is a time, not an event: whether it has fired is computed when
 * someone looks, so there is no stale tick after stop or reset, and a timer
 * that nobody waits for costs nothing and keeps no program alive. It is in
 * the heap only while a task waits for it or it has a function to start.
 *
 * Invariants (whenever src.lock is free):
 *   I1. armed: node is in the heap, or a fired list holds the timer; either
 *       owns one count.
 *   I2. a waiter is queued, or make is set, and when is not FOREVER
 *       => armed. */
#ifndef GORT_WAIT_TIMER_H
#define GORT_WAIT_TIMER_H

#include "wait/waiter.h"

struct gort_timer {
  gort_source src;
  gort *rt; /* immutable, as make, drop, arg */
  gort_record *(*make)(void *arg);
  void (*drop)(void *arg);
  void *arg;

  /* Guarded by src.lock. */
  int64_t when;   /* GORT_FOREVER: stopped, or fired and received */
  int64_t period; /* 0: once */
  bool armed;
  gort__link waiters;

  gort__timer node;
  gort_timer *next_fired; /* owned by the list it is in */
};

/* The unlocked half of firing; takes each timer's count. */
void gort__timer_fire_all(gort_timer *fired);

#endif
