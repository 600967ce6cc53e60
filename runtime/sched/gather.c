/* gather.c - trying it.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/gather.h"

#include "sched/runtime.h"

/* What is compared must have gone on for so long. */
static const int64_t LEAST_NS = 2000000;

/* How many ticks a verdict lasts. */
enum { FIRST_TICKS = 16, MOST_TICKS = 64 };

/* Counts what a worker has done; only differences mean something. */
static unsigned done_by(gort_worker *w) {
  return atomic_load_explicit(&w->takes, memory_order_relaxed) +
         atomic_load_explicit(&w->tick, memory_order_relaxed);
}

static unsigned done_by_both(gort_worker *a, gort_worker *b) {
  return done_by(a) + done_by(b);
}

static int64_t rate_of(unsigned done, int64_t ns) {
  return (int64_t)done * 1000000 / (ns > 0 ? ns : 1);
}

void gort__gather_ask(gort_worker *w, gort_worker *other) {
  gort__gather *g = &w->gather;
  if (atomic_load_explicit(&g->asked, memory_order_acquire)) return;
  g->with = other;
  g->asked_at = gort_now();
  g->asked_done = done_by_both(w, other);
  atomic_store_explicit(&g->asked, true, memory_order_release);
}

static void count_from(gort_worker *w, int64_t now) {
  w->gather.since = now;
  w->gather.done = done_by_both(w, w->gather.other);
}

static int64_t rate_since(gort_worker *w, int64_t now) {
  gort__gather *g = &w->gather;
  return rate_of(done_by_both(w, g->other) - g->done, now - g->since);
}

static void part(gort_worker *w) {
  gort__gather *g = &w->gather;
  atomic_store_explicit(&g->joins, NULL, memory_order_release);
  atomic_fetch_sub_explicit(&g->other->gather.joined, 1, memory_order_relaxed);
  g->state = GORT_APART;
}

/* I1 */
static bool may_join(gort_worker *w, gort_worker *other) {
  return !atomic_load_explicit(&w->gather.joined, memory_order_relaxed) &&
         !atomic_load_explicit(&other->gather.joins, memory_order_relaxed);
}

static void answer(gort_worker *w, int64_t now) {
  gort__gather *g = &w->gather;
  if (!atomic_load_explicit(&g->asked, memory_order_acquire)) return;
  int64_t ns = now - g->asked_at;
  bool in_vain =
      g->state != GORT_APART || now < g->until || !may_join(w, g->with);
  if (!in_vain && ns < LEAST_NS) return; /* at the next tick */
  if (!in_vain) {
    g->other = g->with;
    g->rate = rate_of(done_by_both(w, g->other) - g->asked_done, ns);
    g->state = GORT_TRIAL;
    count_from(w, now);
    atomic_fetch_add_explicit(&g->other->gather.joined, 1,
                              memory_order_relaxed);
    atomic_store_explicit(&g->joins, g->other, memory_order_release);
  }
  atomic_store_explicit(&g->asked, false, memory_order_release);
}

/* Nearly as much by one worker is better: it leaves a processor to others. */
static void decide(gort_worker *w, int64_t now) {
  gort__gather *g = &w->gather;
  if (now - g->since < GORT_TICK_NS) return;
  bool good = rate_since(w, now) * 8 > g->rate * 7;
  bool again = g->ticks && good == g->good;
  if (!again)
    g->ticks = FIRST_TICKS;
  else if (g->ticks < MOST_TICKS)
    g->ticks *= 2;
  g->good = good;
  g->until = now + g->ticks * GORT_TICK_NS;
  g->state = GORT_GATHERED;
  count_from(w, now);
  if (!good) part(w);
}

/* They may do something else by now. */
static void look_again(gort_worker *w, int64_t now) {
  gort__gather *g = &w->gather;
  if (now - g->since < GORT_TICK_NS) return;
  bool changed = rate_since(w, now) < g->rate / 2 ||
                 atomic_load(&g->other->status) != GORT_WORKER_ACTIVE;
  count_from(w, now);
  if (!changed && now < g->until) return;
  if (changed) g->ticks = 0;
  g->until = now;
  part(w);
}

void gort__gather_tick(gort *rt, int64_t now) {
  unsigned n = atomic_load_explicit(&rt->nworkers, memory_order_acquire);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w =
        atomic_load_explicit(&rt->workers[i], memory_order_acquire);
    if (!w) continue;
    if (w->gather.state == GORT_TRIAL)
      decide(w, now);
    else if (w->gather.state == GORT_GATHERED)
      look_again(w, now);
    answer(w, now);
  }
}
