/* after.h - calls that start when a context is done.
 *
 * SPDX-License-Identifier: MIT
 *
 * Ownership: it owns a count of its context, and while it waits the context's
 *   list owns one of it: what ends the context must find it. Such a pair that
 *   nobody ends or stops goes with the runtime (rt->afters).
 * Locking: link and waits are guarded by the context's lock, all by
 *   rt->afters_lock. */
#ifndef GORT_CTX_AFTER_H
#define GORT_CTX_AFTER_H

#include "ctx/context.h"

struct gort_after {
  gort_object obj;
  gort *rt;            /* immutable */
  gort_context *ctx;   /* immutable; owned */
  gort__link link;     /* in ctx->afters, or in the list of who ends it */
  gort__link all;      /* in rt->afters while it waits */
  gort_record *record; /* owned until started or stopped */
  bool waits;          /* link is in ctx->afters */
};

/* Takes all that wait for c into list; c's lock is held. */
void gort__afters_take_locked(gort_context *c, gort__link *list);
/* Starts what was taken; no lock is held. */
void gort__afters_start(gort__link *list);
/* Stops all that still wait; the runtime is going. */
void gort__afters_stop_all(gort *rt);

#endif
