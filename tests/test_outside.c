/* SPDX-License-Identifier: MIT */
/* test_outside.c - hosts hold, interrupt and rescue tasks; channels looked at. */
#include "support/check.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "support/steps.h"

static gort *the_rt;
static _Atomic(gort_task *) the_task;
static atomic_bool over;
static atomic_int wakes;

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void set_up(void) {
  steps_reset();
  the_rt = NULL;
  atomic_store(&the_task, NULL);
  atomic_store(&over, false);
  atomic_store(&wakes, 0);
}

/* ---- interrupting ------------------------------------------------------ */

typedef struct waiting {
  steps s;
  gort_chan *c, *d;
  gort_case cases[2];
  int i, bad;
} waiting;

enum { ROUNDS = 300 };

static void count(waiting *t, int status) {
  if (status == GORT_EINTR)
    atomic_fetch_add(&wakes, 1);
  else
    t->bad++;
}

/* Waits in every way there is; each wait is to be interrupted. */
static gort_step wait_in_many_ways(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  gort_task_set_interruptible(s->task);
  atomic_store(&the_task, s->task);
  for (t->i = 0; t->i < ROUNDS; t->i++) {
    RECV(s, t->c, GORT_FOREVER);
    count(t, s->rc ? s->rc : s->res.status);
    SEND(s, t->c, string_value("never sent"), GORT_FOREVER);
    count(t, s->rc ? s->rc : s->res.status);
    RECV(s, t->c, gort_now() + 3600000 * MS);
    count(t, s->rc ? s->rc : s->res.status);
    SLEEP(s, 3600000 * MS);
    count(t, s->rc ? s->rc : s->res.status);
    t->cases[0] = (gort_case){source_of(t->c), GORT_RECV, integer(0)};
    t->cases[1] = (gort_case){source_of(t->d), GORT_SEND, integer(1)};
    SELECT(s, t->cases, 2, GORT_FOREVER);
    count(t, s->rc ? s->rc : s->res.status);
  }
  atomic_store(&over, true);
  STEPS_END(s);
}

/* Interrupts as a person does who keeps pressing: more often than there are
 * waits, also between them. */
static void *press(void *arg) {
  (void)arg;
  gort_task *t;
  while (!(t = atomic_load(&the_task))) nap();
  gort *rt = the_rt;
  while (!atomic_load(&over)) {
    gort_hold(rt);
    /* The end of the task is near when the last wait has been counted. */
    if (atomic_load(&wakes) < 5 * ROUNDS) gort_task_interrupt(t);
    gort_unhold(rt);
  }
  return NULL;
}

static void test_interrupt(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    set_up();
    waiting t = {.s.body = wait_in_many_ways};
    pthread_t thread;
    assert_int_equal(gort_chan_new(0, &t.c), 0);
    assert_int_equal(gort_chan_new(0, &t.d), 0);
    the_rt = steps_new(w);
    gort_hold(the_rt); /* until there is somebody to press */
    assert_int_equal(pthread_create(&thread, NULL, press, NULL), 0);
    assert_int_equal(gort_run(the_rt, steps_record(the_rt, &t, sizeof t)), 0);
    pthread_join(thread, NULL);
    gort_unhold(the_rt);
    assert_int_equal(atomic_load(&wakes), 5 * ROUNDS);
    gort_chan_info info;
    gort_chan_look(t.c, &info);
    assert_int_equal(info.receivers + info.senders, 0);
    gort_chan_look(t.d, &info);
    assert_int_equal(info.receivers + info.senders, 0);
    gort_destroy(the_rt);
    release(t.c);
    release(t.d);
  }
}

/* ---- holding ----------------------------------------------------------- */

static gort_step receive_one(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  RECV(s, t->c, GORT_FOREVER);
  if (s->rc == 0 && s->res.ok) atomic_fetch_add(&wakes, 1);
  STEPS_END(s);
}

/* A thread of the host's that gives the main task its value, late. */
static void *give(void *arg) {
  gort_value v = integer(7);
  gort_result res;
  for (int i = 0; i < 20; i++) nap();
  gort_wait_try(source_of(arg), GORT_SEND, &v, &res);
  return NULL;
}

static void test_hold(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    set_up();
    waiting t = {.s.body = receive_one};
    pthread_t thread;
    assert_int_equal(gort_chan_new(1, &t.c), 0);
    the_rt = steps_new(2);
    gort_hold(the_rt);
    assert_int_equal(pthread_create(&thread, NULL, give, t.c), 0);
    assert_int_equal(gort_run(the_rt, steps_record(the_rt, &t, sizeof t)), 0);
    pthread_join(thread, NULL);
    gort_unhold(the_rt);
    assert_int_equal(atomic_load(&wakes), 1);
    gort_destroy(the_rt);
    release(t.c);
  }
}

static void *let_go(void *arg) {
  for (int i = 0; i < 20; i++) nap();
  gort_unhold(arg);
  return NULL;
}

/* The last hope goes while everyone sleeps: that is noticed. */
static void test_unhold(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    set_up();
    waiting t = {.s.body = receive_one};
    pthread_t thread;
    assert_int_equal(gort_chan_new(0, &t.c), 0);
    the_rt = steps_new(w);
    gort_hold(the_rt);
    assert_int_equal(pthread_create(&thread, NULL, let_go, the_rt), 0);
    assert_int_equal(gort_run(the_rt, steps_record(the_rt, &t, sizeof t)),
                     GORT_EDEADLOCK);
    pthread_join(thread, NULL);
    gort_destroy(the_rt);
    release(t.c);
  }
}

/* ---- rescuing ---------------------------------------------------------- */

static atomic_int stuck;
static atomic_bool report_was_right;

static bool rescue(gort *rt, void *arg, const char *report) {
  (void)rt, (void)arg;
  if (report && strstr(report, "task 1 [chan receive]:"))
    atomic_store(&report_was_right, true);
  if (atomic_fetch_add(&stuck, 1) == ROUNDS) return false;
  return gort_task_interrupt(atomic_load(&the_task));
}

static gort_step wait_again_and_again(steps *s) {
  waiting *t = (waiting *)s;
  STEPS_BEGIN(s);
  gort_task_set_interruptible(s->task);
  atomic_store(&the_task, s->task);
  for (;;) {
    RECV(s, t->c, GORT_FOREVER);
    if (s->res.status == GORT_EINTR) atomic_fetch_add(&wakes, 1);
  }
  STEPS_END(s);
}

static void test_rescue(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    set_up();
    atomic_store(&stuck, 0);
    atomic_store(&report_was_right, false);
    waiting t = {.s.body = wait_again_and_again};
    assert_int_equal(gort_chan_new(0, &t.c), 0);
    gort_options options = steps_options(w);
    options.on_stuck = rescue;
    assert_int_equal(gort_new(&options, &the_rt), 0);
    assert_int_equal(gort_run(the_rt, steps_record(the_rt, &t, sizeof t)),
                     GORT_EDEADLOCK);
    assert_int_equal(atomic_load(&wakes), ROUNDS);
    assert_true(atomic_load(&report_was_right));
    assert_non_null(deadlock_report);
    gort_destroy(the_rt);
    release(t.c);
  }
}

/* ---- looking ----------------------------------------------------------- */

static void test_look(void **state) {
  (void)state;
  gort_chan *c;
  gort_chan_info info;
  gort_result res;
  assert_int_equal(gort_chan_new(3, &c), 0);
  for (int i = 0; i < 2; i++) {
    gort_value v = integer(i);
    assert_int_equal(gort_wait_try(source_of(c), GORT_SEND, &v, &res), 1);
  }
  gort_chan_look(c, &info);
  assert_int_equal(info.len, 2);
  assert_false(info.closed);
  assert_int_equal(info.receivers + info.senders, 0);
  gort_chan_close(c);
  gort_chan_look(c, &info);
  assert_true(info.closed);
  release(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_interrupt), cmocka_unit_test(test_hold),
      cmocka_unit_test(test_unhold),    cmocka_unit_test(test_rescue),
      cmocka_unit_test(test_look),
  };
  return RUN_GROUP(tests);
}
