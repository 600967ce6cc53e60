/* SPDX-License-Identifier: MIT */
/* test_bond.c - tasks that a context ends, and calls that it starts. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_context *ctx;
  gort_chan *c, *d; /* nobody sends on c or receives from d */
  gort_waitgroup *wg, *over;
  int way, began;
  bool early; /* the context is done before the task begins */
  gort_case cases[2];
} user;

static gort_result results[8];
static atomic_int started, dropped;

static gort_context *new_context(gort *rt, int64_t timeout) {
  gort_context_options o = {.cancels = true, .timeout = timeout};
  gort_context *c;
  if (gort_context_new(gort_context_background(rt), &o, &c) < 0) abort();
  return c;
}

static void go_bound(gort *rt, gort_context *ctx, const void *init,
                     size_t size) {
  gort_record *r = steps_record(rt, init, size);
  if (!r || gort_record_bind(r, ctx) < 0) abort();
  gort_go(rt, r);
}

/* ---- waits ------------------------------------------------------------- */

enum { WAYS = 5 };

static int wait_for(user *u) {
  steps *s = &u->s;
  s->res = (gort_result){.index = -2};
  s->value = (gort_value){.type = GORT_NIL};
  gort_source *c = source_of(u->c), *d = source_of(u->d);
  switch (u->way) {
    case 0:
      return gort_wait(s->task, c, GORT_RECV, &s->value, NULL, &s->res);
    case 1:
      s->value = string_value("kept");
      return gort_wait(s->task, d, GORT_SEND, &s->value, NULL, &s->res);
    case 2:
      return gort_wait(s->task, source_of(u->wg), GORT_RECV, &s->value,
                       GORT_UNTIL(gort_now() + 60000 * MS), &s->res);
    case 3:
      return gort_sleep(s->task, GORT_UNTIL(gort_now() + 60000 * MS));
    default:
      u->cases[0] = (gort_case){.source = d, .op = GORT_SEND};
      u->cases[0].value = string_value("kept");
      u->cases[1] = (gort_case){.source = source_of(u->wg), .op = GORT_RECV};
      return gort_select(s->task, u->cases, 2, NULL, &s->res);
  }
}

/* A wait that did not begin has taken nothing. */
static void drop_values(user *u) {
  gort_value_drop(&u->s.value);
  gort_value_drop(&u->cases[0].value);
}

/* Whatever the wait, it ends with the context; the next does not begin. */
static gort_step bound(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  AWAIT(s, u->began = wait_for(u));
  if (s->rc == GORT_EBOUND) s->res.status = s->rc; /* sleep, at once */
  if (u->began != GORT_PARKED) drop_values(u);
  results[u->way] = s->res;
  if (gort_task_err(s->task) != GORT_ECANCELED) results[u->way].status = 1;
  if (wait_for(u) == GORT_PARKED) results[u->way].status = 2;
  drop_values(u);
  gort_waitgroup_add(u->over, -1);
  STEPS_END(s);
}

static gort_step waits_body(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  u->ctx = new_context(s->rt, GORT_FOREVER);
  if (u->early) gort_context_cancel(u->ctx, NULL);
  gort_waitgroup_add(u->wg, 1);
  gort_waitgroup_add(u->over, WAYS);
  for (u->way = 0; u->way < WAYS; u->way++) {
    user b = *u;
    b.s = (steps){.body = bound};
    go_bound(s->rt, u->ctx, &b, sizeof b);
  }
  SLEEP(s, 2 * MS);
  gort_context_cancel(u->ctx, NULL);
  RECV(s, u->over, GORT_FOREVER);
  release(u->ctx);
  STEPS_END(s);
}

static void check_waits(bool early) {
  FOR_WORKERS(w) {
    memset(results, 0, sizeof results);
    user m = {.s.body = waits_body, .early = early};
    gort_chan_new(0, &m.c);
    gort_chan_new(0, &m.d);
    gort_waitgroup_new(&m.wg);
    gort_waitgroup_new(&m.over);
    assert_int_equal(RUN(w, m), 0);
    for (int i = 0; i < WAYS; i++)
      assert_int_equal(results[i].status, GORT_EBOUND);
    release(m.c), release(m.d), release(m.wg), release(m.over);
  }
}

static void test_waits(void **state) {
  (void)state;
  check_waits(false);
}

static void test_early(void **state) {
  (void)state;
  check_waits(true);
}

/* ---- shields ----------------------------------------------------------- */

static gort_step shielded(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  gort_task_shield(s->task, true);
  gort_task_shield(s->task, true);
  RECV(s, u->c, GORT_FOREVER);
  results[0] = s->res;
  results[1].status = gort_task_err(s->task);
  gort_task_shield(s->task, false);
  results[2].status = gort_task_err(s->task);
  RECV(s, u->c, GORT_FOREVER);
  results[3] = s->res;
  gort_task_shield(s->task, true);
  SLEEP(s, MS);
  gort_waitgroup_add(u->over, -1);
  STEPS_END(s);
}

static gort_step shield_body(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  u->ctx = new_context(s->rt, GORT_FOREVER);
  gort_waitgroup_add(u->over, 1);
  user b = *u;
  b.s = (steps){.body = shielded};
  go_bound(s->rt, u->ctx, &b, sizeof b);
  SLEEP(s, 2 * MS);
  gort_context_cancel(u->ctx, NULL);
  SLEEP(s, 2 * MS);
  SEND(s, u->c, integer(5), GORT_FOREVER);
  RECV(s, u->over, GORT_FOREVER);
  release(u->ctx);
  STEPS_END(s);
}

static void test_shield(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    memset(results, 0, sizeof results);
    user m = {.s.body = shield_body};
    gort_chan_new(0, &m.c);
    gort_waitgroup_new(&m.over);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(results[0].status, 0);
    assert_int_equal(results[0].value.u.i, 5);
    assert_int_equal(results[1].status, 0);
    assert_int_equal(results[2].status, GORT_ECANCELED);
    assert_int_equal(results[3].status, GORT_EBOUND);
    release(m.c), release(m.over);
  }
}

/* A task that is still bound, and waits, when the runtime goes. */
static gort_step leaves_body(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  u->ctx = new_context(s->rt, 60000 * MS);
  user b = *u;
  b.s = (steps){.body = bound};
  go_bound(s->rt, u->ctx, &b, sizeof b);
  SLEEP(s, 2 * MS);
  release(u->ctx);
  STEPS_END(s);
}

static void test_left_behind(void **state) {
  (void)state;
  user m = {.s.body = leaves_body};
  gort_chan_new(0, &m.c);
  assert_int_equal(RUN(2, m), 0);
  release(m.c);
}

/* ---- calls ------------------------------------------------------------- */

static gort_step called(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  atomic_fetch_add(&started, 1);
  gort_waitgroup_add(u->over, -1);
  STEPS_END(s);
}

static void note_drop(steps *s) {
  if (s->at == 0 && !s->task) atomic_fetch_add(&dropped, 1);
}

static gort_after *after(user *u, gort_context *ctx) {
  user b = *u;
  gort_after *a;
  b.s = (steps){.body = called, .release = note_drop};
  gort_record *r = steps_record(u->s.rt, &b, sizeof b);
  if (!r || gort_context_after(ctx, r, &a) < 0) abort();
  return a;
}

static gort_step after_body(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  u->ctx = new_context(s->rt, 5 * MS);
  gort_waitgroup_add(u->over, 3);
  release(after(u, u->ctx));
  gort_after *stopped = after(u, u->ctx);
  results[0].ok = gort_after_stop(stopped);
  results[1].ok = gort_after_stop(stopped);
  release(stopped);
  release(after(u, u->ctx));
  RECV(s, u->ctx, GORT_FOREVER);
  gort_after *late = after(u, u->ctx);
  results[2].ok = gort_after_stop(late);
  release(late);
  release(u->ctx);
  RECV(s, u->over, GORT_FOREVER);
  gort_context *open = new_context(s->rt, GORT_FOREVER);
  release(after(u, open)); /* never: it goes with the runtime */
  release(open);
  STEPS_END(s);
}

static void test_after(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    atomic_store(&started, 0);
    atomic_store(&dropped, 0);
    user m = {.s.body = after_body};
    gort_waitgroup_new(&m.over);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(started, 3);
    assert_int_equal(dropped, 2);
    assert_true(results[0].ok);
    assert_false(results[1].ok);
    assert_false(results[2].ok);
    release(m.over);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_waits),  cmocka_unit_test(test_early),
      cmocka_unit_test(test_shield), cmocka_unit_test(test_left_behind),
      cmocka_unit_test(test_after),
  };
  return RUN_GROUP(tests);
}
