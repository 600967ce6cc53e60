/* chan.c - channels: values between tasks.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariants (whenever the lock is free):
 *   I1. recvq or sendq is empty, unless one task selects on both.
 *   I2. count > 0 implies recvq is empty of claimable waiters;
 *       count < cap implies sendq is.
 *   I3. closed never goes back to false; after it, both queues stay empty.
 * Locking: src.lock, rank SOURCE; several at once only in select.c, by
 *   address. Tasks are readied after the lock is dropped.
 * Ownership: a value is the sender's until the send is done or parked, the
 *   channel's while buffered, the receiver's after. */
#include <string.h>

#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_chan {
  gort_source src;
  /* Immutable once shared. */
  size_t cap;
  int tag;
  /* Guarded by src.lock. */
  size_t head, count;
  gort__link recvq, sendq;
  bool closed;
  gort_value buffer[];
};

static gort_chan *chan_of(gort_source *s) {
  return gort__container(s, gort_chan, src);
}

static void push(gort_chan *c, gort_value *v) {
  size_t tail = c->head + c->count;
  if (tail >= c->cap) tail -= c->cap;
  c->buffer[tail] = *v;
  c->count++;
}

static gort_value pop(gort_chan *c) {
  gort_value v = c->buffer[c->head];
  if (++c->head == c->cap) c->head = 0;
  c->count--;
  return v;
}

/* Ends the wait of a claimed sender whose value was moved. */
static void sent(gort_waiter *w, gort__wakelist *wake) {
  w->value.type = GORT_NIL;
  w->status = 0;
  gort__wakelist_add(wake, w->task);
}

static int send_now(gort_chan *c, gort_value *value, gort_result *res,
                    gort__wakelist *wake) {
  gort_waiter *w;
  if (c->closed) {
    res->status = GORT_ECLOSED;
    return 0;
  }
  if ((w = gort__waiter_pop(&c->recvq))) {
    w->value = *value;
    w->status = 0;
    w->ok = true;
    gort__wakelist_add(wake, w->task);
  } else if (c->count < c->cap) {
    push(c, value);
  } else {
    return GORT_PARKED;
  }
  value->type = GORT_NIL;
  res->status = 0;
  return 0;
}

static int recv_now(gort_chan *c, gort_result *res, gort__wakelist *wake) {
  gort_waiter *w;
  if (c->count > 0) {
    res->value = pop(c);
    if ((w = gort__waiter_pop(&c->sendq))) {
      push(c, &w->value);
      sent(w, wake);
    }
    res->ok = true;
  } else if ((w = gort__waiter_pop(&c->sendq))) {
    res->value = w->value;
    sent(w, wake);
    res->ok = true;
  } else if (c->closed) {
    res->value.type = GORT_NIL;
    res->ok = false;
  } else {
    return GORT_PARKED;
  }
  res->status = 0;
  return 0;
}

static int chan_poll(gort_source *s, gort_op op, gort_value *value,
                     gort_result *res, gort__wakelist *wake) {
  gort_chan *c = chan_of(s);
  return op == GORT_SEND ? send_now(c, value, res, wake)
                         : recv_now(c, res, wake);
}

/* ---- a task's way ------------------------------------------------------- */

/* Nothing but this channel can wake self, which has no limit. */
static bool waits_plainly(const gort_task *self, const gort_limit *limit) {
  return !limit && !self->bond && !self->wait.interruptible;
}

/* gort__wait_locked, for such a task. */
static int park_locked(gort_task *self, gort_chan *c, gort_op op,
                       gort_value value) {
  gort_waiter *w = &self->wait.one;
  gort__wait_begin(self, false, 1, GORT_TICKET_OPEN);
  gort__waiter_init(w, self, &c->src, op, 0);
  w->shared = false;
  w->value = value;
  gort__list_push(op == GORT_SEND ? &c->sendq : &c->recvq, &w->link);
  gort__lock_give(&c->src.lock);
  return GORT_PARKED;
}

/* More than a look at the buffer; the lock is held. */
static GORT_NOINLINE int send_locked(gort_task *self, gort_chan *c,
                                     gort_value *value, gort_result *res) {
  gort__wakelist wake = {0};
  if (send_now(c, value, res, &wake) == GORT_PARKED)
    return park_locked(self, c, GORT_SEND, *value);
  gort__lock_give(&c->src.lock);
  if (wake.first) gort__ready(wake.first);
  return 0;
}

static GORT_NOINLINE int recv_locked(gort_task *self, gort_chan *c,
                                     gort_result *res) {
  gort__wakelist wake = {0};
  if (recv_now(c, res, &wake) == GORT_PARKED)
    return park_locked(self, c, GORT_RECV, (gort_value){.type = GORT_NIL});
  gort__lock_give(&c->src.lock);
  if (wake.first) gort__ready(wake.first);
  return 0;
}

int gort_wait_send(gort_task *self, gort_chan *c, gort_value *value,
                   const gort_limit *limit, gort_result *res) {
  if (GORT_UNLIKELY(!waits_plainly(self, limit)))
    return gort_wait(self, &c->src, GORT_SEND, value, limit, res);
  gort__lock_take(&c->src.lock);
  if (c->count == c->cap || c->closed || !gort__list_empty(&c->recvq))
    return send_locked(self, c, value, res);
  push(c, value);
  gort__lock_give(&c->src.lock);
  value->type = GORT_NIL;
  res->status = 0;
  return 0;
}

int gort_wait_recv(gort_task *self, gort_chan *c, const gort_limit *limit,
                   gort_result *res) {
  if (GORT_UNLIKELY(!waits_plainly(self, limit))) {
    gort_value none = {.type = GORT_NIL};
    return gort_wait(self, &c->src, GORT_RECV, &none, limit, res);
  }
  gort__lock_take(&c->src.lock);
  if (c->count == 0 || !gort__list_empty(&c->sendq))
    return recv_locked(self, c, res);
  res->value = pop(c);
  gort__lock_give(&c->src.lock);
  res->ok = true;
  res->status = 0;
  return 0;
}

/* ---- as a source --------------------------------------------------------- */

static void chan_enqueue(gort_source *s, gort_waiter *w) {
  gort_chan *c = chan_of(s);
  gort__list_push(w->op == GORT_SEND ? &c->sendq : &c->recvq, &w->link);
}

static void chan_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void chan_destroy(gort_object *o) {
  gort_chan *c = gort__container(o, gort_chan, src.obj);
  GORT_CHECK(gort__list_empty(&c->recvq) && gort__list_empty(&c->sendq));
  while (c->count > 0) {
    gort_value v = pop(c);
    gort_value_drop(&v);
  }
  gort_free(c);
}

static const gort__source_ops chan_source = {
    .poll = chan_poll,
    .enqueue = chan_enqueue,
    .dequeue = chan_dequeue,
    .reason = {"chan receive", "chan send"},
};
static const gort_class chan_class = {"channel", chan_destroy, &chan_source};

int gort_chan_new(size_t cap, gort_chan **out) {
  if (cap > (SIZE_MAX / 2 - sizeof(gort_chan)) / sizeof(gort_value))
    return GORT_ERANGE;
  gort_chan *c = gort_malloc(sizeof *c + cap * sizeof(gort_value));
  if (!c) return GORT_ENOMEM;
  gort__source_init(&c->src, &chan_class);
  c->cap = cap;
  c->tag = 0;
  c->head = c->count = 0;
  gort__list_init(&c->recvq);
  gort__list_init(&c->sendq);
  c->closed = false;
  *out = c;
  return 0;
}

int gort_chan_close(gort_chan *c) {
  gort__wakelist wake = {0};
  gort_waiter *w;
  gort__lock_take(&c->src.lock);
  if (c->closed) {
    gort__lock_give(&c->src.lock);
    return GORT_ECLOSE;
  }
  c->closed = true;
  while ((w = gort__waiter_pop(&c->recvq))) {
    w->value.type = GORT_NIL;
    w->ok = false;
    w->status = 0;
    gort__wakelist_add(&wake, w->task);
  }
  while ((w = gort__waiter_pop(&c->sendq))) {
    w->status = GORT_ECLOSED;
    gort__wakelist_add(&wake, w->task);
  }
  gort__lock_give(&c->src.lock);
  gort__ready_all(&wake);
  return 0;
}

size_t gort_chan_len(gort_chan *c) {
  gort__lock_take(&c->src.lock);
  size_t n = c->count;
  gort__lock_give(&c->src.lock);
  return n;
}

static size_t length(const gort__link *queue) {
  size_t n = 0;
  for (const gort__link *l = queue->next; l != queue; l = l->next) n++;
  return n;
}

void gort_chan_look(gort_chan *c, gort_chan_info *out) {
  gort__lock_take(&c->src.lock);
  out->len = c->count;
  out->receivers = length(&c->recvq);
  out->senders = length(&c->sendq);
  out->closed = c->closed;
  gort__lock_give(&c->src.lock);
}

size_t gort_chan_cap(const gort_chan *c) { return c->cap; }

int gort_chan_tag(const gort_chan *c) { return c->tag; }

void gort_chan_set_tag(gort_chan *c, int tag) { c->tag = tag; }

const gort_class *gort_chan_class(void) { return &chan_class; }
