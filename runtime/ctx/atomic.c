/* atomic.c - an integer that tasks share, without a lock.
 *
 * SPDX-License-Identifier: MIT
 *
 * All operations are sequentially consistent, as Go's: what a task did before
 * one is seen by whoever sees its result. */
#include "base/object.h"

struct gort_atomic {
  gort_object obj;
  _Atomic int64_t n;
};

static void atomic_destroy(gort_object *o) {
  gort_free(gort__container(o, gort_atomic, obj));
}

static const gort_class atomic_class = {"atomic", atomic_destroy, NULL};

const gort_class *gort_atomic_class(void) { return &atomic_class; }

int gort_atomic_new(int64_t n, gort_atomic **out) {
  gort_atomic *a = gort_malloc(sizeof *a);
  if (!a) return GORT_ENOMEM;
  gort__object_init(&a->obj, &atomic_class);
  atomic_init(&a->n, n);
  *out = a;
  return 0;
}

int64_t gort_atomic_load(gort_atomic *a) { return atomic_load(&a->n); }

void gort_atomic_store(gort_atomic *a, int64_t n) { atomic_store(&a->n, n); }

int64_t gort_atomic_add(gort_atomic *a, int64_t d) {
  /* Unsigned: the sum wraps around. */
  return (int64_t)((uint64_t)atomic_fetch_add(&a->n, d) + (uint64_t)d);
}

int64_t gort_atomic_swap(gort_atomic *a, int64_t n) {
  return atomic_exchange(&a->n, n);
}

bool gort_atomic_cas(gort_atomic *a, int64_t from, int64_t to) {
  return atomic_compare_exchange_strong(&a->n, &from, to);
}
