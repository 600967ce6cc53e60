/* waiter.c - starting, deciding and finishing a wait.
 *
 * SPDX-License-Identifier: MIT */
#include "wait/waiter.h"

#include <string.h>

#include "ctx/bond.h"
#include "sched/runtime.h"

static void wait_timeout(gort__timer *timer, gort__fired *fired) {
  gort_task *t = gort__container(timer, gort__wait_more, timer)->task;
  int open = GORT_TICKET_OPEN;
  if (atomic_compare_exchange_strong(&t->wait.ticket, &open,
                                     GORT_TICKET_TIMEOUT))
    gort__wakelist_add(&fired->wake, t);
}

void gort__wait_init(gort__wait *wait) { memset(wait, 0, sizeof *wait); }

void gort__wait_fini(gort__wait *wait) {
  gort_free(wait->more);
  wait->more = NULL;
}

bool gort__waiter_claim(gort_waiter *w) {
  if (!w->shared) return true;
  int open = GORT_TICKET_OPEN;
  return atomic_compare_exchange_strong(&w->task->wait.ticket, &open, w->index);
}

gort_waiter *gort__waiter_pop(gort__link *queue) {
  gort__link *link;
  while ((link = gort__list_pop(queue))) {
    gort_waiter *w = gort__container(link, gort_waiter, link);
    if (gort__waiter_claim(w)) return w;
  }
  return NULL;
}

bool gort__waiter_alive(const gort_waiter *w) {
  return !w->shared || atomic_load(&w->task->wait.ticket) == GORT_TICKET_OPEN;
}

gort_waiter *gort__waiter_first(gort__link *queue) {
  while (!gort__list_empty(queue)) {
    gort_waiter *w = gort__container(queue->next, gort_waiter, link);
    if (gort__waiter_alive(w)) return w;
    gort__list_unlink(&w->link);
  }
  return NULL;
}

int gort__wait_reserve(gort_task *self, size_t n) {
  gort__wait *wait = &self->wait;
  if (GORT_LIKELY(wait->more && wait->more->room >= n)) return 0;
  size_t room = n == 0 || n > 4 ? n : 4;
  size_t each = sizeof(gort_waiter) + 2 * sizeof(uint32_t);
  gort__wait_more *more = gort_malloc(sizeof *more + room * each);
  if (!more) return GORT_ENOMEM;
  gort__timer_init(&more->timer, wait_timeout);
  more->task = self;
  more->room = (uint32_t)room;
  gort_free(wait->more);
  wait->more = more;
  return 0;
}

int gort__wait_refuse(gort_task *self, int rc) {
  int open = GORT_TICKET_OPEN;
  bool other_ways = self->bond || self->wait.interruptible;
  if (other_ways && !atomic_compare_exchange_strong(&self->wait.ticket, &open,
                                                    GORT_TICKET_IDLE)) {
    self->wait.n = 0;
    return GORT_PARKED;
  }
  self->wait.parked = false;
  return rc;
}

int gort__wait_arm(gort_task *self, int64_t deadline) {
  /* A parker has a clock of its own. */
  if (deadline == GORT_FOREVER || !self->vm) return 0;
  int rc = gort__timers_arm(&self->vm->rt->timers, &self->wait.more->timer,
                            deadline);
  if (rc == 0) self->wait.armed = true;
  return rc;
}

bool gort__limit_reached(const gort_limit *limit, gort_result *res) {
  int status = 0;
  int64_t deadline = limit->deadline;
  if (deadline != GORT_FOREVER && (!deadline || deadline <= gort_now()))
    status = GORT_ETIMEOUT;
  if (limit->ctx && gort_context_err(limit->ctx) != 0)
    status = gort_context_err(limit->ctx);
  res->status = status;
  return status != 0;
}

int gort__wait_park(gort_task *self, const gort_limit *limit) {
  gort__wait *wait = &self->wait;
  if (limit && limit->ctx) {
    wait->limited = true;
    gort_waiter *w = &wait->more->many[wait->n - 1];
    gort__waiter_init(w, self, &limit->ctx->src, GORT_RECV, (int)wait->n - 1);
    w->shared = true;
    gort__context_watch(limit->ctx, w);
  }
  if (GORT_UNLIKELY(self->bond != NULL)) gort__bond_check(self);
  return GORT_PARKED;
}

static const gort__source_ops *ops_of(const gort_source *s) {
  return s->obj.cls->source;
}

int gort__wait_locked(gort_task *self, gort_source *s, gort_op op,
                      gort_value *value, const gort_limit *limit) {
  gort__wait *wait = &self->wait;
  bool watch = limit && limit->ctx;
  gort__wait_begin(self, watch, watch ? 2 : 1, GORT_TICKET_OPEN);
  gort_waiter *w = gort__wait_waiters(wait);
  gort__waiter_init(w, self, s, op, 0);
  w->shared = watch || self->bond || wait->interruptible ||
              (limit && limit->deadline != GORT_FOREVER);
  int rc = limit ? gort__wait_arm(self, limit->deadline) : 0;
  if (rc == 0) {
    w->value = *value;
    ops_of(s)->enqueue(s, w);
  }
  gort__lock_give(&s->lock);
  if (rc == 0) return gort__wait_park(self, limit);
  rc = gort__wait_refuse(self, rc);
  if (rc == GORT_PARKED) gort_value_drop(value);
  return rc;
}

int gort_wait(gort_task *self, gort_source *s, gort_op op, gort_value *value,
              const gort_limit *limit, gort_result *res) {
  gort__wakelist wake = {0};
  if (GORT_UNLIKELY(self->bond != NULL) && gort_task_err(self)) {
    res->status = GORT_EBOUND;
    return 0;
  }
  if (limit && !limit->ctx && limit->deadline == GORT_FOREVER) limit = NULL;
  if (limit) { /* no allocation under a lock */
    int rc = gort__wait_reserve(self, limit->ctx ? 2 : 0);
    if (rc < 0) return rc;
  }
  gort__lock_take(&s->lock);
  int rc = ops_of(s)->poll(s, op, value, res, &wake);
  bool parks = rc == GORT_PARKED && !(limit && gort__limit_reached(limit, res));
  if (parks) {
    rc = gort__wait_locked(self, s, op, value, limit);
  } else {
    gort__lock_give(&s->lock);
    rc = 0;
  }
  if (wake.first) gort__ready_all(&wake);
  return rc;
}

int gort_wait_try(gort_source *s, gort_op op, gort_value *value,
                  gort_result *res) {
  gort__wakelist wake = {0};
  gort__lock_take(&s->lock);
  int rc = ops_of(s)->poll(s, op, value, res, &wake);
  gort__lock_give(&s->lock);
  if (wake.first) gort__ready_all(&wake);
  return rc == GORT_PARKED ? 0 : 1;
}

int gort_sleep(gort_task *self, const gort_limit *limit) {
  gort__wait *wait = &self->wait;
  bool watch = limit && limit->ctx;
  if (gort_task_err(self)) return GORT_EBOUND;
  int64_t deadline = limit ? limit->deadline : GORT_FOREVER;
  bool ends = watch || deadline != GORT_FOREVER;
  int rc = ends ? gort__wait_reserve(self, watch) : 0;
  if (rc < 0) return rc;
  gort__wait_begin(self, watch, watch, GORT_TICKET_OPEN);
  wait->reason =
      deadline == GORT_FOREVER ? GORT_REASON_NO_CASES : GORT_REASON_SLEEP;
  rc = gort__wait_arm(self, deadline);
  return rc < 0 ? gort__wait_refuse(self, rc) : gort__wait_park(self, limit);
}

static void unlink_waiter(gort_waiter *w) {
  gort_source *s = w->source;
  gort__wakelist wake = {0};
  gort__lock_take(&s->lock);
  if (gort__link_listed(&w->link)) {
    ops_of(s)->dequeue(s, w);
    if (ops_of(s)->left) ops_of(s)->left(s, &wake);
  }
  gort__lock_give(&s->lock);
  if (wake.first) gort__ready_all(&wake);
}

/* Unlinks what is linked but the winner, which its claimer has unlinked. */
static void leave(gort_task *self, gort_waiter *winner) {
  gort__wait *wait = &self->wait;
  if (wait->armed) {
    gort__timers_disarm(&self->vm->rt->timers, &wait->more->timer);
    wait->armed = false;
  }
  for (uint32_t i = 0; i < wait->n; i++) {
    gort_waiter *w = &gort__wait_waiters(wait)[i];
    if (w == winner) continue;
    if (w->source) unlink_waiter(w);
    /* What was to be sent; or received, by a task that is no more. */
    gort_value_drop(&w->value);
  }
  wait->parked = false;
}

/* The wait was given up. */
static void given_up(gort_result *res, int status) {
  res->status = status;
  res->index = -1;
  res->ok = false;
  res->value.type = GORT_NIL;
}

void gort_wait_finish(gort_task *self, gort_result *res) {
  gort__wait *wait = &self->wait;
  gort_waiter *won = NULL;
  if (wait->n == 1 && !gort__wait_waiters(wait)->shared) {
    won = gort__wait_waiters(wait);
    wait->parked = false;
  } else {
    int ticket = atomic_load_explicit(&wait->ticket, memory_order_acquire);
    GORT_CHECK(ticket != GORT_TICKET_OPEN);
    if (ticket >= 0) won = &gort__wait_waiters(wait)[ticket];
    leave(self, won);
    if (!won) {
      given_up(res, ticket == GORT_TICKET_BOUND       ? GORT_EBOUND
                    : ticket == GORT_TICKET_INTERRUPT ? GORT_EINTR
                                                      : GORT_ETIMEOUT);
      return;
    }
    if (wait->limited && won->index == (int32_t)wait->n - 1) {
      given_up(res, gort_context_err(gort__context_of(won->source)));
      return;
    }
  }
  res->status = won->status;
  res->index = won->index;
  res->ok = won->ok;
  if (won->op == GORT_SEND) {
    if (won->value.type != GORT_NIL) /* still there if the channel was closed */
      gort_value_drop(&won->value);
    res->value.type = GORT_NIL;
  } else {
    res->value = won->value;
  }
}

void gort__wait_cancel(gort_task *self) {
  if (self->wait.parked) leave(self, NULL);
}

const char *gort__wait_reason(gort__wait *wait) {
  static const char *const reasons[] = {"select (no cases)", "sleep", "select",
                                        "blocking call"};
  if (wait->selects) return "select";
  if (wait->n == wait->limited)
    return reasons[wait->reason]; /* no other waiter */
  const gort_waiter *w = gort__wait_waiters(wait);
  return ops_of(w->source)->reason[w->op];
}
