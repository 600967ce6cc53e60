/* timers.c - timers that fire while they are stopped, reset, waited for and
 * let go by others.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "support/steps.h"
#include "support/stress.h"

enum { TIMERS = 6, TASKS = 12 };

static atomic_int early, stale, funcs, func_runs, func_prevented;
static gort *the_rt;

typedef struct user {
  steps s;
  gort_timer **timers;
  gort_chan *c;
  gort_waitgroup *wg;
  gort__rand rand;
  gort_case cases[3];
  int id, i, n;
  uint32_t way;
  int64_t until;
  gort_timer *own;
} user;

static gort_step nothing(steps *s) {
  (void)s;
  atomic_fetch_add(&func_runs, 1);
  return GORT_STEP_FINISHED;
}

static gort_record *make(void *arg) {
  user u = {.s.body = nothing};
  (void)arg;
  return steps_record(the_rt, &u, sizeof u);
}

static int64_t soon(user *t) {
  return gort_now() + gort__rand_below(&t->rand, 150) * 1000;
}

/* Its function runs once, or it was stopped. */
static void start_func(user *t) {
  gort_timer *f;
  if (gort_timer_func(t->s.rt, soon(t), make, NULL, NULL, &f) < 0) abort();
  atomic_fetch_add(&funcs, 1);
  if (gort__rand_below(&t->rand, 2)) {
    burn(gort__rand_below(&t->rand, 100) * 1000);
    if (gort_timer_stop(f)) atomic_fetch_add(&func_prevented, 1);
  }
  release(f);
}

static gort_step act(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 150; t->i++) {
    t->n = (int)gort__rand_below(&t->rand, TIMERS);
    t->way = gort__rand_below(&t->rand, 7);
    if (t->way == 0) {
      gort_timer_reset(t->timers[t->n], soon(t), t->n % 2 ? 100000 : 0);
    } else if (t->way == 1) {
      gort_timer_stop(t->timers[t->n]);
    } else if (t->way == 2) {
      RECV(s, t->timers[t->n], soon(t));
    } else if (t->way == 3) {
      t->cases[0] = (gort_case){.source = source_of(t->timers[t->n])};
      t->cases[1] =
          (gort_case){.source = source_of(t->timers[(t->n + 1) % TIMERS])};
      t->cases[2] = (gort_case){.source = source_of(t->c)};
      SELECT(s, t->cases, 3, soon(t));
    } else if (t->way == 4) { /* nothing older after a reset; never early */
      t->until = soon(t);
      gort_timer_reset(t->own, t->until, 0);
      RECV(s, t->own, GORT_FOREVER);
      if (gort_now() < t->until) atomic_fetch_add(&early, 1);
      gort_timer_reset(t->own, gort_now(), 0);
      gort_timer_stop(t->own);
      RECV(s, t->own, 0);
      if (s->res.status == 0) atomic_fetch_add(&stale, 1);
    } else if (t->way == 5) {
      start_func(t);
    } else {
      t->until = soon(t);
      AWAIT(s, gort_sleep(s->task, GORT_UNTIL(t->until)));
      if (gort_now() < t->until) atomic_fetch_add(&early, 1);
    }
  }
  release(t->own);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step all(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  the_rt = s->rt;
  for (int i = 0; i < TIMERS; i++)
    if (gort_timer_new(s->rt, gort_now() + MS, i % 2 ? 100000 : 0,
                       &t->timers[i]) < 0)
      abort();
  gort_waitgroup_add(t->wg, TASKS);
  for (int i = 0; i < TASKS; i++) {
    user u = *t;
    u.s = (steps){.body = act};
    gort__rand_init(&u.rand, gort__rand_next(&t->rand));
    if (gort_timer_new(s->rt, GORT_FOREVER, 0, &u.own) < 0) abort();
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  t->until = gort_now() + 5000 * MS;
  while (funcs != func_runs + func_prevented && gort_now() < t->until)
    SLEEP(s, MS);
  for (int i = 0; i < TIMERS; i++) release(t->timers[i]);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers) {
  gort_timer *timers[TIMERS];
  user m = {.s.body = all, .timers = timers};
  gort__rand_init(&m.rand, seed);
  atomic_store(&funcs, 0);
  atomic_store(&func_runs, 0);
  atomic_store(&func_prevented, 0);
  if (gort_chan_new(0, &m.c) < 0 || gort_waitgroup_new(&m.wg) < 0) abort();
  int rc = RUN(workers, m);
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  EXPECT(early == 0, "%d early", early);
  EXPECT(stale == 0, "%d stale", stale);
  EXPECT(funcs == func_runs + func_prevented, "%d functions, %d ran, %d not",
         funcs, func_runs, func_prevented);
  release(m.c);
  release(m.wg);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(5, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i, w);
  return stress_wrong != 0;
}
