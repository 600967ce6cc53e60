/* SPDX-License-Identifier: MIT */
/* test_loop.c - a vm's uv loop, while the vm is idle and while it is busy. */
#include "support/check.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "support/steps.h"

static atomic_int ticks, bytes, asyncs;
static atomic_bool flag, gave_up;
static uv_timer_t timer;
static uv_async_t async;
static uv_pipe_t reader;
static int fds[2];

typedef struct user {
  steps s;
  gort_chan *c;
  int i;
  int64_t until;
} user;

static void reset(void) {
  steps_reset();
  atomic_store(&ticks, 0);
  atomic_store(&bytes, 0);
  atomic_store(&asyncs, 0);
  atomic_store(&flag, false);
  atomic_store(&gave_up, false);
}

static void on_timer(uv_timer_t *t) {
  gort_value v = integer(1);
  gort_result res;
  if (atomic_fetch_add(&ticks, 1) == 2) uv_timer_stop(t);
  if (t->data) gort_wait_try(source_of(t->data), GORT_SEND, &v, &res);
}

static void start_timer(steps *s, gort_chan *c) {
  uv_loop_t *loop = gort_vm_loop(s->vm);
  if (!loop) abort();
  uv_timer_init(loop, &timer);
  timer.data = c;
  uv_timer_start(&timer, on_timer, 5, 5);
}

/* ---- idle -------------------------------------------------------------- */

static gort_step idle(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  start_timer(s, t->c);
  for (t->i = 0; t->i < 3; t->i++) RECV(s, t->c, GORT_FOREVER);
  STEPS_END(s);
}

static void test_idle(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = idle};
    gort_chan_new(8, &m.c);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(ticks, 3);
    release(m.c);
  }
}

/* ---- busy -------------------------------------------------------------- */

static gort_step other(steps *s) {
  STEPS_BEGIN(s);
  while (!atomic_load(&flag)) YIELD(s);
  STEPS_END(s);
}

static gort_step busy(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (int i = 0; i < t->i; i++) {
    user o = {.s.body = other};
    if (!GO(s->rt, o)) abort();
  }
  start_timer(s, NULL);
  t->until = gort_now() + 5000 * MS;
  while (atomic_load(&ticks) < 3 && gort_now() < t->until) YIELD(s);
  atomic_store(&flag, true);
  STEPS_END(s);
}

static void test_busy(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = busy};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(ticks, 3);
  }
}

/* The loop is not starved though other vms always wait for their turn. */
static void test_busy_others(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = busy, .i = 50};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(ticks, 3);
  }
}

/* ---- descriptors and other threads ------------------------------------- */

static void give_room(uv_handle_t *h, size_t size, uv_buf_t *buf) {
  static char room[64];
  (void)h, (void)size;
  *buf = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  gort_value v = integer(n);
  gort_result res;
  if (n > 0) atomic_fetch_add(&bytes, (int)n);
  if (n < 0) uv_read_stop(stream);
  if (stream->data) gort_wait_try(source_of(stream->data), GORT_SEND, &v, &res);
}

static gort_step writer(steps *s) {
  STEPS_BEGIN(s);
  SLEEP(s, 5 * MS);
  if (write(fds[1], "x", 1) != 1) abort();
  STEPS_END(s);
}

static gort_step read_pipe(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  uv_pipe_init(gort_vm_loop(s->vm), &reader, 0);
  reader.data = t->c;
  uv_pipe_open(&reader, fds[0]);
  uv_read_start((uv_stream_t *)&reader, give_room, on_read);
  for (t->i = 0; t->i < 10; t->i++) {
    user o = {.s.body = writer};
    if (!GO(s->rt, o)) abort();
    if (t->i % 2) {
      t->until = gort_now() + 5000 * MS;
      while (gort_chan_len(t->c) == 0 && gort_now() < t->until) YIELD(s);
    }
    RECV(s, t->c, gort_now() + 5000 * MS);
    if (s->res.status < 0) atomic_store(&gave_up, true);
  }
  STEPS_END(s);
}

static void test_pipe(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    assert_int_equal(pipe(fds), 0);
    user m = {.s.body = read_pipe};
    gort_chan_new(8, &m.c);
    assert_int_equal(RUN(w, m), 0);
    assert_false(gave_up);
    assert_int_equal(bytes, 10);
    close(fds[1]);
    release(m.c);
  }
}

static void on_async(uv_async_t *a) {
  gort_value v = integer(1);
  gort_result res;
  atomic_fetch_add(&asyncs, 1);
  gort_wait_try(source_of(a->data), GORT_SEND, &v, &res);
}

static gort_step async_sender(steps *s) {
  STEPS_BEGIN(s);
  SLEEP(s, 3 * MS);
  uv_async_send(&async);
  STEPS_END(s);
}

static gort_step await_async(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  uv_async_init(gort_vm_loop(s->vm), &async, on_async);
  async.data = t->c;
  for (t->i = 0; t->i < 5; t->i++) {
    user o = {.s.body = async_sender};
    if (!GO(s->rt, o)) abort();
    RECV(s, t->c, gort_now() + 5000 * MS);
    if (s->res.status < 0) atomic_store(&gave_up, true);
  }
  STEPS_END(s);
}

static void test_async(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = await_async};
    gort_chan_new(8, &m.c);
    assert_int_equal(RUN(w, m), 0);
    assert_false(gave_up);
    assert_int_equal(asyncs, 5);
    release(m.c);
  }
}

/* ---- deadlocks --------------------------------------------------------- */

static gort_step wait_after_ticks(steps *s) {
  STEPS_BEGIN(s);
  start_timer(s, NULL);
  AWAIT(s, gort_sleep(s->task, NULL));
  STEPS_END(s);
}

static void test_alive(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = wait_after_ticks};
    assert_int_equal(RUN(w, m), GORT_EDEADLOCK);
    assert_int_equal(ticks, 3); /* no deadlock before the handle stopped */
  }
}

/* A callback takes so long that the worker's place is given away; the
 * deadlock afterwards must still be seen. */
static void slow_callback(uv_timer_t *t) {
  (void)t;
  burn(60 * MS);
  atomic_fetch_add(&ticks, 1);
}

static gort_step slow_then_stuck(steps *s) {
  STEPS_BEGIN(s);
  user o = {.s.body = other};
  atomic_store(&flag, true);
  if (!GO(s->rt, o)) abort(); /* starts the monitor */
  uv_timer_init(gort_vm_loop(s->vm), &timer);
  uv_timer_start(&timer, slow_callback, 1, 0);
  burn(2 * MS);
  AWAIT(s, gort_sleep(s->task, NULL));
  STEPS_END(s);
}

static void test_slow_callback(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    user m = {.s.body = slow_then_stuck};
    assert_int_equal(RUN(w, m), GORT_EDEADLOCK);
    assert_int_equal(ticks, 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_idle),          cmocka_unit_test(test_busy),
      cmocka_unit_test(test_busy_others),   cmocka_unit_test(test_pipe),
      cmocka_unit_test(test_async),         cmocka_unit_test(test_alive),
      cmocka_unit_test(test_slow_callback),
  };
  return RUN_GROUP(tests);
}
