/* ring.h - a bounded FIFO of pointers: one owner pushes, anyone takes.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariants:
 *   I1. tail - head is between 0 and GORT_RING (counters wrap at 2^32).
 *   I2. only the owner moves tail; whoever moves head (by CAS) owns the slots
 *       it passed. A slot is written only outside [head, tail).
 * Threads: push and pop by the owner, steal by any other worker. Modelled in
 *   tests/model/ring.pml. */
#ifndef GORT_SYNC_RING_H
#define GORT_SYNC_RING_H

#include "base/defs.h"

enum { GORT_RING = 256 };

typedef struct gort__ring {
  /* release on a take (the slot may be written again), acquire by push. */
  _Alignas(GORT_CACHELINE) atomic_uint head;
  /* release by push (the slot is filled), acquire by takers. */
  _Alignas(GORT_CACHELINE) atomic_uint tail;
  _Atomic(void *) slot[GORT_RING];
} gort__ring;

static inline void gort__ring_init(gort__ring *r) {
  atomic_init(&r->head, 0);
  atomic_init(&r->tail, 0);
}

static inline unsigned gort__ring_count(gort__ring *r) {
  unsigned head = atomic_load_explicit(&r->head, memory_order_acquire);
  unsigned tail = atomic_load_explicit(&r->tail, memory_order_acquire);
  int n = (int)(tail - head);
  return n > 0 ? (unsigned)n : 0; /* head may be older than tail */
}

/* Owner. False when full. */
static inline bool gort__ring_push(gort__ring *r, void *item) {
  unsigned head = atomic_load_explicit(&r->head, memory_order_acquire);
  unsigned tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
  if (tail - head >= GORT_RING) return false;
  atomic_store_explicit(&r->slot[tail % GORT_RING], item, memory_order_relaxed);
  atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
  return true;
}

/* Owner. The oldest item, NULL when empty. */
static inline void *gort__ring_pop(gort__ring *r) {
  unsigned head = atomic_load_explicit(&r->head, memory_order_acquire);
  unsigned tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
  while (tail != head) {
    void *item =
        atomic_load_explicit(&r->slot[head % GORT_RING], memory_order_relaxed);
    if (atomic_compare_exchange_weak_explicit(&r->head, &head, head + 1,
                                              memory_order_acq_rel,
                                              memory_order_acquire))
      return item;
  }
  return NULL;
}

/* Takes up to half of the items (at least one if there is one, at most room)
 * into out, oldest first. Any thread. */
unsigned gort__ring_steal(gort__ring *r, void **out, unsigned room);

#endif
