/* storm.c - storms of spawns, closes and timeouts that meet at one waiter: a
 * value given to one whose time is up goes to the next, none is lost.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "support/steps.h"
#include "support/stress.h"

enum { WAITERS = 40, VALUES = 40 };

static atomic_int received, timed_out, closed, sent, refused, unsent;
static atomic_uchar arrived[VALUES];

typedef struct user {
  steps s;
  gort_chan *c, *never;
  gort_waitgroup *wg;
  gort__rand rand;
  gort_case cases[2];
  int id, i, n;
  int64_t at;
} user;

static void count_recv(steps *s, const user *t) {
  (void)t;
  if (s->res.status == GORT_ETIMEOUT) {
    atomic_fetch_add(&timed_out, 1);
  } else if (s->res.ok) {
    atomic_fetch_add(&received, 1);
    atomic_fetch_add(&arrived[s->res.value.u.i], 1);
  } else {
    atomic_fetch_add(&closed, 1);
  }
}

/* All deadlines are about the time at which the senders come. */
static gort_step waiter(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->at += gort__rand_below(&t->rand, 200) * 1000;
  if (t->id % 2) {
    RECV(s, t->c, t->at);
  } else {
    t->cases[0] = (gort_case){.source = source_of(t->never)};
    t->cases[1] = (gort_case){.source = source_of(t->c)};
    SELECT(s, t->cases, 2, t->at);
  }
  count_recv(s, t);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step sender(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->at += gort__rand_below(&t->rand, 150) * 1000;
  AWAIT(s, gort_sleep(s->task, GORT_UNTIL(t->at)));
  SEND(s, t->c, integer(t->id), t->at + gort__rand_below(&t->rand, 200) * 1000);
  atomic_fetch_add(s->res.status == 0              ? &sent
                   : s->res.status == GORT_ECLOSED ? &refused
                                                   : &unsent,
                   1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step closer(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  t->at += gort__rand_below(&t->rand, 300) * 1000;
  AWAIT(s, gort_sleep(s->task, GORT_UNTIL(t->at)));
  gort_chan_close(t->c);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step storm(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, WAITERS + VALUES + (t->n % 2));
  t->at = gort_now() + 300 * 1000;
  for (int i = 0; i < WAITERS + VALUES + (t->n % 2); i++) {
    user u = *t;
    u.s = (steps){.body = i < WAITERS            ? waiter
                          : i < WAITERS + VALUES ? sender
                                                 : closer};
    u.id = i < WAITERS ? i : i - WAITERS;
    gort__rand_init(&u.rand, gort__rand_next(&t->rand));
    if (!GO(s->rt, u)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers, int round) {
  user m = {.s.body = storm, .n = round};
  atomic_store(&received, 0);
  atomic_store(&timed_out, 0);
  atomic_store(&closed, 0);
  atomic_store(&sent, 0);
  atomic_store(&refused, 0);
  atomic_store(&unsent, 0);
  memset(arrived, 0, sizeof arrived);
  gort__rand_init(&m.rand, seed);
  size_t cap = round % 3 == 2 ? 2 : 0;
  if (gort_chan_new(cap, &m.c) < 0 || gort_chan_new(0, &m.never) < 0 ||
      gort_waitgroup_new(&m.wg) < 0)
    abort();
  int rc = RUN(workers, m);
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  int left = (int)gort_chan_len(m.c);
  EXPECT(received + left == sent, "workers %u: %d sent, %d received, %d left",
         workers, sent, received, left);
  EXPECT(received + timed_out + closed == WAITERS, "a waiter is missing");
  EXPECT(sent + refused + unsent == VALUES, "a sender is missing");
  for (int i = 0; i < VALUES; i++)
    EXPECT(arrived[i] <= 1, "value %d came %d times", i, arrived[i]);
  release(m.c);
  release(m.never);
  release(m.wg);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(40, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i, w, i);
  return stress_wrong != 0;
}
