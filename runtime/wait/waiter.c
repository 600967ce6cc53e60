/* waiter.c - starting, deciding and finishing a wait.
 *
 * SPDX-License-Identifier: MIT */
#include "wait/waiter.h"

#include <string.h>

#include "sched/runtime.h"

static void wait_timeout(gort__timer *timer, gort__fired *fired) {
  gort_task *t = gort__container(timer, gort_task, wait.timer);
  int open = GORT_TICKET_OPEN;
  if (atomic_compare_exchange_strong(&t->wait.ticket, &open,
                                     GORT_TICKET_TIMEOUT))
    gort__wakelist_add(&fired->wake, t);
}

void gort__wait_init(gort__wait *wait) {
  memset(wait, 0, sizeof *wait);
  gort__timer_init(&wait->timer, wait_timeout);
}

void gort__wait_fini(gort__wait *wait) {
  gort_free(wait->many);
  wait->many = NULL;
  wait->room = 0;
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

/* Resets self's wait for n waiters. Nothing can see it yet. */
void gort__wait_begin(gort_task *self, uint32_t n) {
  gort__wait *wait = &self->wait;
  GORT_ASSERT(!wait->parked && !wait->armed);
  wait->n = n;
  wait->parked = true;
  wait->since = gort__monitor_now(self->vm->rt);
  atomic_store_explicit(&wait->ticket, GORT_TICKET_OPEN, memory_order_relaxed);
}

int gort__wait_arm(gort_task *self, int64_t deadline) {
  if (deadline == GORT_FOREVER) return 0;
  int rc = gort__timers_arm(&self->vm->rt->timers, &self->wait.timer, deadline);
  if (rc == 0) self->wait.armed = true;
  return rc;
}

static const gort__source_ops *ops_of(const gort_source *s) {
  return s->obj.cls->source;
}

int gort_wait(gort_task *self, gort_source *s, gort_op op, gort_value *value,
              int64_t deadline, gort_result *res) {
  gort__wakelist wake = {0};
  gort__lock_take(&s->lock);
  int rc = ops_of(s)->poll(s, op, value, res, &wake);
  if (rc != GORT_PARKED) {
    gort__lock_give(&s->lock);
    if (wake.first) gort__ready_all(&wake);
    return rc;
  }
  if (deadline != GORT_FOREVER && deadline <= gort_now()) {
    gort__lock_give(&s->lock);
    res->status = GORT_ETIMEOUT;
    return 0;
  }
  gort__wait_begin(self, 1);
  gort_waiter *w = &self->wait.one;
  gort__waiter_init(w, self, s, op, 0);
  w->shared = deadline != GORT_FOREVER;
  rc = gort__wait_arm(self, deadline);
  if (rc == 0) {
    w->value = *value;
    ops_of(s)->enqueue(s, w);
    rc = GORT_PARKED;
  } else {
    self->wait.parked = false;
  }
  gort__lock_give(&s->lock);
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

int gort_sleep(gort_task *self, int64_t deadline) {
  gort__wait_begin(self, 0);
  self->wait.reason = deadline == GORT_FOREVER ? "select (no cases)" : "sleep";
  int rc = gort__wait_arm(self, deadline);
  if (rc < 0) self->wait.parked = false;
  return rc < 0 ? rc : GORT_PARKED;
}

static void unlink_waiter(gort_waiter *w) {
  gort_source *s = w->source;
  gort__lock_take(&s->lock);
  if (gort__link_listed(&w->link)) ops_of(s)->dequeue(s, w);
  gort__lock_give(&s->lock);
}

/* Unlinks what is linked but the winner, which its claimer has unlinked. */
static void leave(gort_task *self, gort_waiter *winner) {
  gort__wait *wait = &self->wait;
  if (wait->armed) {
    gort__timers_disarm(&self->vm->rt->timers, &wait->timer);
    wait->armed = false;
  }
  gort_waiter *ws = wait->n == 1 ? &wait->one : wait->many;
  for (uint32_t i = 0; i < wait->n; i++) {
    if (&ws[i] == winner) continue;
    if (ws[i].source) unlink_waiter(&ws[i]);
    /* What was to be sent; or received, by a task that is no more. */
    gort_value_drop(&ws[i].value);
  }
  wait->parked = false;
}

void gort_wait_finish(gort_task *self, gort_result *res) {
  gort__wait *wait = &self->wait;
  gort_waiter *ws = wait->n == 1 ? &wait->one : wait->many;
  gort_waiter *won = NULL;
  if (wait->n == 1 && !wait->one.shared)
    won = &wait->one;
  else {
    int ticket = atomic_load_explicit(&wait->ticket, memory_order_acquire);
    GORT_CHECK(ticket != GORT_TICKET_OPEN);
    if (ticket >= 0) won = &ws[ticket];
  }
  if (wait->n != 1 || wait->one.shared)
    leave(self, won);
  else
    wait->parked = false;
  if (!won) {
    res->status = GORT_ETIMEOUT;
    res->index = -1;
    res->ok = false;
    res->value.type = GORT_NIL;
    return;
  }
  res->status = won->status;
  res->index = won->index;
  res->ok = won->ok;
  if (won->op == GORT_SEND) {
    gort_value_drop(&won->value); /* still there if the channel was closed */
    res->value.type = GORT_NIL;
  } else {
    res->value = won->value;
  }
}

void gort__wait_cancel(gort_task *self) {
  if (self->wait.parked) leave(self, NULL);
}

const char *gort__wait_reason(const gort__wait *wait) {
  if (wait->n == 0) return wait->reason;
  if (wait->n > 1) return "select";
  return ops_of(wait->one.source)->reason[wait->one.op];
}
