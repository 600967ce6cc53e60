/* bond.h - tasks that a context ends.
 *
 * SPDX-License-Identifier: MIT
 *
 * A bound task's waits end when its context does. They need no waiter for
 * that: who ends the context finds the task through its bond and claims the
 * ticket of the wait that is under way. So every wait of a bound task is
 * decided by its ticket, and between waits the ticket is not OPEN.
 *
 *   Wait (the task):  W1 ticket = OPEN, waiters queued   W2 fence
 *                     W3 the context is done: claim the ticket, ready self
 *   End (any thread): E1 status   E2 fence (in E1)
 *                     E3 under the lock, claim the ticket of each bond
 *   W3 sees the status, or E3 sees the ticket open: no wait outlasts its
 *   context. Both may: the ticket lets one win. Modelled in
 *   tests/model/bond.pml.
 *
 * Locking: link is guarded by the context's lock; a linked bond's task exists.
 * Ownership: a record's, then its task's; owns a count of the context. */
#ifndef GORT_CTX_BOND_H
#define GORT_CTX_BOND_H

#include "ctx/context.h"
#include "sched/task.h"

struct gort__bond {
  gort__link link;   /* in ctx->bonds, unless shielded or taken */
  gort_context *ctx; /* immutable; owned */
  gort_task *task;   /* immutable from its start on */
  bool shielded;     /* the task's own */
};

/* t begins, with the bond of its record. */
void gort__bond_start(gort_task *t, gort__bond *bond);
/* t ends, or its record does (t is NULL). */
void gort__bond_free(gort__bond *bond);
/* Ends the waits of c's bound tasks; c's lock is held. True when one of them
 * does not wait: it may compute. */
bool gort__bonds_end_locked(gort_context *c, gort__wakelist *wake);
/* W2 and W3; self is bound. */
void gort__bond_check(gort_task *self);

#endif
