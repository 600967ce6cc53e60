/* after.c - calls that start when a context is done.
 *
 * SPDX-License-Identifier: MIT */
#include "ctx/after.h"

#include "sched/runtime.h"

static void drop_record(gort_after *a) {
  if (!a->record) return;
  a->rt->options.ops->drop(a->record);
  gort_record_free(a->record);
  a->record = NULL;
}

static void after_destroy(gort_object *o) {
  gort_after *a = gort__container(o, gort_after, obj);
  drop_record(a);
  gort_object_release(&a->ctx->src.obj);
  gort_free(a);
}

static const gort_class after_class = {"after_func", after_destroy, NULL};

const gort_class *gort_after_class(void) { return &after_class; }

/* a waits no more: the list's count goes. */
static void settle(gort_after *a) {
  gort__lock_take(&a->rt->afters_lock);
  gort__list_unlink(&a->all);
  gort__lock_give(&a->rt->afters_lock);
  gort_object_release(&a->obj);
}

int gort_context_after(gort_context *ctx, gort_record *r, gort_after **out) {
  gort_after *a = gort_malloc(sizeof *a);
  if (!a) return GORT_ENOMEM;
  gort__object_init(&a->obj, &after_class);
  a->rt = ctx->rt;
  a->ctx = ctx;
  a->record = r;
  a->waits = true;
  a->link.next = NULL;
  gort_object_retain(&a->obj);
  gort_object_retain(&ctx->src.obj);
  gort__lock_take(&a->rt->afters_lock);
  gort__list_push(&a->rt->afters, &a->all);
  gort__lock_give(&a->rt->afters_lock);
  gort__link now;
  gort__list_init(&now);
  gort__lock_take(&ctx->src.lock);
  gort__list_push(&ctx->afters, &a->link);
  if (gort_context_err(ctx)) gort__afters_take_locked(ctx, &now);
  gort__lock_give(&ctx->src.lock);
  gort__afters_start(&now);
  *out = a;
  return 0;
}

void gort__afters_take_locked(gort_context *c, gort__link *list) {
  gort__link *link;
  while ((link = gort__list_pop(&c->afters))) {
    gort__container(link, gort_after, link)->waits = false;
    gort__list_push(list, link);
  }
}

void gort__afters_start(gort__link *list) {
  gort__link *link;
  while ((link = gort__list_pop(list))) {
    gort_after *a = gort__container(link, gort_after, link);
    gort_record *r = a->record;
    a->record = NULL;
    gort_go(a->rt, r);
    settle(a);
  }
}

bool gort_after_stop(gort_after *a) {
  gort__lock_take(&a->ctx->src.lock);
  bool stops = a->waits;
  if (stops) gort__list_unlink(&a->link);
  a->waits = false;
  gort__lock_give(&a->ctx->src.lock);
  if (stops) {
    drop_record(a);
    settle(a);
  }
  return stops;
}

/* Nothing runs any more: nobody else has the lock. */
void gort__afters_stop_all(gort *rt) {
  while (!gort__list_empty(&rt->afters))
    gort_after_stop(gort__container(rt->afters.next, gort_after, all));
}
