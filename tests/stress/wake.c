/* wake.c - wake-up races: few tasks in different vms that wait for one
 * another, with pauses in which all workers fall asleep, and deadlocks at the
 * end that must be told. A lost wake-up shows as a hang or a false deadlock.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "support/steps.h"
#include "support/stress.h"

typedef struct player {
  steps s;
  gort_chan *in, *out;
  gort__rand rand;
  int i, n;
  uint32_t way;
  bool pauses, sleeps, has_ball;
} player;

static void nothing(void *arg) { (void)arg; }

static gort_step play(steps *s) {
  player *t = (player *)s;
  STEPS_BEGIN(s);
  if (t->has_ball) SEND(s, t->out, integer(-1), GORT_FOREVER);
  for (t->i = 0; t->i < t->n; t->i++) {
    RECV(s, t->in, GORT_FOREVER);
    if (t->pauses) { /* the others fall asleep meanwhile */
      t->way = gort__rand_below(&t->rand, 6);
      if (t->way == 0) SLEEP(s, gort__rand_below(&t->rand, 300) * 1000);
      if (t->way == 1) AWAIT(s, gort_blocking(s->task, nothing, NULL));
      if (t->way == 2) burn(gort__rand_below(&t->rand, 200) * 1000);
      if (t->way == 3) YIELD(s);
    }
    SEND(s, t->out, integer(t->i), GORT_FOREVER);
  }
  STEPS_END(s);
}

enum { RING = 6 };
typedef struct game {
  player p;
  gort_chan *chans[RING];
  bool stuck;
} game;

static gort_step referee(steps *s) {
  game *g = (game *)s;
  player *t = &g->p;
  STEPS_BEGIN(s);
  for (int i = 0; i < RING; i++) {
    player p = {.s.body = play,
                .n = t->n,
                .pauses = t->pauses,
                .has_ball = i % 3 == 0,
                .in = g->chans[i],
                .out = g->chans[(i + 1) % RING]};
    gort__rand_init(&p.rand, gort__rand_next(&t->rand));
    if (!GO(s->rt, p)) abort();
  }
  /* Two balls: the last sends of those who had them find nobody to take them. */
  if (g->stuck) AWAIT(s, gort_sleep(s->task, NULL));
  while (gort_numtasks(s->rt) > 3) {
    if (t->sleeps)
      SLEEP(s, 50 * 1000);
    else
      YIELD(s);
  }
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers, int round) {
  game g = {.p = {.s.body = referee, .n = 60}};
  gort__rand_init(&g.p.rand, seed);
  g.p.pauses = round % 2;
  g.p.sleeps = round / 2 % 2;
  g.stuck = round / 4 % 2;
  for (int i = 0; i < RING; i++)
    if (gort_chan_new(0, &g.chans[i]) < 0) abort();
  alarm(30);
  int rc = RUN(workers, g);
  EXPECT(rc == (g.stuck ? GORT_EDEADLOCK : 0), "workers %u, round %d: code %d",
         workers, round, rc);
  steps_reset();
  for (int i = 0; i < RING; i++) release(g.chans[i]);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(16, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i, w, i);
  return stress_wrong != 0;
}
