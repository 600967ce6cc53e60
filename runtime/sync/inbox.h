/* inbox.h - many push, one takes everything: how other threads hand a vm its
 * readied tasks.
 *
 * SPDX-License-Identifier: MIT
 *
 * A stack that is only ever emptied whole, so it has no ABA problem; the
 * taker turns it round to get arrival order.
 * Threads: push by any, take by the vm's worker. The push is sequentially
 *   consistent because it is one half of the wake-up handshake with the vm's
 *   state (vm.h, "Leaving"); tests/model/vm.pml. */
#ifndef GORT_SYNC_INBOX_H
#define GORT_SYNC_INBOX_H

#include "base/defs.h"

typedef struct gort__node {
  struct gort__node *next;
} gort__node;

typedef _Atomic(gort__node *) gort__inbox;

static inline void gort__inbox_push(gort__inbox *in, gort__node *node) {
  gort__node *head = atomic_load_explicit(in, memory_order_relaxed);
  do node->next = head;
  while (!atomic_compare_exchange_weak(in, &head, node));
}

static inline bool gort__inbox_empty(gort__inbox *in) {
  return atomic_load(in) == NULL;
}

/* Everything, oldest first, linked by next. */
static inline gort__node *gort__inbox_take(gort__inbox *in) {
  gort__node *stack = atomic_exchange_explicit(in, NULL, memory_order_acquire);
  gort__node *queue = NULL;
  while (stack) {
    gort__node *next = stack->next;
    stack->next = queue;
    queue = stack;
    stack = next;
  }
  return queue;
}

#endif
