/* context.h - contexts: a tree of things that end.
 *
 * SPDX-License-Identifier: MIT
 *
 * A context is a source that becomes ready, for good, when it is cancelled,
 * when its deadline passes, or when its parent ends.
 *
 * Invariants:
 *   I1. status goes once from 0 to a code, under src.lock; cause is set
 *       before it and never changes after it.
 *   I2. While status is 0 in a linked context, sibling is in the parent's
 *       children, or somebody who ends the parent has taken it from there.
 *   I3. ended is set when status is set here and in all that come from here;
 *       whoever ends a context returns after that, also when somebody else
 *       was first.
 *   I4. Once status is set, waiters, children, afters and bonds only shrink.
 * Locking: src.lock, rank SOURCE; never two of them at once. sibling is
 *   guarded by the parent's lock. TIMERS is taken under it.
 * Ownership: a context owns a count of its parent. The parent's list and the
 *   timer heap hold none of it: they find it with gort__object_retain_try,
 *   and it leaves both before it is freed.
 * Ending a tree (context.c) needs no memory and no recursion: the contexts
 *   being ended are a stack, linked by pending; each belongs to the thread
 *   that set its status. Waits for another thread's ending go only down the
 *   tree, so they cannot form a circle. */
#ifndef GORT_CTX_CONTEXT_H
#define GORT_CTX_CONTEXT_H

#include "wait/waiter.h"

typedef struct gort__place gort__place;

struct gort_context {
  gort_source src;

  /* Immutable after new. */
  gort *rt;
  gort_context *parent; /* owned; NULL: a root */
  gort_context *keyed;  /* the nearest with a key, this one too; or NULL */
  bool linked;          /* made as one of its parent's children */
  bool can_end;         /* linked, or by itself */
  bool has_timer;       /* for a deadline earlier than its parent's */
  int64_t deadline;     /* the earliest on the way to the root, or FOREVER */
  gort_context *dated;  /* whose it is, this one's too; or NULL */
  gort_value key, value;

  /* Guarded by src.lock. */
  gort__link waiters, children, afters;
  gort__link bonds; /* of bound tasks (bond.h) */
  double wall;      /* the deadline since the epoch; 0: nobody has asked */
  gort_value cause; /* read without lock once status is set */
  gort_value deadline_cause;

  gort__place *place; /* where it was made, if noted (place.h) */

  gort__link sibling; /* guarded by the parent's lock */

  /* Atomic. Released with what I1 and I3 promise, acquired by readers. */
  atomic_int status;
  atomic_bool ended;

  gort_context *pending; /* of the thread that ends it */
  gort__timer timer;
  gort_context *next_fired; /* of the list it is in */
};

static inline gort_context *gort__context_of(gort_source *s) {
  return gort__container(s, gort_context, src);
}

/* Queues w on ctx, or claims and readies its task when ctx is done. */
void gort__context_watch(gort_context *ctx, gort_waiter *w);
/* The unlocked half of firing; takes each context's count. */
void gort__context_fire_all(gort_context *fired);
/* The roots of a runtime. */
int gort__context_roots_init(gort *rt);
void gort__context_roots_fini(gort *rt);

#endif
