/* SPDX-License-Identifier: MIT */
/* test_select.c - waiting for the first of several. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

enum { PICKS = 10000, MANY = 1000 };

typedef struct user {
  steps s;
  gort_chan *c, *d;
  gort_waitgroup *wg;
  gort_chan **all;
  gort_case cases[4];
  int i, n, id;
} user;

static int picks[4];
static atomic_int bad, sent, received;
static gort_result results[8];

static gort_case recv_case(gort_chan *c) {
  return (gort_case){.source = source_of(c), .op = GORT_RECV};
}

static gort_case send_case(gort_chan *c, gort_value v) {
  return (gort_case){.source = source_of(c), .op = GORT_SEND, .value = v};
}

static void reset(void) {
  steps_reset();
  memset(picks, 0, sizeof picks);
  memset(results, 0, sizeof results);
  atomic_store(&bad, 0);
  atomic_store(&sent, 0);
  atomic_store(&received, 0);
}

static gort_chan *closed_chan(void) {
  gort_chan *c;
  if (gort_chan_new(0, &c) < 0) abort();
  gort_chan_close(c);
  return c;
}

/* ---- the draw ---------------------------------------------------------- */

static gort_step draw(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < PICKS; t->i++) {
    SELECT(s, t->cases, (size_t)t->n, GORT_FOREVER);
    if (s->res.index < 0) abort();
    picks[s->res.index]++;
  }
  STEPS_END(s);
}

static bool near(int n, double share) {
  double off = (double)n / PICKS - share;
  return off < 0.0245 && off > -0.0245;
}

static void test_uniform(void **state) {
  (void)state;
  gort_chan *a = closed_chan(), *b = closed_chan(), *never, *never2;
  gort_chan_new(0, &never);
  gort_chan_new(0, &never2);
  reset();
  user m = {.s.body = draw, .n = 2, .cases = {recv_case(a), recv_case(b)}};
  assert_int_equal(RUN(1, m), 0);
  assert_true(near(picks[0], 0.5));
  reset();
  m = (user){.s.body = draw,
             .n = 4,
             .cases = {recv_case(never), recv_case(never2), recv_case(a),
                       recv_case(b)}};
  assert_int_equal(RUN(1, m), 0);
  assert_true(near(picks[2], 0.5));
  assert_int_equal(picks[0] + picks[1], 0);
  reset(); /* the same twice counts twice; no source counts nothing */
  m = (user){.s.body = draw,
             .n = 4,
             .cases = {recv_case(a), {0}, recv_case(b), recv_case(a)}};
  assert_int_equal(RUN(1, m), 0);
  assert_int_equal(picks[1], 0);
  assert_true(near(picks[2], 1.0 / 3));
  assert_true(near(picks[0] + picks[3], 2.0 / 3));
  release(a);
  release(b);
  release(never);
  release(never2);
}

/* ---- closed, empty, default -------------------------------------------- */

static gort_step corners(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->cases[0] = send_case(t->d, string_value("refused"));
  SELECT(s, t->cases, 1, GORT_FOREVER); /* closed: an error, also here */
  results[0] = s->res;
  gort_value_drop(&t->cases[0].value);
  t->cases[0] = send_case(t->d, string_value("refused"));
  SELECT(s, t->cases, 1, 0);
  results[1] = s->res;
  gort_value_drop(&t->cases[0].value);
  t->cases[0] = recv_case(t->d);
  SELECT(s, t->cases, 1, GORT_FOREVER);
  results[2] = s->res;
  t->cases[0] = recv_case(t->c);
  t->cases[1] = (gort_case){.op = GORT_SEND, .value = string_value("mine")};
  SELECT(s, t->cases, 2, 0); /* default */
  results[3] = s->res;
  if (t->cases[1].value.type != GORT_STRING) atomic_fetch_add(&bad, 1);
  SELECT(s, t->cases, 2, gort_now() + 5 * MS); /* this one takes it */
  results[4] = s->res;
  if (t->cases[1].value.type != GORT_NIL) atomic_fetch_add(&bad, 1);
  SELECT(s, t->cases, 0, gort_now() + 5 * MS);
  results[5] = s->res;
  SELECT(s, t->cases, 0, 0);
  results[6] = s->res;
  STEPS_END(s);
}

static void test_corners(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = corners, .d = closed_chan()};
    gort_chan_new(0, &m.c);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(results[0].status, GORT_ECLOSED);
    assert_int_equal(results[0].index, 0);
    assert_int_equal(results[1].status, GORT_ECLOSED);
    assert_int_equal(results[2].status, 0);
    assert_false(results[2].ok);
    for (int i = 3; i < 7; i++) {
      assert_int_equal(results[i].status, GORT_ETIMEOUT);
      assert_int_equal(results[i].index, -1);
    }
    assert_int_equal(bad, 0);
    release(m.c);
    release(m.d);
  }
}

/* ---- blocked, then woken ----------------------------------------------- */

static gort_step blocked(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->cases[0] = (gort_case){0};
  t->cases[1] = recv_case(t->c);
  t->cases[2] = send_case(t->d, string_value("offer"));
  SELECT(s, t->cases, 3, GORT_FOREVER);
  gort_value_drop(&t->cases[2].value); /* still here if it did not park */
  results[t->id] = s->res;
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step wake_blocked(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 4; t->i++) {
    gort_waitgroup_add(t->wg, 1);
    user u = *t;
    u.s = (steps){.body = blocked};
    u.id = t->i;
    if (!GO(s->rt, u)) abort();
    SLEEP(s, 5 * MS);
    if (t->i == 0) {
      SEND(s, t->c, integer(5), GORT_FOREVER);
    } else if (t->i == 1) {
      RECV(s, t->d, GORT_FOREVER);
      gort_value_drop(&s->res.value);
    } else if (t->i == 2) {
      gort_chan_close(t->c);
    } else {
      gort_chan_close(t->d); /* c is closed: this one picked a case at once */
    }
    RECV(s, t->wg, GORT_FOREVER);
    /* Nobody is left in the other queues. */
    gort_result res;
    gort_value v = integer(1);
    if (t->i < 2 && (gort_wait_try(source_of(t->c), GORT_SEND, &v, &res) ||
                     gort_wait_try(source_of(t->d), GORT_RECV, &v, &res)))
      atomic_fetch_add(&bad, 1);
  }
  STEPS_END(s);
}

static void test_blocked(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = wake_blocked};
    gort_chan_new(0, &m.c);
    gort_chan_new(0, &m.d);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_true(results[0].index == 1 && results[0].ok &&
                results[0].value.u.i == 5);
    assert_true(results[1].index == 2 && results[1].status == 0);
    assert_true(results[2].index == 1 && !results[2].ok);
    assert_true(results[3].index == 1);
    assert_int_equal(bad, 0);
    release(m.c);
    release(m.d);
    release(m.wg);
  }
}

static gort_step offer_only(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->cases[0] = send_case(t->d, string_value("offer"));
  t->cases[1] = recv_case(t->c);
  SELECT(s, t->cases, 2, GORT_FOREVER);
  results[0] = s->res;
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step close_offer(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 1);
  user u = *t;
  u.s = (steps){.body = offer_only};
  if (!GO(s->rt, u)) abort();
  SLEEP(s, 5 * MS);
  gort_chan_close(t->d);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_closed_while_sending(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = close_offer};
    gort_chan_new(0, &m.c);
    gort_chan_new(0, &m.d);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(results[0].status, GORT_ECLOSED);
    assert_int_equal(results[0].index, 0);
    release(m.c);
    release(m.d);
    release(m.wg);
  }
}

/* ---- both ways on one channel ------------------------------------------ */

static gort_step both_ways(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 2000; t->i++) {
    t->cases[0] = send_case(t->c, integer(t->id));
    t->cases[1] = recv_case(t->c);
    SELECT(s, t->cases, 2, GORT_FOREVER);
    if (s->res.index == 0)
      atomic_fetch_add(&sent, 1);
    else if (s->res.value.u.i == t->id) /* its own */
      atomic_fetch_add(&bad, 1);
    else
      atomic_fetch_add(&received, 1);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step two_both_ways(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 2);
  for (int i = 0; i < 2; i++) {
    user u = *t;
    u.s = (steps){.body = both_ways};
    u.id = i;
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  /* Alone it blocks. */
  t->cases[0] = send_case(t->c, integer(9));
  t->cases[1] = recv_case(t->c);
  SELECT(s, t->cases, 2, gort_now() + 5 * MS);
  results[0] = s->res;
  STEPS_END(s);
}

static void test_self(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = two_both_ways};
    gort_chan_new(0, &m.c);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(sent, 2000);
    assert_int_equal(received, 2000);
    assert_int_equal(bad, 0);
    assert_int_equal(results[0].status, GORT_ETIMEOUT);
    release(m.c);
    release(m.wg);
  }
}

/* ---- many cases -------------------------------------------------------- */

static gort_case thousand[MANY];

static gort_step wait_for_many(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 20; t->i++) {
    for (int i = 0; i < MANY; i++) thousand[i] = recv_case(t->all[i]);
    gort_waitgroup_add(t->wg, -1);
    SELECT(s, thousand, MANY, GORT_FOREVER);
    if (s->res.index != (t->i * 37) % MANY || s->res.value.u.i != t->i)
      atomic_fetch_add(&bad, 1);
    gort_waitgroup_add(t->wg, 1);
    SEND(s, t->c, integer(1), GORT_FOREVER);
  }
  STEPS_END(s);
}

static gort_step send_to_many(steps *s) {
  user *t = (user *)s;
  gort_result res;
  STEPS_BEGIN(s);
  user u = *t;
  u.s = (steps){.body = wait_for_many};
  gort_waitgroup_add(t->wg, 1);
  if (!GO(s->rt, u)) abort();
  for (t->i = 0; t->i < 20; t->i++) {
    SLEEP(s, t->i % 2 * 2 * MS);
    SEND(s, t->all[(t->i * 37) % MANY], integer(t->i), GORT_FOREVER);
    RECV(s, t->c, GORT_FOREVER);
  }
  for (int i = 0; i < MANY; i++) { /* all losers are unlinked */
    gort_value v = integer(0);
    if (gort_wait_try(source_of(t->all[i]), GORT_SEND, &v, &res))
      atomic_fetch_add(&bad, 1);
  }
  STEPS_END(s);
}

static void test_many(void **state) {
  (void)state;
  gort_chan *all[MANY];
  for (int i = 0; i < MANY; i++) gort_chan_new(0, &all[i]);
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = send_to_many, .all = all};
    gort_chan_new(0, &m.c);
    gort_waitgroup_new(&m.wg);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(bad, 0);
    release(m.c);
    release(m.wg);
  }
  for (int i = 0; i < MANY; i++) release(all[i]);
}

/* ---- one instant ------------------------------------------------------- */

/* A value moves between two channels so that one of them always has one (put
 * into the other before it is taken): a select with a default must never
 * find both empty. */
static atomic_bool over;

static gort_step mover(steps *s) {
  user *t = (user *)s;
  gort_result res;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 20000; t->i++) {
    gort_value v = integer(1);
    gort_chan *to = t->i % 2 ? t->c : t->d, *from = t->i % 2 ? t->d : t->c;
    if (!gort_wait_try(source_of(to), GORT_SEND, &v, &res)) abort();
    if (!gort_wait_try(source_of(from), GORT_RECV, &v, &res)) abort();
    if (t->i % 50 == 0) YIELD(s);
  }
  atomic_store(&over, true);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

/* Sends into full channels instead of taking: what is looked for is ready
 * when the channel has room, and one of two always has. */
static gort_step looker(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  while (!atomic_load(&over)) {
    t->cases[0] = send_case(t->c, integer(2));
    t->cases[1] = send_case(t->d, integer(2));
    SELECT(s, t->cases, 2, 0);
    if (s->res.index < 0) {
      atomic_fetch_add(&bad, 1);
    } else { /* take it back */
      gort_result res;
      gort_value v;
      gort_wait_try(t->cases[s->res.index].source, GORT_RECV, &v, &res);
    }
    YIELD(s);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step one_instant(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 2);
  for (int i = 0; i < 2; i++) {
    user u = *t;
    u.s = (steps){.body = i ? looker : mover};
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_one_instant(void **state) {
  (void)state;
  gort_result res;
  FOR_WORKERS(w) {
    reset();
    atomic_store(&over, false);
    user m = {.s.body = one_instant};
    /* Capacity 3: the mover's two and the looker's one fit; c starts with
     * one value. Receivers see "one always has a value" below. */
    gort_chan_new(3, &m.c);
    gort_chan_new(3, &m.d);
    gort_waitgroup_new(&m.wg);
    gort_value v = integer(1);
    gort_wait_try(source_of(m.c), GORT_SEND, &v, &res);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(bad, 0);
    release(m.c);
    release(m.d);
    release(m.wg);
  }
}

/* Go's TestNonblockSelectRace: c1 is filled; one task looks at both with a
 * default while the other fills c2, then drains c1. */
static gort_step race_looker(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->cases[0] = recv_case(t->c);
  t->cases[1] = recv_case(t->d);
  SELECT(s, t->cases, 2, 0);
  if (s->res.index < 0) atomic_fetch_add(&bad, 1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step race(steps *s) {
  user *t = (user *)s;
  gort_result res;
  gort_value v;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 3000; t->i++) {
    gort_chan_new(1, &t->c);
    gort_chan_new(1, &t->d);
    v = integer(1);
    gort_wait_try(source_of(t->c), GORT_SEND, &v, &res);
    gort_waitgroup_add(t->wg, 1);
    user u = *t;
    u.s = (steps){.body = race_looker};
    if (!GO(s->rt, u)) abort();
    v = integer(1);
    if (t->n)
      gort_chan_close(t->d);
    else
      gort_wait_try(source_of(t->d), GORT_SEND, &v, &res);
    gort_wait_try(source_of(t->c), GORT_RECV, &v, &res);
    RECV(s, t->wg, GORT_FOREVER);
    release(t->c);
    release(t->d);
  }
  STEPS_END(s);
}

static void test_race(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    for (int close = 0; close < 2; close++) {
      reset();
      user m = {.s.body = race, .n = close};
      gort_waitgroup_new(&m.wg);
      assert_int_equal(RUN(w, m), 0);
      assert_int_equal(bad, 0);
      release(m.wg);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_uniform),
      cmocka_unit_test(test_corners),
      cmocka_unit_test(test_blocked),
      cmocka_unit_test(test_closed_while_sending),
      cmocka_unit_test(test_self),
      cmocka_unit_test(test_many),
      cmocka_unit_test(test_one_instant),
      cmocka_unit_test(test_race),
  };
  return RUN_GROUP(tests);
}
