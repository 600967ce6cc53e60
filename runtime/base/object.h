/* object.h - the head of everything that several owners hold.
 *
 * SPDX-License-Identifier: MIT
 *
 * Ownership: each holder owns one count; the last release destroys. */
#ifndef GORT_BASE_OBJECT_H
#define GORT_BASE_OBJECT_H

#include "base/defs.h"

struct gort_object {
  const gort_class *cls; /* immutable */
  /* Atomic: relaxed on retain (the caller has one already); release on drop,
   * acquire by the one who destroys. */
  atomic_uint refs;
  /* Atomic: the number of the last look for leaks (leaks.c) before a handle
   * of it came to a vm. */
  _Atomic uint32_t arrived;
};

static inline void gort__object_init(gort_object *o, const gort_class *cls) {
  o->cls = cls;
  atomic_init(&o->refs, 1);
  atomic_init(&o->arrived, 0);
}

/* Another count, unless the last one is gone: for those who find o in a list
 * that it leaves before it is freed. */
static inline bool gort__object_retain_try(gort_object *o) {
  unsigned refs = atomic_load_explicit(&o->refs, memory_order_relaxed);
  while (refs > 0)
    if (atomic_compare_exchange_weak_explicit(&o->refs, &refs, refs + 1,
                                              memory_order_relaxed,
                                              memory_order_relaxed))
      return true;
  return false;
}

/* The integer that n is mathematically; false when it is none. */
bool gort__float_to_integer(double n, int64_t *i);

#endif
