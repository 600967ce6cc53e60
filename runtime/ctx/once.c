/* once.c - a call that is made the first time somebody wants its results.
 *
 * SPDX-License-Identifier: MIT
 *
 * Ownership: the record is the once's until somebody takes it to start it; the
 *   call then has nothing to do with the once but the future. */
#include "ctx/future.h"
#include "sched/runtime.h"

struct gort_once {
  gort_object obj;
  gort_future *future; /* owned */
  /* Taken once: acq_rel. */
  _Atomic(gort_record *) call;
};

static void once_destroy(gort_object *o) {
  gort_once *once = gort__container(o, gort_once, obj);
  gort_record *r = gort_once_begin(once);
  if (r) {
    gort_record_runtime(r)->options.ops->drop(r);
    gort_record_free(r);
  }
  gort_object_release(&once->future->src.obj);
  gort_free(once);
}

static const gort_class once_class = {"once", once_destroy, NULL};

const gort_class *gort_once_class(void) { return &once_class; }

int gort_once_new(gort_record *call, gort_future *f, gort_once **out) {
  gort_once *once = gort_malloc(sizeof *once);
  if (!once) return GORT_ENOMEM;
  gort__object_init(&once->obj, &once_class);
  gort_object_retain(&f->src.obj);
  once->future = f;
  atomic_init(&once->call, call);
  *out = once;
  return 0;
}

gort_record *gort_once_begin(gort_once *once) {
  /* Usually it has been: no write then. */
  if (!atomic_load_explicit(&once->call, memory_order_relaxed)) return NULL;
  return atomic_exchange_explicit(&once->call, NULL, memory_order_acq_rel);
}

gort_future *gort_once_future(gort_once *once) { return once->future; }
