/* cond.c - waiting until somebody says that something has changed.
 *
 * SPDX-License-Identifier: MIT
 *
 * A task that waits is queued while it still holds the mutex and lets go of it
 * before its step ends: it cannot miss a signal that follows the unlock, and
 * cannot be resumed before.
 *
 * Invariant: a waiter leaves the queue by a signal, a broadcast, or because it
 *   gave up; never by itself. A signal that finds a waiter that has given up
 *   goes to the next. */
#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_cond {
  gort_source src;
  gort_mutex *mu;     /* immutable; owns a count */
  gort__link waiters; /* guarded by src.lock */
};

static gort_cond *cond_of(gort_source *s) {
  return gort__container(s, gort_cond, src);
}

static int cond_poll(gort_source *s, gort_op op, gort_value *value,
                     gort_result *res, gort__wakelist *wake) {
  (void)s, (void)op, (void)value, (void)res, (void)wake;
  return GORT_PARKED;
}

static void cond_enqueue(gort_source *s, gort_waiter *w) {
  gort__list_push(&cond_of(s)->waiters, &w->link);
}

static void cond_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void cond_destroy(gort_object *o) {
  gort_cond *c = gort__container(o, gort_cond, src.obj);
  gort_object_release((gort_object *)(void *)c->mu);
  gort_free(c);
}

static const gort__source_ops cond_source = {
    .poll = cond_poll,
    .enqueue = cond_enqueue,
    .dequeue = cond_dequeue,
    .reason = {"sync.Cond.Wait", "sync.Cond.Wait"},
};
static const gort_class cond_class = {"cond", cond_destroy, &cond_source};

const gort_class *gort_cond_class(void) { return &cond_class; }

int gort_cond_new(gort_mutex *mu, gort_cond **out) {
  gort_cond *c = gort_malloc(sizeof *c);
  if (!c) return GORT_ENOMEM;
  gort__source_init(&c->src, &cond_class);
  gort__list_init(&c->waiters);
  gort_object_retain((gort_object *)(void *)mu);
  c->mu = mu;
  *out = c;
  return 0;
}

gort_mutex *gort_cond_mutex(const gort_cond *c) { return c->mu; }

static unsigned wake_up_to(gort_cond *c, unsigned most) {
  gort__wakelist wake = {0};
  gort_waiter *w;
  unsigned n = 0;
  gort__lock_take(&c->src.lock);
  while (n < most && (w = gort__waiter_pop(&c->waiters))) {
    w->status = 0;
    w->ok = true;
    gort__wakelist_add(&wake, w->task);
    n++;
  }
  gort__lock_give(&c->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return n;
}

unsigned gort_cond_signal(gort_cond *c) { return wake_up_to(c, 1); }

unsigned gort_cond_broadcast(gort_cond *c) { return wake_up_to(c, UINT32_MAX); }
