/* group.c - tasks that belong together, and the first error of any of them.
 *
 * SPDX-License-Identifier: MIT
 *
 * To the wait core a group is to be received from when its last member has
 * left, and to be sent to in order to become a member: with a limit, in the
 * order in which they come.
 *
 * Invariants (whenever the lock is free):
 *   I1. active == 0 => no claimable waiter is in done.
 *   I2. a claimable waiter is in entry => limit >= 0 and active >= limit.
 *   I3. failed never goes back to false; err and trace do not change then.
 * Ownership: a group owns its contexts, a count of each. */
#include "sched/sched.h"
#include "wait/waiter.h"

struct gort_group {
  gort_source src;
  gort_context *ctx, *scope; /* owned, immutable; ctx may be NULL */
  /* Guarded by src.lock. */
  int64_t active, limit; /* limit < 0: none */
  bool failed, raised, told;
  gort_value err, trace;
  gort__link done, entry;
};

static gort_group *group_of(gort_source *s) {
  return gort__container(s, gort_group, src);
}

static const gort_value yes = {.type = GORT_BOOLEAN, .u.b = true};

static bool is_full(const gort_group *g) {
  return g->limit >= 0 && g->active >= g->limit;
}

/* What whoever waits for the end gets. */
static gort_value outcome(const gort_group *g) {
  return g->failed ? gort_value_copy(&g->err) : yes;
}

/* Lets in those there is room for. */
static void admit(gort_source *s, gort__wakelist *wake) {
  gort_group *g = group_of(s);
  gort_waiter *w;
  while (!is_full(g) && (w = gort__waiter_pop(&g->entry))) {
    g->active++;
    w->status = 0;
    gort__wakelist_add(wake, w->task);
  }
}

static int group_poll(gort_source *s, gort_op op, gort_value *value,
                      gort_result *res, gort__wakelist *wake) {
  gort_group *g = group_of(s);
  (void)value, (void)wake;
  res->status = 0;
  if (op == GORT_SEND) {
    if (is_full(g)) return GORT_PARKED;
    g->active++;
    return 0;
  }
  if (g->active > 0) return GORT_PARKED;
  res->ok = !g->failed;
  res->value = outcome(g);
  return 0;
}

static void group_enqueue(gort_source *s, gort_waiter *w) {
  gort_group *g = group_of(s);
  gort__list_push(w->op == GORT_SEND ? &g->entry : &g->done, &w->link);
}

static void group_dequeue(gort_source *s, gort_waiter *w) {
  (void)s;
  gort__list_unlink(&w->link);
}

static void group_destroy(gort_object *o) {
  gort_group *g = gort__container(o, gort_group, src.obj);
  gort_value_drop(&g->err);
  gort_value_drop(&g->trace);
  if (g->ctx) gort_object_release((gort_object *)(void *)g->ctx);
  gort_object_release((gort_object *)(void *)g->scope);
  gort_free(g);
}

static const gort__source_ops group_source = {
    .poll = group_poll,
    .enqueue = group_enqueue,
    .dequeue = group_dequeue,
    .reason = {"errgroup.Wait", "errgroup.Go"},
};
static const gort_class group_class = {"error group", group_destroy,
                                       &group_source};

const gort_class *gort_group_class(void) { return &group_class; }

static int new_context(gort_context *parent, gort_context **out) {
  gort_context_options o = {.cancels = true, .timeout = GORT_FOREVER};
  return gort_context_new(parent, &o, out);
}

int gort_group_new(gort_context *parent, gort_context *around,
                   gort_group **out) {
  gort_group *g = gort_malloc(sizeof *g);
  if (!g) return GORT_ENOMEM;
  *g = (gort_group){.limit = -1};
  int rc = parent ? new_context(parent, &g->ctx) : 0;
  if (rc == 0) rc = new_context(around, &g->scope);
  if (rc < 0) {
    if (g->ctx) gort_object_release((gort_object *)(void *)g->ctx);
    gort_free(g);
    return rc;
  }
  gort__source_init(&g->src, &group_class);
  gort__list_init(&g->done);
  gort__list_init(&g->entry);
  *out = g;
  return 0;
}

gort_context *gort_group_context(gort_group *g) { return g->ctx; }

gort_context *gort_group_scope(gort_group *g) { return g->scope; }

int gort_group_set_limit(gort_group *g, int64_t limit) {
  gort__wakelist wake = {0};
  gort__lock_take(&g->src.lock);
  int rc = g->active > 0 ? GORT_EBUSY : 0;
  if (rc == 0) {
    g->limit = limit;
    admit(&g->src, &wake);
  }
  gort__lock_give(&g->src.lock);
  if (wake.first) gort__ready_all(&wake);
  return rc;
}

void gort_group_leave(gort_group *g) {
  gort__wakelist wake = {0};
  gort_waiter *w;
  gort__lock_take(&g->src.lock);
  g->active--;
  admit(&g->src, &wake);
  while (g->active == 0 && (w = gort__waiter_pop(&g->done))) {
    w->status = 0;
    w->ok = !g->failed;
    w->value = outcome(g);
    gort__wakelist_add(&wake, w->task);
  }
  gort__lock_give(&g->src.lock);
  if (wake.first) gort__ready_all(&wake);
}

void gort_group_fail(gort_group *g, gort_value *err, gort_value *trace,
                     bool raised) {
  gort_value cause = {.type = GORT_NIL};
  gort__lock_take(&g->src.lock);
  bool first = !g->failed;
  if (first) {
    g->failed = true;
    g->raised = raised;
    g->err = *err;
    g->trace = *trace;
    cause = gort_value_copy(err);
  }
  gort__lock_give(&g->src.lock);
  if (!first) {
    gort_value_drop(err);
    gort_value_drop(trace);
  }
  err->type = trace->type = GORT_NIL;
  if (first && g->ctx) gort_context_cancel(g->ctx, &cause);
  gort_value_drop(&cause);
}

bool gort_group_error(gort_group *g, gort_value *err, bool *fresh) {
  gort__lock_take(&g->src.lock);
  bool failed = g->failed;
  if (failed) {
    *err = gort_value_copy(&g->err);
    *fresh = g->raised && !g->told;
    g->told = true;
  }
  gort__lock_give(&g->src.lock);
  return failed;
}

gort_value gort_group_trace(gort_group *g) {
  gort__lock_take(&g->src.lock);
  gort_value trace = gort_value_copy(&g->trace);
  gort__lock_give(&g->src.lock);
  return trace;
}

void gort_group_cancel(gort_group *g, bool scope) {
  if (g->ctx) gort_context_cancel(g->ctx, NULL);
  if (scope) gort_context_cancel(g->scope, NULL);
}
