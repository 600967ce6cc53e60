/* steal.h - taking work from another worker, and when not to.
 *
 * SPDX-License-Identifier: MIT
 *
 * A thief fetches what it takes line by line from the other's cache, and what
 * the tasks then tell those they left crosses over, too. That pays for work
 * that takes long. So each theft is judged when the thief has nothing left of
 * it: after one that did not keep it busy, work of that kind *stays* with its
 * worker for a tick of the monitor's, for up to four if that happens again and
 * again. Vms stay, too, where one has joined (meet.h).
 *
 * What stays is not lost sight of: its own worker goes on with it, and when it
 * is over the monitor wakes a thief if there still is work. Nobody is woken for
 * it meanwhile. */
#ifndef GORT_SCHED_STEAL_H
#define GORT_SCHED_STEAL_H

#include "sched/runtime.h"

/* Takes work from some other worker: a QUEUED vm or a record, which are the
 * caller's then (the other is NULL), and perhaps more into w's rings. Both NULL:
 * there is none to be had. */
void gort__steal(gort_worker *w, gort_vm **vm, gort_record **r);

/* From now on work of this kind stays with w for a while. Any thread. */
void gort__stay(gort_worker *w, gort__loot loot);

static inline bool gort__stays(const gort_worker *w, gort__loot loot) {
  return gort__monitor_now(w->rt) <
         atomic_load_explicit(&w->stay_until[loot], memory_order_relaxed);
}

/* There is work that a thief would take, of w's; of w's or everybody's, in the
 * eyes of w itself: also what w will come to presently. */
bool gort__steal_can(gort_worker *w);
bool gort__steal_offers(gort_worker *w);

#endif
