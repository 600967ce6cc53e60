/* ring.c - stealing from another worker's ring.
 *
 * SPDX-License-Identifier: MIT */
#include "sync/ring.h"

unsigned gort__ring_steal(gort__ring *r, void **out, unsigned room) {
  unsigned head = atomic_load_explicit(&r->head, memory_order_acquire);
  for (;;) {
    unsigned tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    unsigned n = tail - head;
    if (n == 0 || n > GORT_RING) {
      if (n == 0) return 0;
      /* head is stale: it was read before others took past it. */
      head = atomic_load_explicit(&r->head, memory_order_acquire);
      continue;
    }
    n -= n / 2;
    if (n > room) n = room;
    for (unsigned i = 0; i < n; i++)
      out[i] = atomic_load_explicit(&r->slot[(head + i) % GORT_RING],
                                    memory_order_relaxed);
    if (atomic_compare_exchange_weak_explicit(&r->head, &head, head + n,
                                              memory_order_acq_rel,
                                              memory_order_acquire))
      return n;
  }
}
