/* rwmutex.c - many readers or one writer.
 *
 * SPDX-License-Identifier: MIT
 *
 * Phases alternate: a writer that waits keeps new readers out, and when a
 * writer is done all readers that wait go before the next writer. So neither
 * side starves. The lock is always handed over.
 *
 * Invariants (whenever the lock is free):
 *   I1. writing => readers == 0.
 *   I2. a claimable writer is queued => writing or readers > 0.
 *   I3. a claimable reader is queued => writing, or a claimable writer is
 *       queued. */
#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_rwmutex {
  gort_source src;
  /* Guarded by src.lock. */
  int64_t readers;
  bool writing;
  gort__link readq, writeq;
};

static gort_rwmutex *rwmutex_of(gort_source *s) {
  return gort__container(s, gort_rwmutex, src);
}

static const gort_value yes = {.type = GORT_BOOLEAN, .u.b = true};

static void let_in(gort_waiter *w, gort__wakelist *wake) {
  w->status = 0;
  w->ok = true;
  w->value = yes;
  gort__wakelist_add(wake, w->task);
}

static void admit_readers(gort_rwmutex *rw, gort__wakelist *wake) {
  gort_waiter *w;
  while ((w = gort__waiter_pop(&rw->readq))) {
    rw->readers++;
    let_in(w, wake);
  }
}

static void admit_writer(gort_rwmutex *rw, gort__wakelist *wake) {
  gort_waiter *w = gort__waiter_pop(&rw->writeq);
  if (!w) return;
  rw->writing = true;
  let_in(w, wake);
}

static int done(gort_result *res) {
  res->status = 0;
  res->ok = true;
  res->value = yes;
  return 0;
}

static int rwmutex_poll(gort_source *s, gort_op op, gort_value *value,
                        gort_result *res, gort__wakelist *wake) {
  gort_rwmutex *rw = rwmutex_of(s);
  (void)value;
  if (rw->writing) return GORT_PARKED;
  if (op == GORT_SEND) {
    if (rw->readers > 0) return GORT_PARKED;
    rw->writing = true;
    return done(res);
  }
  if (gort__waiter_first(&rw->writeq)) return GORT_PARKED;
  admit_readers(rw, wake); /* whom a writer held back that gave up */
  rw->readers++;
  return done(res);
}

static void rwmutex_enqueue(gort_source *s, gort_waiter *w) {
  gort_rwmutex *rw = rwmutex_of(s);
  gort__list_push(w->op == GORT_SEND ? &rw->writeq : &rw->readq, &w->link);
}

static void rwmutex_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void rwmutex_left(gort_source *s, gort__wakelist *wake) {
  gort_rwmutex *rw = rwmutex_of(s);
  if (!rw->writing && !gort__waiter_first(&rw->writeq)) admit_readers(rw, wake);
}

static void rwmutex_destroy(gort_object *o) {
  gort_free(gort__container(o, gort_rwmutex, src.obj));
}

static const gort__source_ops rwmutex_source = {
    .poll = rwmutex_poll,
    .enqueue = rwmutex_enqueue,
    .dequeue = rwmutex_dequeue,
    .reason = {"sync.RWMutex.RLock", "sync.RWMutex.Lock"},
    .left = rwmutex_left,
};
static const gort_class rwmutex_class = {"rwmutex", rwmutex_destroy,
                                         &rwmutex_source};

const gort_class *gort_rwmutex_class(void) { return &rwmutex_class; }

int gort_rwmutex_new(gort_rwmutex **out) {
  gort_rwmutex *rw = gort_malloc(sizeof *rw);
  if (!rw) return GORT_ENOMEM;
  gort__source_init(&rw->src, &rwmutex_class);
  rw->readers = 0;
  rw->writing = false;
  gort__list_init(&rw->readq);
  gort__list_init(&rw->writeq);
  *out = rw;
  return 0;
}

int gort_rwmutex_unlock(gort_rwmutex *rw) {
  gort__wakelist wake = {0};
  int rc = 0;
  gort__lock_take(&rw->src.lock);
  if (rw->writing) {
    rw->writing = false;
    admit_readers(rw, &wake);
    if (rw->readers == 0) admit_writer(rw, &wake);
  } else {
    rc = rw->readers > 0 ? GORT_EREADLOCKED : GORT_EUNLOCKED;
  }
  gort__lock_give(&rw->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}

int gort_rwmutex_runlock(gort_rwmutex *rw) {
  gort__wakelist wake = {0};
  int rc = 0;
  gort__lock_take(&rw->src.lock);
  if (rw->readers == 0) {
    rc = GORT_EUNLOCKED;
  } else if (--rw->readers == 0) {
    admit_writer(rw, &wake);
    if (!rw->writing) admit_readers(rw, &wake);
  }
  gort__lock_give(&rw->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}
