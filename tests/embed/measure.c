/* measure.c - what an embedded runtime costs.
 *
 * SPDX-License-Identifier: MIT
 *
 *   measure cycles [N]     create, run an empty script, destroy: ms, RSS growth
 *   measure pingpong [N]   host thread and Lua task over two channels, beside
 *                          two threads with a condition variable
 *   measure stream [N]     values/s through a buffered channel
 *
 * Each prints one line of name=value pairs, for spec/embed_spec.lua. */
#include <lgort.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void check(int rc) {
  if (rc >= 0) return;
  fprintf(stderr, "measure: %s\n", gort_strerror(rc));
  exit(1);
}

static double since(int64_t start) { return (double)(gort_now() - start); }

static long resident_kb(void) {
  long pages = 0, all;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
  if (f) fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- cycles ------------------------------------------------------------ */

static void cycle(void) {
  lgort *g;
  check(lgort_new(NULL, &g));
  check(lgort_run_string(g, "", NULL));
  check(lgort_close(g, GORT_FOREVER));
}

static void cycles(int n) {
  for (int i = 0; i < n / 10; i++) cycle();
  long before = resident_kb();
  int64_t start = gort_now();
  for (int i = 0; i < n; i++) cycle();
  printf("ms=%.3f grown_kb=%ld\n", since(start) / 1e6 / n,
         resident_kb() - before);
}

/* ---- ping-pong --------------------------------------------------------- */

typedef struct table {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  int side, n;
} table;

static void play(table *t, int side) {
  pthread_mutex_lock(&t->lock);
  for (int i = 0; i < t->n; i++) {
    while (t->side != side) pthread_cond_wait(&t->moved, &t->lock);
    t->side = !side;
    pthread_cond_signal(&t->moved);
  }
  pthread_mutex_unlock(&t->lock);
}

static void *other_side(void *arg) {
  play(arg, 1);
  return NULL;
}

static double plain_round(int n) {
  table t = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, n};
  pthread_t thread;
  int64_t start = gort_now();
  if (pthread_create(&thread, NULL, other_side, &t)) abort();
  play(&t, 0);
  pthread_join(thread, NULL);
  return since(start) / n;
}

static void open_pair(lgort *g, size_t cap, const char *code, gort_chan **in,
                      gort_chan **out) {
  check(gort_chan_open(lgort_runtime(g), cap, in));
  check(gort_chan_open(lgort_runtime(g), cap, out));
  gort_value args[] = {gort_handle(*in), gort_handle(*out)};
  lgort_with with = {.args = args, .nargs = 2};
  check(lgort_go_string(g, code, &with));
}

static double task_round(gort_chan *in, gort_chan *out, int n) {
  int64_t start = gort_now();
  for (int i = 0; i < n; i++) {
    gort_value v = gort_integer(i);
    check(gort_chan_send(in, &v, NULL));
    check(gort_chan_recv(out, &v, NULL));
    if (v.u.i != i) abort();
  }
  return since(start) / n;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* In turns, so that both see the same machine; the medians. */
static void pingpong(int n) {
  enum { TURNS = 9 };
  lgort *g;
  gort_chan *in, *out;
  double plain[TURNS], task[TURNS];
  check(lgort_new(NULL, &g));
  open_pair(g, 0, "local a, b = ... while true do b:send((a:recv())) end", &in,
            &out);
  task_round(in, out, n / 10 + 1);
  for (int i = 0; i < TURNS; i++) {
    plain[i] = plain_round(n);
    task[i] = task_round(in, out, n);
  }
  qsort(plain, TURNS, sizeof *plain, by_size);
  qsort(task, TURNS, sizeof *task, by_size);
  gort_chan_leave(lgort_runtime(g), in);
  gort_chan_leave(lgort_runtime(g), out);
  check(lgort_close(g, GORT_FOREVER));
  printf("threads_us=%.2f task_us=%.2f ratio=%.2f\n", plain[TURNS / 2] / 1e3,
         task[TURNS / 2] / 1e3, task[TURNS / 2] / plain[TURNS / 2]);
}

/* ---- a stream ---------------------------------------------------------- */

/* The best of some: neither side sleeps, when both get a processor. */
static void stream(int n) {
  double best = 1e300;
  for (int turn = 0; turn < 5; turn++) {
    lgort *g;
    gort_chan *in, *out;
    gort_value v;
    check(lgort_new(NULL, &g));
    open_pair(g, 1024,
              "local a, b = ... local n = 0 "
              "for _ in a do n = n + 1 end b:send(n)",
              &in, &out);
    int64_t start = gort_now();
    for (int i = 0; i < n; i++) {
      v = gort_integer(i);
      check(gort_chan_send(in, &v, NULL));
    }
    gort_chan_close(in);
    check(gort_chan_recv(out, &v, NULL));
    if (v.u.i != n) abort();
    double took = since(start);
    if (took < best) best = took;
    check(lgort_close(g, GORT_FOREVER));
    gort_object_release((gort_object *)(void *)in);
    gort_object_release((gort_object *)(void *)out);
  }
  printf("per_second=%.0f\n", n / best * 1e9);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  int n = argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(what, "cycles") == 0)
    cycles(n > 0 ? n : 10000);
  else if (strcmp(what, "pingpong") == 0)
    pingpong(n > 0 ? n : 5000);
  else if (strcmp(what, "stream") == 0)
    stream(n > 0 ? n : 2000000);
  else
    return fprintf(stderr, "usage: measure cycles|pingpong|stream [N]\n"), 2;
  return 0;
}
