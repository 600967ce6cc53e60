/* timers.c - the 4-ary heap and its firing.
 *
 * SPDX-License-Identifier: MIT */
#include "wait/timers.h"

#include "ctx/context.h"
#include "sched/runtime.h"
#include "wait/timer.h"

enum { ARITY = 4, BATCH = 64 };

typedef struct gort__heap_entry entry;

void gort__timers_init(gort__timers *ts) {
  gort__lock_init(&ts->lock, GORT_RANK_TIMERS);
  ts->heap = NULL;
  ts->count = ts->room = ts->reserved = ts->plain = 0;
  atomic_init(&ts->next, GORT_FOREVER);
}

void gort__timers_fini(gort__timers *ts) { gort_free(ts->heap); }

static void put(gort__timers *ts, size_t i, entry e) {
  ts->heap[i] = e;
  e.timer->index = (int32_t)i;
}

static void sift_up(gort__timers *ts, size_t i, entry e) {
  while (i > 0) {
    size_t parent = (i - 1) / ARITY;
    if (ts->heap[parent].when <= e.when) break;
    put(ts, i, ts->heap[parent]);
    i = parent;
  }
  put(ts, i, e);
}

static void sift_down(gort__timers *ts, size_t i, entry e) {
  for (;;) {
    size_t first = i * ARITY + 1, least = first;
    if (first >= ts->count) break;
    size_t end = first + ARITY < ts->count ? first + ARITY : ts->count;
    for (size_t c = first + 1; c < end; c++)
      if (ts->heap[c].when < ts->heap[least].when) least = c;
    if (ts->heap[least].when >= e.when) break;
    put(ts, i, ts->heap[least]);
    i = least;
  }
  put(ts, i, e);
}

static void note_next(gort__timers *ts) {
  int64_t next = ts->count ? ts->heap[0].when : GORT_FOREVER;
  atomic_store_explicit(&ts->next, next, memory_order_release);
}

/* Makes room for n timers; doubles, so that arming stays cheap. */
static int grow_locked(gort__timers *ts, size_t n) {
  if (n <= ts->room) return 0;
  size_t room = ts->room ? ts->room * 2 : 64;
  if (room < n) room = n;
  if (room > INT32_MAX) return GORT_ENOMEM;
  entry *heap = gort_realloc(ts->heap, room * sizeof *heap);
  if (!heap) return GORT_ENOMEM;
  ts->heap = heap;
  ts->room = room;
  return 0;
}

int gort__timers_reserve(gort__timers *ts) {
  gort__lock_take(&ts->lock);
  int rc = grow_locked(ts, ts->plain + ts->reserved + 1);
  if (rc == 0) ts->reserved++;
  gort__lock_give(&ts->lock);
  return rc;
}

void gort__timers_unreserve(gort__timers *ts) {
  gort__lock_take(&ts->lock);
  ts->reserved--;
  gort__lock_give(&ts->lock);
}

int gort__timers_arm(gort__timers *ts, gort__timer *t, int64_t when) {
  int rc = 0;
  gort__lock_take(&ts->lock);
  GORT_ASSERT(t->index < 0);
  if (!t->reserved) {
    rc = grow_locked(ts, ts->plain + ts->reserved + 1);
    if (rc == 0) ts->plain++;
  }
  if (rc == 0) {
    t->when = when;
    sift_up(ts, ts->count++, (entry){when, t});
    note_next(ts);
  }
  gort__lock_give(&ts->lock);
  return rc;
}

static void remove_locked(gort__timers *ts, gort__timer *t) {
  size_t i = (size_t)t->index;
  t->index = -1;
  if (!t->reserved) ts->plain--;
  entry last = ts->heap[--ts->count];
  if (last.timer == t) return;
  if (i > 0 && ts->heap[(i - 1) / ARITY].when > last.when)
    sift_up(ts, i, last);
  else
    sift_down(ts, i, last);
}

/* Memory of a burst goes back once the heap is mostly empty. */
static void shrink_locked(gort__timers *ts) {
  size_t need = ts->plain + ts->reserved;
  if (ts->room <= 4096 || need > ts->room / 8) return;
  size_t room = ts->room / 4;
  entry *heap = gort_realloc(ts->heap, room * sizeof *heap);
  if (!heap) return;
  ts->heap = heap;
  ts->room = room;
}

bool gort__timers_disarm(gort__timers *ts, gort__timer *t) {
  gort__lock_take(&ts->lock);
  bool armed = t->index >= 0;
  if (armed) {
    remove_locked(ts, t);
    shrink_locked(ts);
    note_next(ts);
  }
  gort__lock_give(&ts->lock);
  return armed;
}

unsigned gort__timers_fire(gort *rt, int64_t now) {
  gort__timers *ts = &rt->timers;
  unsigned total = 0, batch;
  /* Between its timer's leaving the heap and its being ready a task is seen
   * nowhere: this keeps the deadlock check from looking then. */
  atomic_fetch_add(&rt->external, 1);
  do {
    gort__fired fired = {0};
    batch = 0;
    gort__lock_take(&ts->lock);
    while (batch < BATCH && ts->count && ts->heap[0].when <= now) {
      gort__timer *t = ts->heap[0].timer;
      remove_locked(ts, t);
      t->fire(t, &fired);
      batch++;
    }
    shrink_locked(ts);
    note_next(ts);
    gort__lock_give(&ts->lock);
    gort__ready_all(&fired.wake);
    gort__timer_fire_all(fired.timers);
    gort__context_fire_all(fired.contexts);
    total += batch;
  } while (batch == BATCH);
  if (atomic_fetch_sub(&rt->external, 1) == 1) gort__deadlock_hint(rt);
  return total;
}

void gort__timers_fire_due(gort *rt) {
  if (gort__timers_next(&rt->timers) == GORT_FOREVER) return;
  int64_t now = gort_now();
  if (gort__timers_next(&rt->timers) <= now) gort__timers_fire(rt, now);
}

void gort__timers_drop(gort *rt) {
  gort__timers *ts = &rt->timers;
  gort__fired fired = {0};
  gort__lock_take(&ts->lock);
  while (ts->count) {
    gort__timer *t = ts->heap[0].timer;
    remove_locked(ts, t);
    t->fire(t, &fired);
  }
  note_next(ts);
  gort__lock_give(&ts->lock);
  while (fired.timers) {
    gort_timer *t = fired.timers;
    fired.timers = t->next_fired;
    gort_object_release(&t->src.obj);
  }
  while (fired.contexts) {
    gort_context *c = fired.contexts;
    fired.contexts = c->next_fired;
    gort_object_release(&c->src.obj);
  }
}
