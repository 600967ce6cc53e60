/* future.c - a value that will be there some time.
 *
 * SPDX-License-Identifier: MIT */
#include "ctx/future.h"

#include "sched/sched.h"

static gort_future *future_of(gort_source *s) {
  return gort__container(s, gort_future, src);
}

static int future_poll(gort_source *s, gort_op op, gort_value *value,
                       gort_result *res, gort__wakelist *wake) {
  gort_future *f = future_of(s);
  (void)op, (void)value, (void)wake;
  if (!f->set) return GORT_PARKED;
  res->status = 0;
  res->ok = f->ok;
  res->value = gort_value_copy(&f->value);
  return 0;
}

static void future_enqueue(gort_source *s, gort_waiter *w) {
  gort__list_push(&future_of(s)->waiters, &w->link);
}

static void future_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

const gort__source_ops gort__future_source = {
    .poll = future_poll,
    .enqueue = future_enqueue,
    .dequeue = future_dequeue,
    .reason = {"future", "future"},
};

void gort__future_init(gort_future *f, const gort_class *cls,
                       void (*settle)(gort_future *f)) {
  gort__source_init(&f->src, cls);
  gort__list_init(&f->waiters);
  f->settle = settle;
  f->set = f->ok = false;
  f->value.type = GORT_NIL;
}

void gort__future_fini(gort_future *f) { gort_value_drop(&f->value); }

static void future_destroy(gort_object *o) {
  gort_future *f = gort__container(o, gort_future, src.obj);
  gort__future_fini(f);
  gort_free(f);
}

static const gort_class future_class = {"future", future_destroy,
                                        &gort__future_source};

const gort_class *gort_future_class(void) { return &future_class; }

int gort_future_new(gort_future **out) {
  gort_future *f = gort_malloc(sizeof *f);
  if (!f) return GORT_ENOMEM;
  gort__future_init(f, &future_class, NULL);
  *out = f;
  return 0;
}

void gort_future_set(gort_future *f, gort_value *value, bool ok) {
  gort__wakelist wake = {0};
  gort_waiter *w;
  if (f->settle) f->settle(f);
  gort__lock_take(&f->src.lock);
  bool first = !f->set;
  if (first) {
    f->set = true;
    f->ok = ok;
    f->value = *value;
    while ((w = gort__waiter_pop(&f->waiters))) {
      w->status = 0;
      w->ok = ok;
      w->value = gort_value_copy(value);
      gort__wakelist_add(&wake, w->task);
    }
  }
  gort__lock_give(&f->src.lock);
  if (!first) gort_value_drop(value);
  value->type = GORT_NIL;
  if (wake.first) gort__ready_all(&wake);
}
