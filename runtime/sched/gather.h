/* gather.h - whether two workers get more done as one.
 *
 * SPDX-License-Identifier: MIT
 *
 * What two workers hand to and fro they fetch from each other's caches, line by
 * line; what one of them does alone it has at hand. Which is better depends on
 * what the tasks do between two words, and nobody can know: so it is tried.
 *
 *   ask      A worker that meets another one all the time (meet.h), or to whom
 *            what it steals there is no more than a trifle (steal.h), asks.
 *   trial    From the monitor's next tick on what it has joins the other worker,
 *            once they meet, and nobody takes anything from that one. The work
 *            done by both before and after the tick is compared: steps, and
 *            locks taken.
 *   gathered It was more, or hardly less: so it stays for some ticks, longer each
 *            time, while not much less gets done. Then the worker may ask again.
 *   apart    It was less: asking is in vain for some ticks, likewise.
 *
 * What stays is not lost sight of: its worker goes on with it, and what computes
 * for long leaves through the global queue.
 *
 * Invariants:
 *   I1. A worker whose vms join another is joined by none, and the other joins
 *       none.
 *   I2. w->gather.joined is the number of workers whose joins is w.
 * Threads: the monitor alone moves states (gort__gather_tick). */
#ifndef GORT_SCHED_GATHER_H
#define GORT_SCHED_GATHER_H

#include "base/defs.h"

typedef struct gort_worker gort_worker;

typedef enum gort__gather_state {
  GORT_APART,
  GORT_TRIAL,
  GORT_GATHERED
} gort__gather_state;

typedef struct gort__gather {
  /* The worker's, until it sets asked (release); then the monitor's, which
   * clears it (release). */
  gort_worker *with;
  int64_t asked_at;
  unsigned asked_done;
  atomic_bool asked;

  /* Written by the monitor. joins: where its vms are to go, or NULL (release).
   * joined: how many workers join it; relaxed, a hint to thieves. */
  _Atomic(gort_worker *) joins;
  atomic_uint joined;

  /* The monitor's. */
  gort__gather_state state;
  gort_worker *other; /* in a trial, or gathered there */
  int64_t rate;       /* what both did before, in a millisecond */
  int64_t since;      /* when the count began ... */
  unsigned done;      /* ... and from what */
  int64_t until;      /* when it is over; apart: when asking helps again */
  int64_t ticks;      /* how long the last verdict was to last */
  bool good;          /* it was for being gathered */
} gort__gather;

/* w, the caller, has much to do with other. */
void gort__gather_ask(gort_worker *w, gort_worker *other);
/* The monitor ticks. */
void gort__gather_tick(gort *rt, int64_t now);

#endif
