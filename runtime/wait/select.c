/* select.c - waiting for the first of several.
 *
 * SPDX-License-Identifier: MIT
 *
 * Three passes, as Go's:
 *   1. lock every source once, by address; look at the cases in a random
 *      order and take the first that is ready;
 *   2. none is: queue a waiter on each source, unlock, park;
 *   3. (gort_wait_finish) unlink the waiters that lost.
 * All locks are held together in 1 and 2, so the choice is made at one
 * instant: no case becomes ready between the look and the queueing. */
#include <string.h>

#include "sched/runtime.h"

enum { MAX_CASES = 1 << 20 };

static bool address_before(const gort_case *cases, uint32_t a, uint32_t b) {
  return (uintptr_t)cases[a].source < (uintptr_t)cases[b].source;
}

static void sift(const gort_case *cases, uint32_t *order, size_t i, size_t n) {
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && address_before(cases, order[child], order[child + 1]))
      child++;
    if (!address_before(cases, order[i], order[child])) return;
    uint32_t swap = order[i];
    order[i] = order[child];
    order[child] = swap;
  }
}

/* Sorts by the address of the source: insertion for the usual handful, heap
 * sort beyond (no recursion, no allocation, never quadratic). */
static void sort(const gort_case *cases, uint32_t *order, size_t n) {
  if (n <= 12) {
    for (size_t i = 1; i < n; i++) {
      uint32_t x = order[i];
      size_t j = i;
      for (; j > 0 && address_before(cases, x, order[j - 1]); j--)
        order[j] = order[j - 1];
      order[j] = x;
    }
    return;
  }
  for (size_t i = n / 2; i-- > 0;) sift(cases, order, i, n);
  for (size_t end = n; end-- > 1;) {
    uint32_t swap = order[0];
    order[0] = order[end];
    order[end] = swap;
    sift(cases, order, 0, end);
  }
}

static void lock_all(gort_case *cases, const uint32_t *order, size_t n) {
  gort_source *last = NULL;
  for (size_t i = 0; i < n; i++) {
    gort_source *s = cases[order[i]].source;
    if (s != last) gort__lock_take(&s->lock);
    last = s;
  }
}

static void unlock_all(gort_case *cases, const uint32_t *order, size_t n) {
  for (size_t i = n; i-- > 0;) {
    gort_source *s = cases[order[i]].source;
    /* Equal sources are neighbours; give each back once. */
    if (i == 0 || cases[order[i - 1]].source != s) gort__lock_give(&s->lock);
  }
}

/* The worker's, or that of a thread of the host. */
static gort__rand *this_rand(void) {
  static _Thread_local gort__rand own;
  if (gort__self) return &gort__self->rand;
  if (!own.state) gort__rand_init(&own, (uint64_t)gort_now());
  return &own;
}

/* Pass 1: the index of the case that was done, -1 for none. */
static int poll_all(gort_case *cases, uint32_t *perm, size_t n,
                    gort_result *res, gort__wakelist *wake) {
  gort__rand *rand = this_rand();
  for (size_t i = 0; i < n; i++) {
    size_t j = i + gort__rand_below(rand, (uint32_t)(n - i));
    uint32_t pick = perm[j];
    perm[j] = perm[i];
    perm[i] = pick;
    gort_case *c = &cases[pick];
    if (c->source->obj.cls->source->poll(c->source, c->op, &c->value, res,
                                         wake) == 0)
      return (int)pick;
  }
  return -1;
}

/* Pass 2. Takes the cases' values. Cases without a source get a waiter that
 * is in no queue, so that a waiter's index is its case's. */
static void enqueue_all(gort_task *self, gort_case *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    gort_waiter *w = &self->wait.more->many[i];
    gort_case *c = &cases[i];
    gort__waiter_init(w, self, c->source, c->op, (int32_t)i);
    w->value = c->value;
    w->shared = true;
    c->value.type = GORT_NIL;
    if (c->source) c->source->obj.cls->source->enqueue(c->source, w);
  }
}

/* Every case is switched off. */
static int wait_without_cases(gort_task *self, const gort_limit *limit,
                              gort_result *res) {
  if (limit && gort__limit_reached(limit, res)) {
    res->index = -1;
    return 0;
  }
  int rc = gort_sleep(self, limit);
  if (rc == GORT_PARKED && limit && limit->deadline != GORT_FOREVER)
    self->wait.reason = GORT_REASON_SELECT;
  return rc;
}

/* Pass 2, with all locks held: begins the wait. */
static int wait_for_all(gort_task *self, gort_case *cases, size_t n,
                        const gort_limit *limit) {
  bool watch = limit && limit->ctx;
  gort__wait_begin(self, true, (uint32_t)n + watch, GORT_TICKET_OPEN);
  self->wait.selects = true;
  int rc = limit ? gort__wait_arm(self, limit->deadline) : 0;
  if (rc == 0) enqueue_all(self, cases, n);
  return rc;
}

/* The wait could not begin. */
static GORT_COLD int refuse(gort_task *self, gort_case *cases, size_t n,
                            int rc) {
  rc = gort__wait_refuse(self, rc);
  for (size_t i = 0; i < n && rc == GORT_PARKED; i++)
    gort_value_drop(&cases[i].value);
  return rc;
}

int gort_select(gort_task *self, gort_case *cases, size_t n,
                const gort_limit *limit, gort_result *res) {
  if (n > MAX_CASES) return GORT_ERANGE;
  bool never_parks = limit && limit->deadline == 0;
  if (!never_parks && gort_task_err(self)) {
    res->status = GORT_EBOUND;
    res->index = -1;
    return 0;
  }
  int rc = gort__wait_reserve(self, n + 1);
  if (rc < 0) return rc;
  gort__wait_more *more = self->wait.more;
  uint32_t *by_address = (uint32_t *)(void *)(more->many + more->room);
  uint32_t *perm = by_address + more->room;
  size_t live = 0;
  for (size_t i = 0; i < n; i++)
    if (cases[i].source) by_address[live++] = (uint32_t)i;
  if (live == 0) return wait_without_cases(self, limit, res);
  memcpy(perm, by_address, live * sizeof *perm);
  sort(cases, by_address, live);

  gort__wakelist wake = {0};
  lock_all(cases, by_address, live);
  res->index = poll_all(cases, perm, live, res, &wake);
  bool waits = res->index < 0 && !(limit && gort__limit_reached(limit, res));
  if (waits) rc = wait_for_all(self, cases, n, limit);
  unlock_all(cases, by_address, live);
  if (waits)
    rc = rc == 0 ? gort__wait_park(self, limit) : refuse(self, cases, n, rc);
  gort__ready_all(&wake);
  return rc;
}
