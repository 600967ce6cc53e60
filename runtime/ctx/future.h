/* future.h - a value that will be there some time.
 *
 * SPDX-License-Identifier: MIT
 *
 * Set once; then everyone who receives gets a copy, with ok as it was set.
 *
 * Invariants (whenever src.lock is free):
 *   I1. set goes once from false to true; value and ok never change after it.
 *   I2. set => no claimable waiter is queued. */
#ifndef GORT_CTX_FUTURE_H
#define GORT_CTX_FUTURE_H

#include "wait/waiter.h"

struct gort_future {
  gort_source src;
  /* Immutable: called first of all when it is set, without a lock; or NULL. */
  void (*settle)(gort_future *f);
  /* Guarded by src.lock. */
  bool set, ok;
  gort_value value;
  gort__link waiters;
};

/* For classes whose objects begin with a future. */
void gort__future_init(gort_future *f, const gort_class *cls,
                       void (*settle)(gort_future *f));
void gort__future_fini(gort_future *f);
extern const gort__source_ops gort__future_source;

#endif
