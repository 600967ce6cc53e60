/* SPDX-License-Identifier: MIT */
/* test_host.c - threads of the host use channels, and hold the runtime. */
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/steps.h"

typedef struct user {
  steps s;
  gort_chan *in, *out;
  int64_t i, n;
} user;

/* Gives back what it gets, until in is closed. */
static gort_step echo(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  for (;;) {
    RECV(s, u->in, GORT_FOREVER);
    if (!s->res.ok) break;
    u->i = s->res.value.u.i;
    SEND(s, u->out, integer(u->i), GORT_FOREVER);
  }
  gort_chan_close(u->out);
  STEPS_END(s);
}

typedef struct served {
  gort *rt;
  pthread_t thread;
  gort_record *main;
  int rc;
} served;

static void *serve(void *arg) {
  served *s = arg;
  s->rc = gort_run(s->rt, s->main);
  return NULL;
}

/* A runtime whose first worker is a thread of its own. */
static void start(served *s, unsigned workers, const void *main, size_t size) {
  s->rt = steps_new(workers);
  s->main = main ? steps_record(s->rt, main, size) : NULL;
  if (!main) gort_hold(s->rt);
}

static void go_on(served *s) {
  if (pthread_create(&s->thread, NULL, serve, s)) abort();
}

static int stop(served *s) {
  gort_stop(s->rt, 0);
  pthread_join(s->thread, NULL);
  gort_destroy(s->rt);
  alarm(0);
  return s->rc;
}

static gort_value get(gort_chan *c, int *rc) {
  gort_value v = gort_nil();
  *rc = gort_chan_recv(c, &v, NULL);
  return v;
}

static void test_echo(void **state) {
  (void)state;
  FOR_WORKERS(w) for (size_t cap = 0; cap < 20; cap += 9) {
    served s;
    user m = {.s.body = echo};
    start(&s, w, NULL, 0);
    assert_int_equal(gort_chan_open(s.rt, cap, &m.in), 0);
    assert_int_equal(gort_chan_open(s.rt, cap, &m.out), 0);
    go_on(&s);
    assert_true(GO(s.rt, m));
    int rc;
    for (int64_t i = 0; i < 2000; i++) {
      gort_value v = gort_integer(i);
      assert_int_equal(gort_chan_send(m.in, &v, NULL), 0);
      assert_int_equal(v.type, GORT_NIL);
      assert_int_equal(get(m.out, &rc).u.i, i);
      assert_int_equal(rc, 1);
    }
    assert_int_equal(gort_chan_close(m.in), 0);
    assert_int_equal(get(m.out, &rc).type, GORT_NIL);
    assert_int_equal(rc, 0);
    gort_chan_leave(s.rt, m.in);
    gort_chan_leave(s.rt, m.out);
    assert_int_equal(stop(&s), 0);
  }
}

static void test_limits(void **state) {
  (void)state;
  gort_chan *c;
  gort *rt = steps_new(1);
  assert_int_equal(gort_chan_new(1, &c), 0);
  gort_value v, text = string_value("kept");
  gort_limit soon = {gort_now() + 10 * MS, NULL};
  assert_int_equal(gort_chan_try_recv(c, &v), GORT_EAGAIN);
  assert_int_equal(gort_chan_recv(c, &v, &soon), GORT_ETIMEOUT);
  assert_true(gort_now() >= soon.deadline);
  assert_int_equal(gort_chan_try_send(c, &text), 0);
  text = string_value("kept");
  assert_int_equal(gort_chan_try_send(c, &text), GORT_EAGAIN);
  soon.deadline = gort_now() + 5 * MS;
  assert_int_equal(gort_chan_send(c, &text, &soon), GORT_ETIMEOUT);
  assert_int_equal(text.type, GORT_STRING);
  gort_context *ctx;
  gort_context_options options = {.cancels = true, .timeout = 5 * MS};
  assert_int_equal(
      gort_context_new(gort_context_background(rt), &options, &ctx), 0);
  gort_context_cancel(ctx, NULL);
  gort_limit until = {GORT_FOREVER, ctx};
  assert_int_equal(gort_chan_send(c, &text, &until), GORT_ECANCELED);
  gort_chan_close(c);
  assert_int_equal(gort_chan_send(c, &text, NULL), GORT_ECLOSED);
  assert_int_equal(gort_chan_try_send(c, &text), GORT_ECLOSED);
  assert_memory_equal(gort_buf_bytes(text.u.buf), "kept", 4);
  gort_value_drop(&text);
  assert_int_equal(gort_chan_recv(c, &v, NULL), 1);
  gort_value_drop(&v);
  assert_int_equal(gort_chan_recv(c, &v, NULL), 0);
  release(ctx);
  release(c);
  gort_destroy(rt);
  alarm(0);
}

/* Threads without any runtime: half send, half receive, all select. */
enum { THREADS = 4, EACH = 5000 };

typedef struct crowd {
  gort_chan *a, *b;
  atomic_llong sum;
  atomic_int wrong;
} crowd;

static void *sender(void *arg) {
  crowd *c = arg;
  for (int64_t i = 1; i <= EACH; i++) {
    gort_case cases[2] = {
        {source_of(c->a), GORT_SEND, gort_integer(i)},
        {source_of(c->b), GORT_SEND, gort_integer(i)},
    };
    gort_result res;
    if (gort_thread_select(cases, 2, NULL, &res) < 0) c->wrong++;
    if (cases[res.index].value.type != GORT_NIL) c->wrong++;
    if (cases[1 - res.index].value.u.i != i) c->wrong++;
  }
  return NULL;
}

static void *receiver(void *arg) {
  crowd *c = arg;
  for (int64_t i = 1; i <= EACH; i++) {
    gort_case cases[3] = {
        {source_of(c->a), GORT_RECV, gort_nil()},
        {NULL, GORT_RECV, gort_nil()},
        {source_of(c->b), GORT_RECV, gort_nil()},
    };
    gort_result res;
    gort_limit limit = {gort_now() + 20000 * MS, NULL};
    if (gort_thread_select(cases, 3, i % 2 ? NULL : &limit, &res) < 0)
      c->wrong++;
    else
      c->sum += res.value.u.i;
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  for (size_t cap = 0; cap < 3; cap++) {
    crowd c = {0};
    pthread_t t[2 * THREADS];
    gort_chan_new(cap, &c.a);
    gort_chan_new(cap, &c.b);
    alarm(60);
    for (int i = 0; i < 2 * THREADS; i++)
      if (pthread_create(&t[i], NULL, i % 2 ? sender : receiver, &c)) abort();
    for (int i = 0; i < 2 * THREADS; i++) pthread_join(t[i], NULL);
    alarm(0);
    assert_int_equal(c.wrong, 0);
    assert_int_equal(c.sum, (long long)THREADS * EACH * (EACH + 1) / 2);
    release(c.a);
    release(c.b);
  }
}

/* Deadlines that race with sends: each value arrives once or stays. */
static void *hasty(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < EACH; i++) {
    gort_limit limit = {gort_now() + i % 64 * 1000, NULL};
    gort_value v = gort_integer(1);
    if (gort_chan_send(c->a, &v, &limit) == 0) c->sum++;
  }
  return NULL;
}

static void test_deadlines(void **state) {
  (void)state;
  crowd c = {0};
  pthread_t t;
  long long got = 0;
  gort_chan_new(0, &c.a);
  alarm(60);
  if (pthread_create(&t, NULL, hasty, &c)) abort();
  gort_value v;
  for (int i = 0; i < EACH; i++) {
    gort_limit limit = {gort_now() + i % 50 * 1000, NULL};
    if (gort_chan_recv(c.a, &v, &limit) == 1) got++;
  }
  while (gort_chan_try_recv(c.a, &v) == 1) got++;
  gort_chan_close(c.a);
  pthread_join(t, NULL);
  alarm(0);
  assert_int_equal(got, c.sum);
  release(c.a);
}

/* A task that waits for a host that lets it wait is none that is stuck; when
 * the host leaves it is. */
static void test_hold(void **state) {
  (void)state;
  served s;
  user m = {.s.body = echo};
  assert_int_equal(gort_chan_new(0, &m.out), 0);
  s.rt = steps_new(2);
  assert_int_equal(gort_chan_open(s.rt, 0, &m.in), 0);
  s.main = steps_record(s.rt, &m, sizeof m);
  go_on(&s);
  nanosleep(&(struct timespec){.tv_nsec = 20 * MS}, NULL);
  gort_value v = gort_integer(7), got;
  assert_int_equal(gort_chan_send(m.in, &v, NULL), 0);
  assert_int_equal(gort_chan_recv(m.out, &got, NULL), 1);
  assert_int_equal(got.u.i, 7);
  assert_null(deadlock_report);
  gort_object_retain((gort_object *)(void *)m.in);
  gort_chan_leave(s.rt, m.in);
  pthread_join(s.thread, NULL);
  assert_int_equal(s.rc, GORT_EDEADLOCK);
  assert_non_null(strstr(deadlock_report, "chan receive"));
  gort_destroy(s.rt);
  alarm(0);
  release(m.in);
  release(m.out);
  steps_reset();
}

/* When the runtime stops, host threads that wait on its channels come back,
 * after what was sent before. */
static void test_stop_closes(void **state) {
  (void)state;
  served s;
  gort_chan *c;
  start(&s, 2, NULL, 0);
  go_on(&s);
  assert_int_equal(gort_chan_open(s.rt, 2, &c), 0);
  gort_value v = gort_integer(1);
  assert_int_equal(gort_chan_send(c, &v, NULL), 0);
  gort_stop(s.rt, 0);
  int rc;
  assert_int_equal(get(c, &rc).u.i, 1);
  assert_int_equal(rc, 1);
  get(c, &rc);
  assert_int_equal(rc, 0);
  gort_chan_leave(s.rt, c);
  assert_int_equal(gort_chan_open(s.rt, 2, &c), 0); /* comes closed */
  get(c, &rc);
  assert_int_equal(rc, 0);
  gort_chan_leave(s.rt, c);
  assert_int_equal(stop(&s), 0);
}

static gort_step in_main_vm(steps *s) {
  user *u = (user *)s;
  STEPS_BEGIN(s);
  YIELD(s);
  SEND(s, u->out, integer(gort_vm_index(s->vm)), GORT_FOREVER);
  STEPS_END(s);
}

static void test_go_main(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    served s;
    user m = {.s.body = in_main_vm};
    start(&s, w, NULL, 0);
    assert_int_equal(gort_chan_open(s.rt, 0, &m.out), 0);
    go_on(&s);
    for (int i = 0; i < 200; i++)
      gort_go_main(s.rt, steps_record(s.rt, &m, sizeof m));
    int rc;
    for (int i = 0; i < 200; i++) assert_int_equal(get(m.out, &rc).u.i, 0);
    retain(m.out); /* the last senders are yet to find out */
    gort_chan_leave(s.rt, m.out);
    assert_int_equal(stop(&s), 0);
    release(m.out);
  }
}

/* A task that would block its thread is told so. */
static atomic_int told;

static gort_step blocks(steps *s) {
  user *u = (user *)s;
  gort_value v;
  gort_case c = {source_of(u->in), GORT_RECV, gort_nil()};
  gort_result res;
  told = gort_chan_recv(u->in, &v, NULL);
  if (gort_thread_select(&c, 1, NULL, &res) != told) told = 0;
  return GORT_STEP_FINISHED;
}

static void test_worker(void **state) {
  (void)state;
  user m = {.s.body = blocks};
  gort_chan_new(0, &m.in);
  assert_int_equal(RUN(1, m), 0);
  assert_int_equal(told, GORT_EWORKER);
  release(m.in);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_echo),    cmocka_unit_test(test_limits),
      cmocka_unit_test(test_threads), cmocka_unit_test(test_deadlines),
      cmocka_unit_test(test_hold),    cmocka_unit_test(test_stop_closes),
      cmocka_unit_test(test_go_main), cmocka_unit_test(test_worker),
  };
  return RUN_GROUP(tests);
}
