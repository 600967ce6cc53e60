/* SPDX-License-Identifier: MIT */
/* test_chan.c - channels. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_chan *c, *d;
  gort_waitgroup *wg;
  int i, n, id;
  int64_t until;
} user;

static gort_value nil = {.type = GORT_NIL};

static bool try_send(gort_chan *c, int64_t i, gort_result *res) {
  gort_value v = integer(i);
  *res = (gort_result){0};
  return gort_wait_try(source_of(c), GORT_SEND, &v, res);
}

static bool try_recv(gort_chan *c, gort_result *res) {
  *res = (gort_result){0};
  return gort_wait_try(source_of(c), GORT_RECV, &nil, res);
}

static gort_step go_some(user *m, int n, gort_step (*body)(steps *)) {
  for (int i = 0; i < n; i++) {
    user u = *m;
    u.s = (steps){.body = body};
    u.id = i;
    if (!GO(m->s.rt, u)) abort();
  }
  return GORT_STEP_FINISHED;
}

/* ---- without tasks ----------------------------------------------------- */

static void test_make(void **state) {
  (void)state;
  gort_chan *c = NULL;
  assert_int_equal(gort_chan_new(SIZE_MAX, &c), GORT_ERANGE);
  assert_int_equal(gort_chan_new(SIZE_MAX / 16, &c), GORT_ERANGE);
  assert_null(c);
  assert_int_equal(gort_chan_new(3, &c), 0);
  assert_int_equal(gort_chan_cap(c), 3);
  assert_int_equal(gort_chan_len(c), 0);
  assert_int_equal(gort_chan_tag(c), 0);
  gort_chan_set_tag(c, 5);
  assert_int_equal(gort_chan_tag(c), 5);
  assert_ptr_equal(gort_object_class((gort_object *)c), gort_chan_class());
  release(c);
}

static void test_buffer(void **state) {
  (void)state;
  gort_result res;
  for (int cap = 0; cap <= 64; cap++) {
    gort_chan *c;
    int64_t in = 0, out = 0;
    assert_int_equal(gort_chan_new((size_t)cap, &c), 0);
    for (int round = 0; round < 3; round++) { /* the ring wraps */
      while (try_send(c, in, &res)) in++;
      assert_int_equal(gort_chan_len(c), cap);
      for (int i = 0; i < cap / 2 + 1 && try_recv(c, &res); i++)
        assert_true(res.ok && res.value.u.i == out++);
    }
    assert_int_equal(gort_chan_close(c), 0);
    assert_int_equal(gort_chan_close(c), GORT_ECLOSE);
    assert_true(try_send(c, 1, &res));
    assert_int_equal(res.status, GORT_ECLOSED);
    assert_int_equal(gort_chan_len(c), in - out);
    while (try_recv(c, &res) && res.ok) assert_int_equal(res.value.u.i, out++);
    assert_int_equal(in, out);
    for (int i = 0; i < 3; i++) {
      assert_true(try_recv(c, &res));
      assert_true(!res.ok && res.status == 0 && res.value.type == GORT_NIL);
    }
    release(c);
  }
}

static void test_drop(void **state) {
  (void)state;
  gort_chan *c;
  gort_result res;
  gort_chan_new(4, &c);
  for (int i = 0; i < 4; i++) { /* buffered values go with the channel */
    gort_value v = string_value("buffered");
    assert_true(gort_wait_try(source_of(c), GORT_SEND, &v, &res));
    assert_int_equal(v.type, GORT_NIL);
  }
  gort_value v = string_value("mine");
  assert_false(gort_wait_try(source_of(c), GORT_SEND, &v, &res));
  assert_int_equal(v.type, GORT_STRING); /* not taken */
  gort_chan_close(c);
  assert_true(gort_wait_try(source_of(c), GORT_SEND, &v, &res));
  assert_int_equal(res.status, GORT_ECLOSED);
  assert_int_equal(v.type, GORT_STRING);
  gort_value_drop(&v);
  release(c);
}

/* ---- order ------------------------------------------------------------- */

static int64_t seen[128];
static atomic_int n_seen, n_ok, n_closed, n_refused, n_timeout, n_bad;

static void reset(void) {
  steps_reset();
  atomic_store(&n_seen, 0);
  atomic_store(&n_ok, 0);
  atomic_store(&n_closed, 0);
  atomic_store(&n_refused, 0);
  atomic_store(&n_timeout, 0);
  atomic_store(&n_bad, 0);
}

static gort_step send_id(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  SEND(s, t->c, integer(t->id), t->until ? t->until : GORT_FOREVER);
  atomic_fetch_add(s->res.status == 0               ? &n_ok
                   : s->res.status == GORT_ECLOSED  ? &n_refused
                   : s->res.status == GORT_ETIMEOUT ? &n_timeout
                                                    : &n_bad,
                   1);
  if (t->wg) gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step recv_one(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->c, t->until ? t->until : GORT_FOREVER);
  if (s->res.status == GORT_ETIMEOUT) {
    atomic_fetch_add(&n_timeout, 1);
  } else if (s->res.ok) {
    seen[t->id] = s->res.value.u.i;
    atomic_fetch_add(&n_ok, 1);
  } else {
    atomic_fetch_add(&n_closed, 1);
  }
  if (t->wg) gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

/* How many wait on a channel is not to be asked: one after the other. */
#define GO_ONE_BY_ONE(t, total, task_body)       \
  for ((t)->i = 0; (t)->i < (total); (t)->i++) { \
    user u = *(t);                               \
    u.s = (steps){.body = task_body};            \
    u.id = (t)->i;                               \
    if (!GO((t)->s.rt, u)) abort();              \
    SLEEP(&(t)->s, MS);                          \
  }

static gort_step senders_in_order(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  GO_ONE_BY_ONE(t, 12, send_id)
  for (t->i = 0; t->i < 12; t->i++) {
    /* Full while anybody waits: a waiting sender's value moves in. */
    if (gort_chan_len(t->c) != (size_t)(12 - t->i < t->n ? 12 - t->i : t->n))
      atomic_fetch_add(&n_bad, 1);
    RECV(s, t->c, 0);
    seen[t->i] = s->res.status == 0 ? s->res.value.u.i : -1;
  }
  STEPS_END(s);
}

static void test_fifo(void **state) {
  (void)state;
  for (int cap = 0; cap <= 4; cap += 2) {
    reset();
    user m = {.s.body = senders_in_order, .n = cap};
    gort_chan_new((size_t)cap, &m.c);
    assert_int_equal(RUN(1, m), 0);
    for (int i = 0; i < 12; i++) assert_int_equal(seen[i], i);
    assert_int_equal(n_bad, 0);
    release(m.c);
  }
}

static gort_step receivers_in_order(steps *s) {
  user *t = (user *)s;
  gort_result res;
  STEPS_BEGIN(s);
  GO_ONE_BY_ONE(t, 12, recv_one)
  for (int i = 0; i < 12; i++) {
    try_send(t->c, 100 + i, &res);
    /* Handed over directly: nobody else can take it any more. */
    if (gort_chan_len(t->c) != 0 || try_recv(t->c, &res))
      atomic_fetch_add(&n_bad, 1);
  }
  SLEEP(s, 20 * MS);
  STEPS_END(s);
}

static void test_hand_over(void **state) {
  (void)state;
  for (int cap = 0; cap <= 4; cap += 2) {
    reset();
    user m = {.s.body = receivers_in_order};
    gort_chan_new((size_t)cap, &m.c);
    assert_int_equal(RUN(1, m), 0);
    assert_int_equal(n_ok, 12);
    assert_int_equal(n_bad, 0);
    for (int i = 0; i < 12; i++) assert_int_equal(seen[i], 100 + i);
    release(m.c);
  }
}

/* ---- close ------------------------------------------------------------- */

static gort_step close_on_them(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, 20);
  go_some(t, 20, t->n ? send_id : recv_one);
  SLEEP(s, 10 * MS);
  gort_chan_close(t->c);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_close(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    for (int cap = 0; cap <= 5; cap += 5) {
      for (int sends = 0; sends < 2; sends++) {
        reset();
        user m = {.s.body = close_on_them, .n = sends};
        gort_chan_new((size_t)cap, &m.c);
        gort_waitgroup_new(&m.wg);
        assert_int_equal(RUN(w, m), 0);
        if (sends) {
          assert_int_equal(n_ok, cap);
          assert_int_equal(n_refused, 20 - cap);
          assert_int_equal(gort_chan_len(m.c), cap);
        } else {
          assert_int_equal(n_closed, 20);
        }
        release(m.c);
        release(m.wg);
      }
    }
  }
}

/* ---- nothing lost ------------------------------------------------------ */

enum { SENDERS = 6, EACH = 40 };
static atomic_uchar times[SENDERS * EACH];

static gort_step many_sends(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < EACH; t->i++)
    SEND(s, t->c, integer(t->id * EACH + t->i), GORT_FOREVER);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

typedef struct reader {
  user u;
  int last[SENDERS];
} reader;

static gort_step many_recvs(steps *s) {
  reader *r = (reader *)s;
  user *t = &r->u;
  STEPS_BEGIN(s);
  for (int i = 0; i < SENDERS; i++) r->last[i] = -1;
  for (;;) {
    RECV(s, t->c, GORT_FOREVER);
    if (!s->res.ok) break;
    int from = (int)s->res.value.u.i / EACH, n = (int)s->res.value.u.i % EACH;
    if (n <= r->last[from]) atomic_fetch_add(&n_bad, 1);
    r->last[from] = n;
    atomic_fetch_add(&times[s->res.value.u.i], 1);
  }
  SEND(s, t->d, integer(1), GORT_FOREVER);
  STEPS_END(s);
}

static gort_step nothing_lost(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, SENDERS);
  go_some(t, SENDERS, many_sends);
  for (int i = 0; i < 5; i++) {
    reader r = {.u = *t};
    r.u.s = (steps){.body = many_recvs};
    if (!GO(s->rt, r)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  gort_chan_close(t->c);
  for (t->i = 0; t->i < 5; t->i++) RECV(s, t->d, GORT_FOREVER);
  STEPS_END(s);
}

static void test_nothing_lost(void **state) {
  (void)state;
  for (size_t cap = 0; cap <= 64; cap++) {
    FOR_WORKERS(w) {
      reset();
      memset(times, 0, sizeof times);
      user m = {.s.body = nothing_lost};
      gort_chan_new(cap, &m.c);
      gort_chan_new(0, &m.d);
      gort_waitgroup_new(&m.wg);
      assert_int_equal(RUN(w, m), 0);
      for (int i = 0; i < SENDERS * EACH; i++) assert_int_equal(times[i], 1);
      assert_int_equal(n_bad, 0);
      release(m.c);
      release(m.d);
      release(m.wg);
    }
  }
}

/* ---- deadlines --------------------------------------------------------- */

static int64_t waited[4];
static gort_result results[8];

static gort_step deadlines(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  RECV(s, t->c, 0); /* never parks */
  results[0] = s->res;
  RECV(s, t->c, gort_now() - 1);
  results[1] = s->res;
  t->until = gort_now() + 10 * MS;
  RECV(s, t->c, t->until);
  results[2] = s->res;
  waited[0] = gort_now() - t->until;
  t->until = gort_now() + 10 * MS;
  SEND(s, t->c, string_value("unsent"), t->until);
  results[3] = s->res;
  waited[1] = gort_now() - t->until;
  SEND(s, t->c, integer(1), 0);
  results[4] = s->res;
  RECV(s, t->d, 0); /* ready: the deadline does not matter */
  results[5] = s->res;
  RECV(s, t->d, 1);
  results[6] = s->res;
  STEPS_END(s);
}

static void test_deadlines(void **state) {
  (void)state;
  gort_result res;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = deadlines};
    gort_chan_new(0, &m.c);
    gort_chan_new(2, &m.d);
    try_send(m.d, 1, &res);
    try_send(m.d, 2, &res);
    assert_int_equal(RUN(w, m), 0);
    for (int i = 0; i < 5; i++)
      assert_int_equal(results[i].status, GORT_ETIMEOUT);
    for (int i = 0; i < 2; i++)
      assert_true(waited[i] >= 0 && waited[i] < 500 * MS);
    assert_true(results[5].ok && results[5].value.u.i == 1);
    assert_true(results[6].ok && results[6].value.u.i == 2);
    release(m.c);
    release(m.d);
  }
}

/* Those whose deadline passed leave the queue: a value goes to one who still
 * waits, and leaving costs the same however many wait. */
static gort_step leave_queue(steps *s) {
  user *t = (user *)s;
  gort_result res;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  t->until = gort_now() + 30 * MS;
  go_some(t, t->n, recv_one);
  t->until = 0;
  SLEEP(s, 1 * MS);
  RECV(s, t->wg, GORT_FOREVER);
  if (try_send(t->c, 7, &res)) atomic_fetch_add(&n_bad, 1);
  STEPS_END(s);
}

static void test_removal(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = leave_queue, .n = 20000};
    gort_chan_new(0, &m.c);
    gort_waitgroup_new(&m.wg);
    int64_t began = gort_now();
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(n_timeout, 20000);
    assert_int_equal(n_bad, 0);
    assert_true(gort_now() - began < 10000 * MS);
    release(m.c);
    release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_make),         cmocka_unit_test(test_buffer),
      cmocka_unit_test(test_drop),         cmocka_unit_test(test_fifo),
      cmocka_unit_test(test_hand_over),    cmocka_unit_test(test_close),
      cmocka_unit_test(test_nothing_lost), cmocka_unit_test(test_deadlines),
      cmocka_unit_test(test_removal),
  };
  return RUN_GROUP(tests);
}
