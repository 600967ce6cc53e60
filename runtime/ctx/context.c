/* context.c - making, ending and freeing contexts.
 *
 * SPDX-License-Identifier: MIT */
#include "ctx/context.h"

#include <sched.h>
#include <string.h>

#include "ctx/after.h"
#include "ctx/bond.h"
#include "ctx/place.h"
#include "sched/runtime.h"

/* ---- as a source ------------------------------------------------------- */

static int context_poll(gort_source *s, gort_op op, gort_value *value,
                        gort_result *res, gort__wakelist *wake) {
  (void)op, (void)value, (void)wake;
  if (gort_context_err(gort__context_of(s)) == 0) return GORT_PARKED;
  res->status = 0;
  res->ok = false;
  res->value.type = GORT_NIL;
  return 0;
}

static void context_enqueue(gort_source *s, gort_waiter *w) {
  gort__list_push(&gort__context_of(s)->waiters, &w->link);
}

static void context_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

void gort__context_watch(gort_context *ctx, gort_waiter *w) {
  gort__lock_take(&ctx->src.lock);
  bool done = gort_context_err(ctx) != 0;
  if (!done) context_enqueue(&ctx->src, w);
  gort__lock_give(&ctx->src.lock);
  if (done && gort__waiter_claim(w)) gort__ready(w->task);
}

/* ---- ending ------------------------------------------------------------ */

/* What is left to do when all are done and no lock is held. */
typedef struct ending {
  gort__wakelist wake;
  gort__link afters;
  bool computing; /* a bound task did not wait */
} ending;

/* Sets the status and takes all who wait; false when it was set before. */
static bool begin_end(gort_context *c, int status, const gort_value *cause,
                      ending *e) {
  gort_waiter *w;
  gort__lock_take(&c->src.lock);
  bool first = gort_context_err(c) == 0;
  if (first) {
    c->cause = gort_value_copy(cause);
    atomic_store(&c->status, status);
    while ((w = gort__waiter_pop(&c->waiters))) {
      w->status = 0;
      w->ok = false;
      gort__wakelist_add(&e->wake, w->task);
    }
    gort__afters_take_locked(c, &e->afters);
    if (gort__bonds_end_locked(c, &e->wake)) e->computing = true;
    if (c->place) gort__place_ended(c);
  }
  gort__lock_give(&c->src.lock);
  if (first && c->has_timer) gort__timers_disarm(&c->rt->timers, &c->timer);
  return first;
}

/* Another thread is about to set ended: it needs nothing for that but its
 * processor. */
static void await_ended(gort_context *c) {
  for (int i = 0; !atomic_load_explicit(&c->ended, memory_order_acquire); i++)
    if (i < 100)
      gort__pause();
    else
      sched_yield();
}

/* Takes a child out of c; *alive: it has a count for the caller. */
static gort_context *take_child(gort_context *c, bool *alive) {
  gort_context *child = NULL;
  gort__lock_take(&c->src.lock);
  gort__link *link = gort__list_pop(&c->children);
  if (link) {
    child = gort__container(link, gort_context, sibling);
    *alive = gort__object_retain_try(&child->src.obj);
  }
  gort__lock_give(&c->src.lock);
  return child;
}

/* Ends all below root, whose status this thread has set. */
static void end_below(gort_context *root, ending *e) {
  int status = gort_context_err(root);
  gort_context *top = root;
  root->pending = NULL;
  while (top) {
    bool alive;
    gort_context *child = take_child(top, &alive);
    if (!child) {
      gort_context *done = top;
      top = done->pending;
      atomic_store_explicit(&done->ended, true, memory_order_release);
      if (done != root) gort_object_release(&done->src.obj);
    } else if (alive) {
      if (begin_end(child, status, &root->cause, e)) {
        child->pending = top;
        top = child;
      } else {
        await_ended(child);
        gort_object_release(&child->src.obj);
      }
    }
  }
}

static void leave_parent(gort_context *c) {
  gort_context *parent = c->parent;
  if (!c->linked) return;
  gort__lock_take(&parent->src.lock);
  if (gort__link_listed(&c->sibling)) gort__list_unlink(&c->sibling);
  gort__lock_give(&parent->src.lock);
}

/* The caller has a count of c. */
static void end(gort_context *c, int status, const gort_value *cause) {
  ending e = {0};
  gort__list_init(&e.afters);
  if (!begin_end(c, status, cause, &e)) {
    await_ended(c);
    return;
  }
  end_below(c, &e);
  leave_parent(c);
  if (e.computing) gort__monitor_hurry(c->rt);
  gort__ready_all(&e.wake);
  gort__afters_start(&e.afters);
}

void gort_context_cancel(gort_context *ctx, gort_value *cause) {
  gort_value none = {.type = GORT_NIL};
  GORT_ASSERT(ctx->can_end);
  if (ctx->can_end) end(ctx, GORT_ECANCELED, cause ? cause : &none);
  if (cause) gort_value_drop(cause);
}

/* Under the heap's lock. */
static void fire(gort__timer *timer, gort__fired *fired) {
  gort_context *c = gort__container(timer, gort_context, timer);
  if (!gort__object_retain_try(&c->src.obj)) return;
  c->next_fired = fired->contexts;
  fired->contexts = c;
}

void gort__context_fire_all(gort_context *fired) {
  while (fired) {
    gort_context *c = fired;
    fired = c->next_fired;
    end(c, GORT_EDEADLINE, &c->deadline_cause);
    gort_object_release(&c->src.obj);
  }
}

/* ---- making and freeing ------------------------------------------------ */

/* A chain of parents may go with c: in a loop, however long it is. */
static void context_destroy(gort_object *o) {
  gort_context *c = gort__container(o, gort_context, src.obj);
  for (;;) {
    gort_context *parent = c->parent;
    GORT_CHECK(gort__list_empty(&c->waiters) &&
               gort__list_empty(&c->children) && gort__list_empty(&c->afters) &&
               gort__list_empty(&c->bonds));
    leave_parent(c);
    if (c->has_timer && gort_context_err(c) == 0)
      gort__timers_disarm(&c->rt->timers, &c->timer);
    gort_value_drop(&c->cause);
    gort_value_drop(&c->deadline_cause);
    gort_value_drop(&c->key);
    gort_value_drop(&c->value);
    if (!parent) gort__release(c->rt);
    gort_free(c);
    if (!parent || atomic_fetch_sub_explicit(&parent->src.obj.refs, 1,
                                             memory_order_acq_rel) > 1)
      return;
    c = parent;
  }
}

static const gort__source_ops context_source = {
    .poll = context_poll,
    .enqueue = context_enqueue,
    .dequeue = context_dequeue,
    .reason = {"context done", "context done"},
};
static const gort_class context_class = {"context", context_destroy,
                                         &context_source};

static gort_context *allocate(gort *rt) {
  gort_context *c = gort_malloc(sizeof *c);
  if (!c) return NULL;
  memset(c, 0, sizeof *c);
  gort__source_init(&c->src, &context_class);
  c->rt = rt;
  c->deadline = GORT_FOREVER;
  gort__list_init(&c->waiters);
  gort__list_init(&c->children);
  gort__list_init(&c->afters);
  gort__list_init(&c->bonds);
  gort__timer_init(&c->timer, fire);
  return c;
}

/* Makes c one of its parent's children, or ends it as that has ended. Its timer
 * may have ended it before. */
static void join_parent(gort_context *c) {
  gort_context *p = c->parent;
  gort__lock_take(&p->src.lock);
  int status = gort_context_err(p);
  if (!status) gort__list_push(&p->children, &c->sibling);
  gort__lock_give(&p->src.lock);
  if (status)
    end(c, status, &p->cause);
  else if (gort_context_err(c))
    leave_parent(c);
}

/* Gives c the deadline that counts, and its timer if it is not the parent's. */
static int start_timer(gort_context *c, const gort_context_options *o) {
  int64_t deadline;
  if (!o->detached) {
    c->deadline = c->parent->deadline;
    c->dated = c->parent->dated;
  }
  if (o->timeout == GORT_FOREVER ||
      __builtin_add_overflow(gort_now(), o->timeout, &deadline) ||
      deadline >= c->deadline)
    return 0;
  c->deadline = deadline;
  c->dated = c;
  c->wall = o->wall;
  if (o->timeout <= 0) return 0;
  c->has_timer = true;
  gort__monitor_start(c->rt); /* it must fire though every worker is busy */
  return gort__timers_arm(&c->rt->timers, &c->timer, c->deadline);
}

int gort_context_new(gort_context *parent, gort_context_options *o,
                     gort_context **out) {
  gort_context *c = allocate(parent->rt);
  if (!c) return GORT_ENOMEM;
  c->parent = parent;
  c->keyed = o->key.type != GORT_NIL ? c : parent->keyed;
  c->linked = !o->detached && parent->can_end;
  c->can_end = o->cancels || c->linked;
  c->key = o->key;
  c->value = o->value;
  c->deadline_cause = o->cause;
  gort_object_retain(&parent->src.obj);
  int rc = start_timer(c, o);
  if (rc < 0) { /* nobody has seen it */
    gort_object_release(&parent->src.obj);
    gort_free(c);
    return rc;
  }
  if (c->linked) join_parent(c);
  if (c->dated == c && !c->has_timer)
    end(c, GORT_EDEADLINE, &c->deadline_cause);
  *out = c;
  return 0;
}

int gort__context_roots_init(gort *rt) {
  rt->background = allocate(rt);
  if (rt->background) gort__retain(rt);
  rt->todo = rt->background ? allocate(rt) : NULL;
  if (rt->todo) gort__retain(rt);
  return rt->todo ? 0 : GORT_ENOMEM;
}

void gort__context_roots_fini(gort *rt) {
  if (rt->background) gort_object_release(&rt->background->src.obj);
  if (rt->todo) gort_object_release(&rt->todo->src.obj);
}

gort_context *gort_context_background(gort *rt) { return rt->background; }

gort_context *gort_context_todo(gort *rt) { return rt->todo; }

/* ---- looking ----------------------------------------------------------- */

const gort_class *gort_context_class(void) { return &context_class; }

int gort_context_err(gort_context *ctx) {
  return atomic_load_explicit(&ctx->status, memory_order_acquire);
}

gort_value gort_context_cause(gort_context *ctx) {
  if (gort_context_err(ctx) == 0) return (gort_value){.type = GORT_NIL};
  return gort_value_copy(&ctx->cause);
}

bool gort_context_value(gort_context *ctx, const gort_value *key,
                        gort_value *out) {
  for (gort_context *c = ctx->keyed; c; c = c->parent->keyed)
    if (gort_value_equal(&c->key, key)) {
      *out = gort_value_copy(&c->value);
      return true;
    }
  return false;
}

bool gort_context_deadline(gort_context *ctx, double *out) {
  gort_context *c = ctx->dated;
  if (!c) return false;
  double left = (double)(c->deadline - gort_now()) * 1e-9;
  double wall = gort_wall_now() + left;
  gort__lock_take(&c->src.lock);
  if (c->wall == 0) c->wall = wall;
  *out = c->wall; /* the same for all who ask, whatever the clock does */
  gort__lock_give(&c->src.lock);
  return true;
}
