/* SPDX-License-Identifier: MIT */
/* test_group.c - members, a limit, the first error. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_group *g;
  gort_waitgroup *wg;
  int i, n;
  int64_t until;
} user;

static atomic_int inside, most, entered, gave_up, errors;
static gort_result results[4];
static int codes[4];

#define ENTER(s, group, deadline) \
  SEND(s, group, (gort_value){.type = GORT_NIL}, deadline)

static gort_step member(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 50; t->i++) {
    t->until = t->n % 3 ? GORT_FOREVER : gort_now() + t->i % 5 * 20000;
    ENTER(s, t->g, t->until);
    if (s->res.status == 0) {
      atomic_fetch_add(&entered, 1);
      int now = atomic_fetch_add(&inside, 1) + 1;
      if (now > atomic_load(&most)) atomic_store(&most, now);
      YIELD(s);
      atomic_fetch_sub(&inside, 1);
      gort_group_leave(t->g);
    } else {
      atomic_fetch_add(&gave_up, 1);
    }
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step crowd(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  if (gort_group_new(NULL, gort_context_background(s->rt), &t->g)) abort();
  gort_group_set_limit(t->g, 3);
  gort_waitgroup_add(t->wg, 12);
  for (t->i = 0; t->i < 12; t->i++) {
    user w = *t;
    w.s = (steps){.body = member};
    w.n = t->i;
    if (!GO(s->rt, w)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  RECV(s, t->g, 0); /* all have left */
  results[0] = s->res;
  codes[0] = gort_group_set_limit(t->g, 0);
  ENTER(s, t->g, 0);
  results[1] = s->res;
  release(t->g);
  STEPS_END(s);
}

static void test_limit(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = crowd};
    atomic_store(&most, 0);
    atomic_store(&entered, 0);
    atomic_store(&gave_up, 0);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_true(most <= 3);
    assert_int_equal(entered + gave_up, 600);
    assert_int_equal(results[0].status, 0);
    assert_true(results[0].ok);
    assert_int_equal(codes[0], 0);
    assert_int_equal(results[1].status, GORT_ETIMEOUT);
    release(m.wg);
  }
}

static gort_step waits(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->g, GORT_FOREVER);
  if (!s->res.ok && s->res.value.type == GORT_STRING)
    atomic_fetch_add(&errors, 1);
  gort_value_drop(&s->res.value);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step fails(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_context *parent = gort_context_background(s->rt);
  if (gort_group_new(parent, parent, &t->g)) abort();
  ENTER(s, t->g, 0);
  ENTER(s, t->g, 0);
  codes[0] = gort_group_set_limit(t->g, 1);
  gort_waitgroup_add(t->wg, 10);
  for (t->i = 0; t->i < 10; t->i++) {
    user w = *t;
    w.s = (steps){.body = waits};
    if (!GO(s->rt, w)) abort();
    YIELD(s);
  }
  gort_value err = string_value("first"), trace = string_value("trace");
  codes[1] = gort_context_err(gort_group_context(t->g));
  gort_group_fail(t->g, &err, &trace, true);
  codes[2] = gort_context_err(gort_group_context(t->g));
  codes[3] = gort_context_err(gort_group_scope(t->g));
  gort_value cause = gort_context_cause(gort_group_context(t->g));
  if (cause.type != GORT_STRING) abort();
  gort_value_drop(&cause);
  err = string_value("second");
  gort_group_fail(t->g, &err, &trace, true);
  gort_group_leave(t->g);
  gort_group_leave(t->g);
  RECV(s, t->wg, GORT_FOREVER);
  bool fresh[2];
  for (int i = 0; i < 2; i++) {
    if (!gort_group_error(t->g, &err, &fresh[i])) abort();
    if (memcmp(gort_buf_bytes(err.u.buf), "first", 5) != 0) abort();
    gort_value_drop(&err);
  }
  if (!fresh[0] || fresh[1]) abort();
  trace = gort_group_trace(t->g);
  if (trace.type != GORT_STRING) abort();
  gort_value_drop(&trace);
  gort_group_cancel(t->g, true);
  if (gort_context_err(gort_group_scope(t->g)) != GORT_ECANCELED) abort();
  release(t->g);
  STEPS_END(s);
}

static void test_error(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    user m = {.s.body = fails};
    atomic_store(&errors, 0);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(codes[0], GORT_EBUSY);
    assert_int_equal(codes[1], 0);
    assert_int_equal(codes[2], GORT_ECANCELED);
    assert_int_equal(codes[3], 0);
    assert_int_equal(errors, 10);
    release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_limit),
      cmocka_unit_test(test_error),
  };
  return RUN_GROUP(tests);
}
