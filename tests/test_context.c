/* SPDX-License-Identifier: MIT */
/* test_context.c - contexts: a tree of things that end. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

static gort_context *child_of(gort_context *parent) {
  gort_context_options o = {.cancels = true, .timeout = GORT_FOREVER};
  gort_context *c;
  if (gort_context_new(parent, &o, &c) < 0) abort();
  return c;
}

static gort_context *until(gort_context *parent, int64_t timeout) {
  gort_context_options o = {.cancels = true, .timeout = timeout};
  gort_context *c;
  if (gort_context_new(parent, &o, &c) < 0) abort();
  return c;
}

static gort_context *with_value(gort_context *parent, int64_t key,
                                int64_t value) {
  gort_context_options o = {
      .timeout = GORT_FOREVER, .key = integer(key), .value = integer(value)};
  gort_context *c;
  if (gort_context_new(parent, &o, &c) < 0) abort();
  return c;
}

static gort_context *detached(gort_context *parent) {
  gort_context_options o = {.detached = true, .timeout = GORT_FOREVER};
  gort_context *c;
  if (gort_context_new(parent, &o, &c) < 0) abort();
  return c;
}

static bool is_ready(gort_context *c) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  return gort_wait_try(source_of(c), GORT_RECV, &none, &res) == 1 && !res.ok;
}

static int64_t cause_of(gort_context *c) {
  gort_value v = gort_context_cause(c);
  return v.type == GORT_INTEGER ? v.u.i : 0;
}

static int64_t value_of(gort_context *c, int64_t key) {
  gort_value k = integer(key), v;
  return gort_context_value(c, &k, &v) ? v.u.i : 0;
}

static void cancel_with(gort_context *c, int64_t cause) {
  gort_value v = integer(cause);
  gort_context_cancel(c, &v);
}

/* ---- the tree ---------------------------------------------------------- */

static void test_tree(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_context *bg = gort_context_background(rt);
  assert_ptr_not_equal(bg, gort_context_todo(rt));
  gort_context *a = child_of(bg), *b = child_of(a), *c = with_value(b, 1, 10);
  gort_context *other = child_of(a), *late;
  assert_int_equal(gort_context_err(c), 0);
  assert_false(is_ready(c));
  cancel_with(b, 5);
  assert_int_equal(gort_context_err(b), GORT_ECANCELED);
  assert_int_equal(gort_context_err(c), GORT_ECANCELED);
  assert_int_equal(cause_of(c), 5);
  assert_true(is_ready(b) && is_ready(c));
  assert_int_equal(value_of(c, 1), 10);
  assert_int_equal(gort_context_err(a), 0);
  assert_int_equal(gort_context_err(other), 0);
  cancel_with(a, 6); /* the first one counts, below too */
  cancel_with(a, 7);
  assert_int_equal(cause_of(a), 6);
  assert_int_equal(cause_of(other), 6);
  assert_int_equal(cause_of(c), 5);
  late = child_of(other);
  assert_int_equal(gort_context_err(late), GORT_ECANCELED);
  assert_int_equal(cause_of(late), 6);
  assert_int_equal(gort_context_err(bg), 0);
  release(a), release(b), release(c), release(other), release(late);
  gort_destroy(rt);
}

static void test_values(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_context *bg = gort_context_background(rt);
  gort_context *a = with_value(bg, 1, 10), *b = child_of(a);
  gort_context *c = with_value(b, 2, 20), *d = with_value(c, 1, 11);
  gort_context *e = detached(d);
  assert_int_equal(value_of(b, 1), 10);
  assert_int_equal(value_of(d, 1), 11);
  assert_int_equal(value_of(d, 2), 20);
  assert_int_equal(value_of(d, 3), 0);
  assert_int_equal(value_of(e, 1), 11);
  gort_context_cancel(b, NULL);
  assert_int_equal(gort_context_err(d), GORT_ECANCELED);
  assert_int_equal(gort_context_err(e), 0);
  assert_int_equal(value_of(d, 2), 20);
  gort_value cause = gort_context_cause(d);
  assert_int_equal(cause.type, GORT_NIL);
  release(a), release(b), release(c), release(d), release(e);
  gort_destroy(rt);
}

static void test_keys(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_context_options o = {.timeout = GORT_FOREVER,
                            .key = string_value("key"),
                            .value = string_value("value")};
  gort_context *c;
  assert_int_equal(gort_context_new(gort_context_background(rt), &o, &c), 0);
  gort_value key = string_value("key"), other = string_value("kez"), v;
  assert_true(gort_context_value(c, &key, &v));
  assert_memory_equal(gort_buf_bytes(v.u.buf), "value", 5);
  gort_value_drop(&v);
  assert_false(gort_context_value(c, &other, &v));
  gort_value_drop(&key), gort_value_drop(&other);
  release(c);
  gort_destroy(rt);
}

/* The nearest key that is equal, whichever type of number it has; and the
 * views of one object are different keys. */
static void test_equal_keys(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_context *c = with_value(gort_context_background(rt), 2, 20);
  gort_value two = {.type = GORT_FLOAT, .u.n = 2.0}, v;
  assert_true(gort_context_value(c, &two, &v));
  assert_int_equal(v.u.i, 20);
  gort_value half = {.type = GORT_FLOAT, .u.n = 2.5};
  assert_false(gort_context_value(c, &half, &v));
  gort_context_options o = {
      .timeout = GORT_FOREVER, .key = two, .value = integer(21)};
  gort_context *d, *e;
  assert_int_equal(gort_context_new(c, &o, &d), 0);
  assert_int_equal(value_of(d, 2), 21);
  o.key = gort_handle(c);
  o.key.kind = 1;
  gort_value view = gort_handle(c);
  assert_int_equal(gort_context_new(d, &o, &e), 0);
  assert_false(gort_context_value(e, &view, &v));
  view.kind = 1;
  assert_true(gort_context_value(e, &view, &v));
  gort_value_drop(&view);
  release(c), release(d), release(e);
  gort_destroy(rt);
}

enum { LONG = 1000000 };

/* A long chain ends, and goes, without recursion. */
static void test_chain(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  gort_context *first = child_of(gort_context_background(rt)), *last = first;
  retain(first);
  for (int i = 0; i < LONG; i++) {
    gort_context *next = child_of(last);
    release(last);
    last = next;
  }
  gort_context_cancel(first, NULL);
  assert_int_equal(gort_context_err(last), GORT_ECANCELED);
  release(first), release(last);
  gort_destroy(rt);
}

/* ---- deadlines --------------------------------------------------------- */

static void test_deadlines(void **state) {
  (void)state;
  gort *rt = steps_new(1);
  double wall, same;
  gort_context *bg = gort_context_background(rt);
  gort_context *a = until(bg, 60000 * MS), *b = until(a, 90000 * MS);
  gort_context *past = until(a, 0), *d = detached(a);
  gort_stats stats;
  gort_get_stats(rt, &stats);
  assert_int_equal(stats.timers, 1); /* b has none of its own */
  assert_true(gort_context_deadline(b, &wall));
  assert_true(gort_context_deadline(a, &same) && same == wall);
  assert_true(wall > gort_wall_now() + 50 && wall < gort_wall_now() + 70);
  assert_false(gort_context_deadline(d, &wall));
  assert_false(gort_context_deadline(bg, &wall));
  assert_int_equal(gort_context_err(past), GORT_EDEADLINE);
  gort_context_cancel(a, NULL);
  gort_get_stats(rt, &stats);
  assert_int_equal(stats.timers, 0);
  assert_int_equal(gort_context_err(b), GORT_ECANCELED);
  assert_int_equal(gort_context_err(past), GORT_EDEADLINE);
  gort_context *dropped = until(bg, 60000 * MS);
  release(dropped);
  gort_get_stats(rt, &stats);
  assert_int_equal(stats.timers, 0);
  release(a), release(b), release(past), release(d);
  gort_destroy(rt);
}

/* ---- waiting ----------------------------------------------------------- */

typedef struct waiting {
  steps s;
  gort_context *ctx, *child;
  gort_chan *c;
  gort_waitgroup *wg;
  int i, n;
  gort_case cases[2];
  gort_limit limit;
} waiting;

static gort_result results[8];

static int recv_until(waiting *t) {
  t->s.res = (gort_result){.index = -2};
  t->s.value = (gort_value){.type = GORT_NIL};
  return gort_wait(t->s.task, source_of(t->c), GORT_RECV, &t->s.value,
                   &t->limit, &t->s.res);
}

static int send_until(waiting *t) {
  t->s.value = string_value("text");
  return gort_wait(t->s.task, source_of(t->c), GORT_SEND, &t->s.value,
                   &t->limit, &t->s.res);
}

static gort_step deadline_body(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  t->ctx = until(gort_context_background(s->rt), 5 * MS);
  t->child = child_of(t->ctx);
  t->limit = (gort_limit){GORT_FOREVER, t->child};
  AWAIT(s, recv_until(t));
  results[0] = s->res;
  AWAIT(s, send_until(t));
  results[1] = s->res;
  gort_value_drop(&s->value);
  AWAIT(s, gort_sleep(s->task, &t->limit));
  results[2] = s->res;
  t->cases[0] = (gort_case){.source = source_of(t->c), .op = GORT_RECV};
  t->cases[1] = (gort_case){.source = source_of(t->child), .op = GORT_RECV};
  AWAIT(s, gort_select(s->task, t->cases, 1, &t->limit, &s->res));
  results[3] = s->res;
  SELECT(s, t->cases, 2, GORT_FOREVER);
  results[4] = s->res;
  RECV(s, t->child, GORT_FOREVER);
  results[5] = s->res;
  release(t->ctx), release(t->child);
  STEPS_END(s);
}

/* A deadline that passes while the task waits, and one that has passed. */
static void test_deadline_waits(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    waiting m = {.s.body = deadline_body};
    assert_int_equal(gort_chan_new(0, &m.c), 0);
    assert_int_equal(RUN(w, m), 0);
    for (int i = 0; i < 4; i++)
      assert_int_equal(results[i].status, GORT_EDEADLINE);
    assert_int_equal(results[4].status, 0);
    assert_int_equal(results[4].index, 1);
    assert_int_equal(results[5].status, 0);
    assert_false(results[5].ok);
    release(m.c);
  }
}

static gort_step ready_body(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  t->ctx = child_of(gort_context_background(s->rt));
  gort_context_cancel(t->ctx, NULL);
  t->limit = (gort_limit){0, t->ctx};
  SEND(s, t->c, integer(3), GORT_FOREVER);
  AWAIT(s, recv_until(t));
  results[0] = s->res;
  AWAIT(s, recv_until(t));
  results[1] = s->res;
  release(t->ctx);
  STEPS_END(s);
}

/* What can be done at once is done, though the context is done. */
static void test_ready_first(void **state) {
  (void)state;
  waiting m = {.s.body = ready_body};
  assert_int_equal(gort_chan_new(1, &m.c), 0);
  assert_int_equal(RUN(1, m), 0);
  assert_int_equal(results[0].status, 0);
  assert_int_equal(results[0].value.u.i, 3);
  assert_int_equal(results[1].status, GORT_ECANCELED);
  release(m.c);
}

static atomic_int canceled, others;

static gort_step waiter(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  t->limit = (gort_limit){GORT_FOREVER, t->ctx};
  if (t->i % 3 == 0) {
    AWAIT(s, recv_until(t));
  } else if (t->i % 3 == 1) {
    AWAIT(s, gort_sleep(s->task, &t->limit));
  } else {
    RECV(s, t->ctx, GORT_FOREVER);
    s->res.status = s->res.status ? 0 : GORT_ECANCELED;
  }
  atomic_fetch_add(s->res.status == GORT_ECANCELED ? &canceled : &others, 1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step crowd_body(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  t->ctx = child_of(gort_context_background(s->rt));
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++) {
    waiting w = *t;
    w.s = (steps){.body = waiter};
    if (!GO(s->rt, w)) abort();
  }
  SLEEP(s, 5 * MS);
  gort_context_cancel(t->ctx, NULL);
  RECV(s, t->wg, GORT_FOREVER);
  release(t->ctx);
  STEPS_END(s);
}

static void test_crowd(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&canceled, 0);
    waiting m = {.s.body = crowd_body, .n = 3000};
    gort_chan_new(0, &m.c);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(canceled, 3000);
    assert_int_equal(others, 0);
    release(m.c), release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tree),           cmocka_unit_test(test_values),
      cmocka_unit_test(test_keys),           cmocka_unit_test(test_equal_keys),
      cmocka_unit_test(test_chain),          cmocka_unit_test(test_deadlines),
      cmocka_unit_test(test_deadline_waits), cmocka_unit_test(test_ready_first),
      cmocka_unit_test(test_crowd),
  };
  return RUN_GROUP(tests);
}
