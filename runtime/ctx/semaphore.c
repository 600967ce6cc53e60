/* semaphore.c - a number of units to hold.
 *
 * SPDX-License-Identifier: MIT
 *
 * First come, first served: a large request at the head holds back the small
 * ones behind it, so it is met some time. One that can never be met waits
 * aside.
 *
 * Invariants (whenever the lock is free):
 *   I1. 0 <= held <= size.
 *   I2. the oldest claimable waiter of queue wants more than size - held.
 *   I3. each waiter in vain wants more than size.
 * A waiter's value is how many it wants. */
#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_semaphore {
  gort_source src;
  int64_t size; /* immutable */
  /* Guarded by src.lock. */
  int64_t held;
  gort__link queue, in_vain;
};

static gort_semaphore *semaphore_of(gort_source *s) {
  return gort__container(s, gort_semaphore, src);
}

static int64_t wanted(const gort_value *v) {
  return v->type == GORT_INTEGER ? v->u.i : 1;
}

static const gort_value yes = {.type = GORT_BOOLEAN, .u.b = true};

/* Gives what is free to those whose turn it is. */
static void grant(gort_source *s, gort__wakelist *wake) {
  gort_semaphore *sem = semaphore_of(s);
  gort_waiter *w;
  while ((w = gort__waiter_first(&sem->queue))) {
    int64_t k = wanted(&w->value);
    if (k > sem->size - sem->held) return;
    gort__list_unlink(&w->link);
    if (!gort__waiter_claim(w)) continue;
    sem->held += k;
    w->status = 0;
    w->ok = true;
    w->value = yes;
    gort__wakelist_add(wake, w->task);
  }
}

static int semaphore_poll(gort_source *s, gort_op op, gort_value *value,
                          gort_result *res, gort__wakelist *wake) {
  gort_semaphore *sem = semaphore_of(s);
  int64_t k = wanted(value);
  (void)op;
  if (!gort__list_empty(&sem->queue)) grant(s, wake); /* some may be dead */
  if (!gort__list_empty(&sem->queue) || k > sem->size - sem->held)
    return GORT_PARKED;
  sem->held += k;
  res->status = 0;
  res->ok = true;
  res->value = yes;
  return 0;
}

static void semaphore_enqueue(gort_source *s, gort_waiter *w) {
  gort_semaphore *sem = semaphore_of(s);
  bool vain = wanted(&w->value) > sem->size;
  gort__list_push(vain ? &sem->in_vain : &sem->queue, &w->link);
}

static void semaphore_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void semaphore_destroy(gort_object *o) {
  gort_free(gort__container(o, gort_semaphore, src.obj));
}

static const gort__source_ops semaphore_source = {
    .poll = semaphore_poll,
    .enqueue = semaphore_enqueue,
    .dequeue = semaphore_dequeue,
    .reason = {"semaphore.Acquire", "semaphore.Acquire"},
    .left = grant,
};
static const gort_class semaphore_class = {"semaphore", semaphore_destroy,
                                           &semaphore_source};

const gort_class *gort_semaphore_class(void) { return &semaphore_class; }

int gort_semaphore_new(int64_t n, gort_semaphore **out) {
  if (n < 0) return GORT_EINVAL;
  gort_semaphore *sem = gort_malloc(sizeof *sem);
  if (!sem) return GORT_ENOMEM;
  gort__source_init(&sem->src, &semaphore_class);
  sem->size = n;
  sem->held = 0;
  gort__list_init(&sem->queue);
  gort__list_init(&sem->in_vain);
  *out = sem;
  return 0;
}

int gort_semaphore_release(gort_semaphore *sem, int64_t k) {
  gort__wakelist wake = {0};
  int rc = 0;
  if (k < 0) return GORT_EINVAL;
  gort__lock_take(&sem->src.lock);
  if (k > sem->held) {
    rc = GORT_ERELEASE;
  } else {
    sem->held -= k;
    grant(&sem->src, &wake);
  }
  gort__lock_give(&sem->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}
