/* test_ending.c - how runs end: deadlock, stop, what is left behind.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/steps.h"

static atomic_int done;
static atomic_bool flag;

static void reset(void) {
  steps_reset();
  atomic_store(&done, 0);
  atomic_store(&flag, false);
}

/* ---- deadlock ---------------------------------------------------------- */

typedef struct stuck {
  steps s;
  gort_chan *c;
  int n, i;
} stuck;

static gort_step hold(steps *s) {
  STEPS_BEGIN(s);
  RECV(s, ((stuck *)s)->c, GORT_FOREVER);
  STEPS_END(s);
}

static gort_step all_stuck(steps *s) {
  stuck *t = (stuck *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < t->n; t->i++) {
    stuck h = {.s.body = hold, .c = t->c};
    if (!GO(s->rt, h)) abort();
  }
  if (t->n > 100) burn(1 * MS);
  AWAIT(s, gort_sleep(s->task, NULL));
  STEPS_END(s);
}

static void test_deadlock(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    stuck m = {.s.body = all_stuck, .n = 3};
    gort_chan_new(0, &m.c);
    assert_int_equal(RUN(w, m), GORT_EDEADLOCK);
    assert_non_null(deadlock_report);
    assert_non_null(strstr(deadlock_report, "task 1 [select (no cases)]:"));
    int n = 0;
    for (char *p = deadlock_report; (p = strstr(p, "[chan receive]:")); p++)
      n++;
    assert_int_equal(n, 3);
    assert_int_equal(counts.forgotten, 4);
    release(m.c);
  }
}

/* The code is right whichever worker notices. */
static void test_deadlock_code(void **state) {
  (void)state;
  int wrong = 0;
  for (int i = 0; i < 300; i++) {
    reset();
    stuck m = {.s.body = all_stuck, .n = i % 20};
    gort_chan_new(0, &m.c);
    wrong += RUN(i % 2 ? 2 : 8, m) != GORT_EDEADLOCK;
    release(m.c);
  }
  assert_int_equal(wrong, 0);
}

/* No deadlock while a task sleeps or a function timer is pending. */
static gort_step sleeper(steps *s) {
  STEPS_BEGIN(s);
  SLEEP(s, 30 * MS);
  atomic_fetch_add(&done, 1);
  STEPS_END(s);
}

static void test_no_deadlock(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    stuck m = {.s.body = sleeper};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 1);
  }
}

/* ---- stop and destroy -------------------------------------------------- */

static gort_step forever(steps *s) {
  STEPS_BEGIN(s);
  while (!atomic_load(&flag)) YIELD(s);
  atomic_fetch_add(&done, 1);
  STEPS_END(s);
}

static gort_step stop_all(steps *s) {
  STEPS_BEGIN(s);
  for (int i = 0; i < 20; i++) {
    stuck w = {.s.body = forever};
    if (!GO(s->rt, w)) abort();
  }
  SLEEP(s, 5 * MS);
  atomic_store(&done, gort_stop(s->rt, 5000 * MS));
  STEPS_END(s);
}

static void test_stop(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    stuck m = {.s.body = stop_all};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 1);
    assert_int_equal(counts.started + counts.dropped, 21);
    assert_int_equal(counts.finished + counts.forgotten, counts.started);
  }
}

static atomic_int late;

/* Starts others of its kind, so that workers always take tasks up. */
static gort_step breed(steps *s) {
  STEPS_BEGIN(s);
  if (atomic_load(&flag)) atomic_fetch_add(&late, 1);
  for (int i = 0; i < 2; i++) {
    stuck w = {.s.body = breed, .n = ((stuck *)s)->n - 1};
    if (w.n > 0) GO(s->rt, w);
  }
  YIELD(s);
  if (atomic_load(&flag)) atomic_fetch_add(&late, 1);
  STEPS_END(s);
}

static gort_step stop_breed(steps *s) {
  stuck *t = (stuck *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 4; t->i++) {
    stuck w = {.s.body = breed, .n = 8};
    if (!GO(s->rt, w)) abort();
  }
  if (t->n % 4) SLEEP(s, t->n % 4 * 20000);
  atomic_store(&done, gort_stop(s->rt, 5000 * MS));
  atomic_store(&flag, true);
  burn(MS / 5);
  STEPS_END(s);
}

/* Once gort_stop says so, no task runs that a worker was about to take up. */
static void test_stop_is_last(void **state) {
  (void)state;
  atomic_store(&late, 0);
  FOR_WORKERS(w) {
    for (int i = 0; i < 300; i++) {
      reset();
      stuck m = {.s.body = stop_breed, .n = i};
      assert_int_equal(RUN(w, m), 0);
      assert_int_equal(done, 1);
      assert_int_equal(late, 0);
    }
  }
}

static gort_record *make_nothing(void *arg) {
  (void)arg;
  return NULL;
}

static void count_drop(void *arg) {
  (void)arg;
  atomic_fetch_add(&done, 1);
}

typedef struct mess {
  steps s;
  gort_chan *full, *empty;
  gort_timer *timer;
  gort_case cases[3];
  int i, n;
} mess;

static gort_step park_somehow(steps *s) {
  mess *t = (mess *)s;
  STEPS_BEGIN(s);
  if (t->n % 6 == 0) {
    SEND(s, t->full, string_value("lost"), GORT_FOREVER);
  } else if (t->n % 6 == 1) {
    RECV(s, t->empty, gort_now() + 100000 * MS);
    gort_value_drop(&s->res.value);
  } else if (t->n % 6 == 2) {
    SLEEP(s, 100000 * MS);
  } else if (t->n % 6 == 3) {
    t->cases[0] = (gort_case){source_of(t->full), GORT_SEND, string_value("x")};
    t->cases[1] = (gort_case){NULL, GORT_SEND, string_value("y")};
    t->cases[2] = (gort_case){source_of(t->empty), GORT_RECV, {0}};
    SELECT(s, t->cases, 3, gort_now() + 100000 * MS);
  } else if (t->n % 6 == 4) {
    RECV(s, t->timer, GORT_FOREVER);
  } else {
    AWAIT(s, gort_sleep(s->task, NULL));
  }
  STEPS_END(s);
}

static void release_mess(steps *s) { release(((mess *)s)->timer); }

static gort_step leave_a_mess(steps *s) {
  mess *t = (mess *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 60; t->i++) {
    mess m = *t;
    m.s = (steps){.body = park_somehow, .release = release_mess};
    retain(m.timer); /* each task holds it */
    m.n = t->i;
    if (!GO(s->rt, m)) abort();
  }
  SLEEP(s, 5 * MS);
  for (t->i = 0; t->i < 60; t->i++) { /* most are never started */
    mess m = *t;
    m.s = (steps){.body = park_somehow, .release = release_mess};
    retain(m.timer); /* each task holds it */
    m.n = t->i;
    if (!GO(s->rt, m)) abort();
  }
  STEPS_END(s);
}

static void test_destroy(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    mess m = {.s = {.body = leave_a_mess, .release = release_mess}};
    gort *rt = steps_new(w);
    gort_chan_new(0, &m.full);
    gort_chan_new(0, &m.empty);
    gort_timer_new(rt, gort_now() + 100000 * MS, 0, &m.timer);
    gort_timer *func;
    gort_timer_func(rt, gort_now() + 100000 * MS, make_nothing, count_drop,
                    NULL, &func);
    release(func); /* the heap has a count of it */
    assert_int_equal(gort_run(rt, steps_record(rt, &m, sizeof m)), 0);
    gort_destroy(rt); /* the tasks that wait for the timer borrow it */
    assert_int_equal(done, 1);
    assert_int_equal(counts.started + counts.dropped, 121);
    assert_int_equal(counts.finished + counts.forgotten, counts.started);
    assert_int_equal(counts.vms, counts.vms_gone);
    release(m.full);
    release(m.empty);
  }
}

/* A value is handed to a task that is not resumed any more. */
static gort_step hand_and_end(steps *s) {
  mess *t = (mess *)s;
  STEPS_BEGIN(s);
  mess other = *t;
  other.s = (steps){.body = park_somehow};
  other.n = 1;
  if (!GO(s->rt, other)) abort();
  SLEEP(s, 20 * MS);
  SEND(s, t->empty, string_value("handed over"), GORT_FOREVER);
  STEPS_END(s);
}

static gort_step hand_to_neighbour(steps *s) {
  mess *t = (mess *)s;
  gort_result res;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 8; t->i++) {
    mess other = *t;
    other.s = (steps){.body = park_somehow};
    other.n = 1;
    if (!GO(s->rt, other)) abort();
  }
  SLEEP(s, 20 * MS);
  for (int i = 0; i < 8; i++) {
    gort_value v = string_value("handed over");
    if (!gort_wait_try(source_of(t->empty), GORT_SEND, &v, &res))
      gort_value_drop(&v);
  }
  STEPS_END(s);
}

static int *freed;

static void note_free(gort_buf *b) {
  (void)b;
  ++*freed;
}

static gort_step send_noted(steps *s) {
  mess *t = (mess *)s;
  gort_result res;
  STEPS_BEGIN(s);
  mess other = *t;
  other.s = (steps){.body = park_somehow};
  other.n = 1;
  if (!GO(s->rt, other)) abort();
  SLEEP(s, 20 * MS);
  gort_value v = {.type = GORT_DATA};
  v.u.buf = gort_buf_new(1, note_free);
  /* One worker: the receiver is ready and this task ends before it runs. */
  if (!gort_wait_try(source_of(t->empty), GORT_SEND, &v, &res))
    gort_value_drop(&v);
  STEPS_END(s);
}

static void test_destroy_ready(void **state) {
  (void)state;
  int n = 0;
  freed = &n;
  reset();
  mess m = {.s.body = send_noted};
  gort_chan_new(0, &m.empty);
  assert_int_equal(RUN(1, m), 0);
  release(m.empty);
  assert_int_equal(counts.forgotten, 1);
  assert_int_equal(n, 1); /* the value was dropped with its receiver */
  FOR_WORKERS(w) {
    reset();
    m.s.body = w == 2 ? hand_and_end : hand_to_neighbour;
    gort_chan_new(0, &m.empty);
    assert_int_equal(RUN(w, m), 0);
    release(m.empty);
  }
}

static void test_destroy_unused(void **state) {
  (void)state;
  reset();
  atomic_store(&flag, true);
  gort *rt = steps_new(4);
  stuck w = {.s.body = forever};
  for (int i = 0; i < 10; i++) assert_true(GO(rt, w));
  gort_destroy(rt);
  assert_int_equal(counts.started + counts.dropped, 10);
  assert_int_equal(counts.finished + counts.forgotten, counts.started);
}

static atomic_int ends;
static void on_main_end(gort *rt, void *arg) {
  (void)rt;
  if (arg == &ends) atomic_fetch_add(&ends, 1);
}

static void test_main_end(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    atomic_store(&ends, 0);
    gort_options options = steps_options(w);
    options.on_main_end = on_main_end;
    options.arg = &ends;
    gort *rt;
    assert_int_equal(gort_new(&options, &rt), 0);
    stuck m = {.s.body = sleeper};
    assert_int_equal(gort_run(rt, steps_record(rt, &m, sizeof m)), 0);
    gort_destroy(rt);
    assert_int_equal(ends, 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_deadlock),
      cmocka_unit_test(test_deadlock_code),
      cmocka_unit_test(test_no_deadlock),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_stop_is_last),
      cmocka_unit_test(test_destroy),
      cmocka_unit_test(test_destroy_ready),
      cmocka_unit_test(test_destroy_unused),
      cmocka_unit_test(test_main_end),
  };
  return RUN_GROUP(tests);
}
