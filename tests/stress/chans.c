/* chans.c - random operations on channels, against a model: every value sent
 * is received once, in each sender's order on each channel, or its send was
 * refused (closed, timeout).
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "support/steps.h"
#include "support/stress.h"

enum { CHANS = 4, TASKS = 24, OPS = 120, MAX = TASKS * OPS };

/* What became of the value that send number id carried: by its sender (how
 * the send ended) and by the receivers (how often it came). */
static atomic_uchar sent[MAX], arrived[MAX];
static atomic_int bad_order, bad_status;

typedef struct actor {
  steps s;
  gort_chan **chans;
  gort_waitgroup *wg;
  gort__rand rand;
  int id, i, n;
  uint32_t way;
  gort_case cases[CHANS + 1];
  int ids[CHANS + 1];     /* of the sends offered */
  int last[CHANS][TASKS]; /* received from each sender, by channel */
} actor;

enum { NOT, SENT, REFUSED, TIMED_OUT };

static uint32_t below(actor *a, uint32_t n) {
  return gort__rand_below(&a->rand, n);
}

static int64_t some_deadline(actor *a) {
  switch (below(a, 4)) {
    case 0:
      return 0;
    case 1:
      return gort_now() + below(a, 200) * 1000;
    default:
      return gort_now() + below(a, 3000) * 1000;
  }
}

static void note_sent(actor *a, int id) {
  atomic_store(&sent[id], a->s.res.status == 0               ? SENT
                          : a->s.res.status == GORT_ECLOSED  ? REFUSED
                          : a->s.res.status == GORT_ETIMEOUT ? TIMED_OUT
                                                             : NOT);
  if (atomic_load(&sent[id]) == NOT) atomic_fetch_add(&bad_status, 1);
}

static void note_received(actor *a, unsigned chan, const gort_value *v) {
  int id = (int)v->u.i, from = id / OPS;
  atomic_fetch_add(&arrived[id], 1);
  if (id <= a->last[chan][from]) atomic_fetch_add(&bad_order, 1);
  a->last[chan][from] = id;
}

static void make_cases(actor *a) {
  a->n = 1 + (int)below(a, CHANS + 1);
  for (int k = 0; k < a->n; k++) {
    unsigned c = below(a, CHANS + 1);
    gort_chan *ch = c < CHANS ? a->chans[c] : NULL;
    a->ids[k] = -1;
    a->cases[k] = (gort_case){.source = source_of(ch), .op = GORT_RECV};
    /* Of one actor's values only one is under way at a time (ids rise with
     * the time of sending), so at most one case sends. */
    if (k == 0 && below(a, 2)) {
      a->cases[k].op = GORT_SEND;
      a->ids[k] = a->id * OPS + a->i;
      a->cases[k].value = integer(a->ids[k]);
    }
  }
}

static unsigned chan_index(actor *a, const gort_source *s) {
  unsigned c = 0;
  while (source_of(a->chans[c]) != s) c++;
  return c;
}

static void note_select(actor *a) {
  int k = a->s.res.index;
  if (k >= 0 && a->cases[k].op == GORT_RECV && a->s.res.ok)
    note_received(a, chan_index(a, a->cases[k].source), &a->s.res.value);
  if (a->ids[0] >= 0) {
    if (k == 0)
      note_sent(a, a->ids[0]);
    else
      atomic_store(&sent[a->ids[0]], TIMED_OUT); /* not chosen */
  }
}

static gort_step act(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  memset(a->last, -1, sizeof a->last);
  for (a->i = 0; a->i < OPS; a->i++) {
    a->n = (int)below(a, CHANS);
    a->way = below(a, 8);
    if (a->way < 2) {
      SEND(s, a->chans[a->n], integer(a->id * OPS + a->i), some_deadline(a));
      note_sent(a, a->id * OPS + a->i);
    } else if (a->way < 4) {
      RECV(s, a->chans[a->n], some_deadline(a));
      if (s->res.status == 0 && s->res.ok)
        note_received(a, (unsigned)a->n, &s->res.value);
    } else if (a->way == 4) {
      YIELD(s);
    } else {
      make_cases(a);
      SELECT(s, a->cases, (size_t)a->n, some_deadline(a));
      note_select(a);
    }
    if (a->id == 0 && a->i == OPS - 20)
      gort_chan_close(a->chans[below(a, CHANS)]);
  }
  gort_waitgroup_add(a->wg, -1);
  STEPS_END(s);
}

static gort_step start_all(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(a->wg, TASKS);
  for (int i = 0; i < TASKS; i++) {
    actor b = {.s.body = act, .chans = a->chans, .wg = a->wg, .id = i};
    gort__rand_init(&b.rand, gort__rand_next(&a->rand));
    if (!GO(s->rt, b)) abort();
  }
  RECV(s, a->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers) {
  gort_chan *chans[CHANS];
  actor m = {.s.body = start_all, .chans = chans};
  memset(sent, 0, sizeof sent);
  memset(arrived, 0, sizeof arrived);
  gort__rand_init(&m.rand, seed);
  for (int i = 0; i < CHANS; i++)
    if (gort_chan_new((size_t)i * (i < 3 ? 1 : 5), &chans[i]) < 0) abort();
  if (gort_waitgroup_new(&m.wg) < 0) abort();
  int rc = RUN(workers, m);
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  stress_take_rest(chans, CHANS, arrived); /* it was sent */
  release(m.wg);
  for (int i = 0; i < MAX; i++)
    EXPECT(arrived[i] == (sent[i] == SENT),
           "workers %u: value %d, outcome %d, came %d times", workers, i,
           sent[i], arrived[i]);
  EXPECT(bad_order == 0, "%d values out of order", bad_order);
  EXPECT(bad_status == 0, "%d unknown codes", bad_status);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(4, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i * 3, w);
  return stress_wrong != 0;
}
