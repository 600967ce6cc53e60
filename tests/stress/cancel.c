/* cancel.c - cancel, timeout, close, a bound task's end and hand-over collide
 * in every kind of wait: every value sent is received once or its send was
 * given up; every wait ends.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "support/steps.h"
#include "support/stress.h"

enum { CHANS = 3, TASKS = 24, OPS = 100, MAX = TASKS * OPS, GROUPS = 4 };

static atomic_uchar sent[MAX], arrived[MAX];
static atomic_int bad_status, ended, afters;

typedef struct actor {
  steps s;
  gort_chan **chans;
  gort_chan *doomed; /* contexts that somebody is to cancel */
  gort_context **groups;
  gort_waitgroup *wg, *never;
  gort_context *ctx;
  gort_limit limit;
  gort__rand rand;
  int id, i, n;
  uint32_t way;
  gort_case cases[3];
} actor;

static uint32_t below(actor *a, uint32_t n) {
  return gort__rand_below(&a->rand, n);
}

static gort_context *new_context(gort_context *parent, int64_t timeout) {
  gort_context_options o = {.cancels = true, .timeout = timeout};
  gort_context *c;
  if (gort_context_new(parent, &o, &c) < 0) abort();
  return c;
}

static gort_record *after_record(gort *rt);

/* A limit of a random kind; its context, if any, ends by itself, or by
 * somebody, or has ended. */
static void some_limit(actor *a) {
  gort_context *group = a->groups[below(a, GROUPS)];
  uint32_t kind = below(a, 4);
  a->limit = (gort_limit){gort_now() + below(a, 4000) * 1000, NULL};
  if (kind == 0) return;
  int64_t timeout = kind == 1 ? (int64_t)below(a, 300) * 1000 : GORT_FOREVER;
  a->ctx = new_context(group, timeout);
  a->limit.ctx = a->ctx;
  if (kind == 1 && below(a, 2)) a->limit.deadline = GORT_FOREVER;
  if (below(a, 8) == 0) {
    gort_after *after;
    atomic_fetch_add(&afters, 1);
    if (gort_context_after(a->ctx, after_record(a->s.rt), &after) < 0) abort();
    if (below(a, 2) && gort_after_stop(after)) atomic_fetch_sub(&afters, 1);
    release(after);
  }
  if (kind == 2) {
    gort_value v = {.type = GORT_OBJECT, .u.obj = (gort_object *)a->ctx};
    gort_result res;
    retain(a->ctx);
    if (!gort_wait_try(source_of(a->doomed), GORT_SEND, &v, &res)) abort();
  }
  if (kind == 3) gort_context_cancel(a->ctx, NULL);
}

static void drop_limit(actor *a) {
  if (!a->ctx) return;
  gort_context_cancel(a->ctx, NULL); /* after_funcs are waited for */
  release(a->ctx);
  a->ctx = NULL;
}

static int run_op(actor *a) {
  steps *s = &a->s;
  s->res = (gort_result){.index = -2};
  s->value = (gort_value){.type = GORT_NIL};
  gort_source *source = source_of(a->chans[a->n]);
  if (a->way < 3)
    return gort_wait(s->task, source, GORT_RECV, &s->value, &a->limit, &s->res);
  if (a->way < 6) {
    s->value = integer(a->id * OPS + a->i);
    return gort_wait(s->task, source, GORT_SEND, &s->value, &a->limit, &s->res);
  }
  if (a->way == 6)
    return gort_wait(s->task, source_of(a->never), GORT_RECV, &s->value,
                     &a->limit, &s->res);
  if (a->way == 7) return gort_sleep(s->task, &a->limit);
  a->cases[0] = (gort_case){.source = source, .op = GORT_SEND};
  a->cases[0].value = integer(a->id * OPS + a->i);
  a->cases[1] = (gort_case){.source = source_of(a->chans[(a->n + 1) % CHANS]),
                            .op = GORT_RECV};
  a->cases[2] = (gort_case){.source = source_of(a->ctx), .op = GORT_RECV};
  return gort_select(s->task, a->cases, 3, &a->limit, &s->res);
}

static void note(actor *a) {
  gort_result *r = &a->s.res;
  bool select = a->way > 7, sends = select ? r->index == 0 : a->way / 3 == 1;
  bool receives = select ? r->index == 1 : a->way < 3;
  if (r->status == 0 && receives && r->ok)
    atomic_fetch_add(&arrived[r->value.u.i], 1);
  if (sends) atomic_store(&sent[a->id * OPS + a->i], r->status == 0);
  if (r->status != 0 && r->status != GORT_ECLOSED &&
      r->status != GORT_ETIMEOUT && r->status != GORT_ECANCELED &&
      r->status != GORT_EDEADLINE && r->status != GORT_EBOUND)
    atomic_fetch_add(&bad_status, 1);
  if (r->status == GORT_EBOUND) atomic_fetch_add(&ended, 1);
}

static gort_step act(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  for (a->i = 0; a->i < OPS; a->i++) {
    a->n = (int)below(a, CHANS);
    a->way = below(a, 12);
    some_limit(a);
    if (below(a, 16) == 0) {
      /* What the shield is taken off from ends at once, or later. */
      gort_task_shield(s->task, below(a, 2));
      YIELD(s);
    }
    AWAIT(s, run_op(a));
    if (s->rc == GORT_EBOUND) s->res.status = s->rc; /* sleep */
    note(a);
    drop_limit(a);
    if (s->res.status == GORT_EBOUND) gort_task_shield(s->task, true);
    if (a->id == 0 && a->i == OPS / 4)
      gort_chan_close(a->chans[below(a, CHANS)]);
    if (a->id < GROUPS && a->i == OPS / 2)
      gort_context_cancel(a->groups[a->id], NULL);
  }
  gort_waitgroup_add(a->wg, -1);
  STEPS_END(s);
}

static gort_step canceller(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  for (;;) {
    RECV(s, a->doomed, GORT_FOREVER);
    if (!s->res.ok) break;
    a->ctx = (gort_context *)s->res.value.u.obj;
    if (below(a, 2)) YIELD(s);
    gort_context_cancel(a->ctx, NULL);
    release(a->ctx);
  }
  gort_waitgroup_add(a->never, -1);
  STEPS_END(s);
}

static gort_step after_body(steps *s) {
  STEPS_BEGIN(s);
  atomic_fetch_sub(&afters, 1);
  STEPS_END(s);
}

static gort_record *after_record(gort *rt) {
  steps s = {.body = after_body};
  gort_record *r = steps_record(rt, &s, sizeof s);
  if (!r) abort();
  return r;
}

static gort_step start_all(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(a->wg, TASKS);
  gort_waitgroup_add(a->never, 1);
  for (int i = 0; i < GROUPS; i++)
    a->groups[i] = new_context(gort_context_background(s->rt), GORT_FOREVER);
  for (int i = 0; i <= TASKS; i++) {
    actor b = *a;
    b.s = (steps){.body = i < TASKS ? act : canceller};
    b.id = i;
    gort__rand_init(&b.rand, gort__rand_next(&a->rand));
    gort_record *r = steps_record(s->rt, &b, sizeof b);
    if (!r) abort();
    if (i < TASKS && i % 2 && gort_record_bind(r, a->groups[i % GROUPS]) < 0)
      abort();
    gort_go(s->rt, r);
  }
  RECV(s, a->wg, GORT_FOREVER);
  gort_chan_close(a->doomed);
  RECV(s, a->never, GORT_FOREVER);
  while (atomic_load(&afters) > 0) YIELD(s);
  for (int i = 0; i < GROUPS; i++) release(a->groups[i]);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers) {
  gort_chan *chans[CHANS];
  gort_context *groups[GROUPS];
  actor m = {.s.body = start_all, .chans = chans, .groups = groups};
  memset(sent, 0, sizeof sent);
  memset(arrived, 0, sizeof arrived);
  gort__rand_init(&m.rand, seed);
  for (int i = 0; i < CHANS; i++)
    if (gort_chan_new((size_t)i, &chans[i]) < 0) abort();
  if (gort_chan_new(MAX, &m.doomed) < 0 || gort_waitgroup_new(&m.wg) < 0 ||
      gort_waitgroup_new(&m.never) < 0)
    abort();
  int rc = RUN(workers, m);
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  stress_take_rest(chans, CHANS, arrived); /* it was sent */
  release(m.wg), release(m.never), release(m.doomed);
  for (int i = 0; i < MAX; i++)
    EXPECT(arrived[i] == sent[i], "workers %u: value %d, sent %d, came %d",
           workers, i, sent[i], arrived[i]);
  EXPECT(bad_status == 0, "%d unknown codes", bad_status);
  EXPECT(ended > 0, "%s", "no bound task was ended");
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(4, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i * 3, w);
  return stress_wrong != 0;
}
