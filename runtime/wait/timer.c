/* timer.c - timers and tickers as things to wait for.
 *
 * SPDX-License-Identifier: MIT */
#include "wait/timer.h"

#include "sched/runtime.h"

static gort_timer *timer_of(gort_source *s) {
  return gort__container(s, gort_timer, src);
}

static void arm_locked(gort_timer *t) {
  if (t->armed || t->when == GORT_FOREVER) return;
  if (!t->make && gort__list_empty(&t->waiters)) return;
  t->armed = true;
  gort_object_retain(&t->src.obj);
  gort__timers_arm(&t->rt->timers, &t->node, t->when);
}

/* The caller holds a count of its own. */
static void disarm_locked(gort_timer *t) {
  if (t->armed && gort__timers_disarm(&t->rt->timers, &t->node)) {
    t->armed = false;
    gort_object_release(&t->src.obj);
  }
}

/* Moves on to the next tick: on the grid, missed ones are skipped. */
static void advance_locked(gort_timer *t, int64_t now) {
  if (t->period > 0)
    t->when += t->period * (1 + (now - t->when) / t->period);
  else
    t->when = GORT_FOREVER;
}

static gort_value tick_value(int64_t when, int64_t now) {
  gort_value v = {.type = GORT_FLOAT};
  v.u.n = gort_wall_now() - (double)(now - when) * 1e-9;
  return v;
}

static int timer_poll(gort_source *s, gort_op op, gort_value *value,
                      gort_result *res, gort__wakelist *wake) {
  gort_timer *t = timer_of(s);
  (void)op, (void)value, (void)wake;
  if (t->make || t->when == GORT_FOREVER) return GORT_PARKED;
  int64_t now = gort_now();
  if (t->when > now) return GORT_PARKED;
  res->status = 0;
  res->ok = true;
  res->value = tick_value(t->when, now);
  advance_locked(t, now);
  return 0;
}

static void timer_enqueue(gort_source *s, gort_waiter *w) {
  gort_timer *t = timer_of(s);
  gort__list_push(&t->waiters, &w->link);
  arm_locked(t);
}

static void timer_dequeue(gort_source *s, gort_waiter *w) {
  gort_timer *t = timer_of(s);
  gort__list_unlink(&w->link);
  if (!t->make && gort__list_empty(&t->waiters)) disarm_locked(t);
}

static void timer_destroy(gort_object *o) {
  gort_timer *t = gort__container(o, gort_timer, src.obj);
  if (t->drop) t->drop(t->arg);
  gort__timers_unreserve(&t->rt->timers);
  gort__release(t->rt);
  gort_free(t);
}

static const gort__source_ops timer_source = {
    .poll = timer_poll,
    .enqueue = timer_enqueue,
    .dequeue = timer_dequeue,
    .reason = {"timer wait", "timer wait"},
};
static const gort_class timer_class = {"timer", timer_destroy, &timer_source};

/* Under the heap's lock: only passes the heap's count on. */
static void fire(gort__timer *node, gort__fired *fired) {
  gort_timer *t = gort__container(node, gort_timer, node);
  t->next_fired = fired->timers;
  fired->timers = t;
}

static void fire_one(gort_timer *t) {
  gort__wakelist wake = {0};
  bool start = false;
  gort__lock_take(&t->src.lock);
  t->armed = false;
  int64_t now = gort_now();
  if (t->when <= now) { /* not stopped or reset meanwhile */
    if (t->make) {
      start = true;
      advance_locked(t, now);
    } else {
      gort_waiter *w = gort__waiter_pop(&t->waiters);
      if (w) {
        w->status = 0;
        w->ok = true;
        w->value = tick_value(t->when, now);
        gort__wakelist_add(&wake, w->task);
        advance_locked(t, now);
      }
    }
  }
  arm_locked(t);
  gort__lock_give(&t->src.lock);
  gort__ready_all(&wake);
  if (start) {
    gort_record *r = t->make(t->arg);
    if (r) gort_go(t->rt, r);
  }
  gort_object_release(&t->src.obj);
}

void gort__timer_fire_all(gort_timer *fired) {
  /* The list is last in, first out; timers fire in the order of their time. */
  gort_timer *queue = NULL;
  while (fired) {
    gort_timer *next = fired->next_fired;
    fired->next_fired = queue;
    queue = fired;
    fired = next;
  }
  while (queue) {
    gort_timer *next = queue->next_fired;
    fire_one(queue);
    queue = next;
  }
}

int gort_timer_func(gort *rt, int64_t when, gort_record *(*make)(void *),
                    void (*drop)(void *), void *arg, gort_timer **out) {
  gort_timer *t = gort_malloc(sizeof *t);
  if (!t) return GORT_ENOMEM;
  int rc = gort__timers_reserve(&rt->timers);
  if (rc < 0) {
    gort_free(t);
    return rc;
  }
  gort__source_init(&t->src, &timer_class);
  t->rt = rt;
  gort__retain(rt);
  t->make = make;
  t->drop = drop;
  t->arg = arg;
  t->when = when;
  t->period = 0;
  t->armed = false;
  gort__list_init(&t->waiters);
  gort__timer_init(&t->node, fire);
  t->node.reserved = true;
  if (make) {
    gort__monitor_start(rt); /* it must fire though every worker is busy */
    gort__lock_take(&t->src.lock);
    arm_locked(t);
    gort__lock_give(&t->src.lock);
  }
  *out = t;
  return 0;
}

int gort_timer_new(gort *rt, int64_t when, int64_t period, gort_timer **out) {
  int rc = gort_timer_func(rt, when, NULL, NULL, NULL, out);
  if (rc == 0) (*out)->period = period;
  return rc;
}

/* Sets the next time; whether the timer was pending. */
static bool set(gort_timer *t, int64_t when, int64_t period) {
  gort__lock_take(&t->src.lock);
  bool pending = t->when != GORT_FOREVER;
  disarm_locked(t);
  t->when = when;
  if (period >= 0) t->period = period;
  arm_locked(t);
  gort__lock_give(&t->src.lock);
  return pending;
}

bool gort_timer_stop(gort_timer *t) { return set(t, GORT_FOREVER, -1); }

bool gort_timer_reset(gort_timer *t, int64_t when, int64_t period) {
  return set(t, when, period);
}

bool gort_timer_is_ticker(const gort_timer *t) { return t->period > 0; }

const gort_class *gort_timer_class(void) { return &timer_class; }
