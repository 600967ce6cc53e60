/* steal.h - taking work from another worker.
 *
 * SPDX-License-Identifier: MIT
 *
 * A thief that runs dry at once, time and again, asks whether it should steal
 * there at all (gather.h): what it takes it fetches line by line from the other's
 * cache. Nobody takes anything from a worker that others have joined. */
#ifndef GORT_SCHED_STEAL_H
#define GORT_SCHED_STEAL_H

#include "sched/runtime.h"

/* Takes work from some other worker: a QUEUED vm or a record, which are the
 * caller's then (the other is NULL), and perhaps more into w's rings. Both NULL:
 * there is none to be had. */
void gort__steal(gort_worker *w, gort_vm **vm, gort_record **r);

/* What w has stays with it. */
static inline bool gort__stays(gort_worker *w) {
  return atomic_load_explicit(&w->gather.joined, memory_order_relaxed) > 0;
}

/* There is work that a thief would take, of w's; of w's or everybody's, in the
 * eyes of w itself: also what w will come to presently. */
bool gort__steal_can(gort_worker *w);
bool gort__steal_offers(gort_worker *w);

#endif
