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
};

static inline void gort__object_init(gort_object *o, const gort_class *cls) {
  o->cls = cls;
  atomic_init(&o->refs, 1);
}

#endif
