/* waitgroup.c - waiting until a counter is zero.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariant (whenever the lock is free): count == 0 implies no claimable
 *   waiter is queued. */
#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_waitgroup {
  gort_source src;
  /* Guarded by src.lock. */
  int64_t count;
  gort__link waiters;
};

static gort_waitgroup *waitgroup_of(gort_source *s) {
  return gort__container(s, gort_waitgroup, src);
}

static int waitgroup_poll(gort_source *s, gort_op op, gort_value *value,
                          gort_result *res, gort__wakelist *wake) {
  (void)op, (void)value, (void)wake;
  if (waitgroup_of(s)->count > 0) return GORT_PARKED;
  res->status = 0;
  res->ok = true;
  res->value = (gort_value){.type = GORT_BOOLEAN, .u.b = true};
  return 0;
}

static void waitgroup_enqueue(gort_source *s, gort_waiter *w) {
  gort__list_push(&waitgroup_of(s)->waiters, &w->link);
}

static void waitgroup_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void waitgroup_destroy(gort_object *o) {
  gort_free(gort__container(o, gort_waitgroup, src.obj));
}

static const gort__source_ops waitgroup_source = {
    .poll = waitgroup_poll,
    .enqueue = waitgroup_enqueue,
    .dequeue = waitgroup_dequeue,
    .reason = {"sync.WaitGroup.Wait", "sync.WaitGroup.Wait"},
};
static const gort_class waitgroup_class = {"wait group", waitgroup_destroy,
                                           &waitgroup_source};

int gort_waitgroup_new(gort_waitgroup **out) {
  gort_waitgroup *wg = gort_malloc(sizeof *wg);
  if (!wg) return GORT_ENOMEM;
  gort__source_init(&wg->src, &waitgroup_class);
  wg->count = 0;
  gort__list_init(&wg->waiters);
  *out = wg;
  return 0;
}

int gort_waitgroup_add(gort_waitgroup *wg, int64_t n) {
  gort__wakelist wake = {0};
  int64_t count;
  int rc = 0;
  gort__lock_take(&wg->src.lock);
  if (__builtin_add_overflow(wg->count, n, &count)) {
    rc = GORT_ERANGE;
  } else if (count < 0) {
    rc = GORT_ENEGATIVE;
  } else {
    wg->count = count;
    if (count == 0) {
      gort_waiter *w;
      while ((w = gort__waiter_pop(&wg->waiters))) {
        w->status = 0;
        w->ok = true;
        w->value = (gort_value){.type = GORT_BOOLEAN, .u.b = true};
        gort__wakelist_add(&wake, w->task);
      }
    }
  }
  gort__lock_give(&wg->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}

const gort_class *gort_waitgroup_class(void) { return &waitgroup_class; }
