/* loop.c - a libuv program with a loop of its own beside gort.
 *
 * SPDX-License-Identifier: MIT
 *
 * The loop ticks; each tick goes to a Lua task, without waiting. What Lua
 * answers comes to a thread that waits for it, and from there to the loop by
 * uv_async_send. */
#include <lgort.h>
#include <pthread.h>
#include <stdio.h>
#include <uv.h>

enum { TICKS = 5 };

static const char answer[] = "local ticks, answers = ...\n"
                             "for n in ticks do answers:send(n * n) end\n"
                             "answers:close()\n";

typedef struct program {
  uv_loop_t loop;
  uv_timer_t timer;
  uv_async_t async;
  gort_chan *ticks, *answers;
  int sent;
  /* Guarded by lock: what has come for the loop. */
  pthread_mutex_t lock;
  int64_t sum;
  int came;
  bool closed;
} program;

static void on_tick(uv_timer_t *t) {
  program *p = t->data;
  gort_value v = gort_integer(p->sent + 1);
  /* A loop must not block: when the channel is full the next tick tries. */
  if (gort_chan_try_send(p->ticks, &v) == 0) p->sent++;
  if (p->sent < TICKS) return;
  gort_chan_close(p->ticks);
  uv_close((uv_handle_t *)t, NULL);
}

static void on_answers(uv_async_t *a) {
  program *p = a->data;
  pthread_mutex_lock(&p->lock);
  if (p->closed) {
    printf("%d answers, sum %lld\n", p->came, (long long)p->sum);
    uv_close((uv_handle_t *)a, NULL);
  }
  pthread_mutex_unlock(&p->lock);
}

static void *listen_for_answers(void *arg) {
  program *p = arg;
  gort_value v;
  bool open = true;
  while (open) {
    open = gort_chan_recv(p->answers, &v, NULL) == 1;
    pthread_mutex_lock(&p->lock);
    if (open) {
      p->sum += v.u.i;
      p->came++;
    }
    p->closed = !open;
    pthread_mutex_unlock(&p->lock);
    uv_async_send(&p->async);
  }
  return NULL;
}

static int run_beside(program *p, lgort *g) {
  pthread_t listener;
  gort_value args[] = {gort_handle(p->ticks), gort_handle(p->answers)};
  lgort_with with = {.args = args, .nargs = 2};
  int rc = lgort_go_string(g, answer, &with);
  if (rc < 0) return rc;
  uv_loop_init(&p->loop);
  uv_async_init(&p->loop, &p->async, on_answers);
  uv_timer_init(&p->loop, &p->timer);
  p->async.data = p->timer.data = p;
  uv_timer_start(&p->timer, on_tick, 1, 1);
  if (pthread_create(&listener, NULL, listen_for_answers, p))
    return GORT_ENOMEM;
  uv_run(&p->loop, UV_RUN_DEFAULT);
  pthread_join(listener, NULL);
  return uv_loop_close(&p->loop);
}

int main(void) {
  program p = {.lock = PTHREAD_MUTEX_INITIALIZER};
  lgort *g;
  int rc = lgort_new(NULL, &g);
  if (rc == 0) {
    gort *rt = lgort_runtime(g);
    rc = gort_chan_open(rt, 2, &p.ticks);
    if (rc == 0) rc = gort_chan_open(rt, 2, &p.answers);
    if (rc == 0) rc = run_beside(&p, g);
    gort_chan_leave(rt, p.ticks);
    gort_chan_leave(rt, p.answers);
    lgort_close(g, GORT_FOREVER);
  }
  if (rc < 0) fprintf(stderr, "loop: %s\n", gort_strerror(rc));
  return rc < 0;
}
