/* steal.c - taking half of a ring, or what lies unused elsewhere.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/steal.h"

#include "sched/meet.h"

/* How long another's step goes on before what lies in its slot, or was sent to
 * it, is stolen. */
enum { PAUSES = 200 };

/* How long work stays at the most. What computes may have to wait for so long
 * among what talks. */
enum { MOST_TICKS = 4 };

/* What a stolen vm or record keeps the thief busy for, at least: for less it
 * would have been done sooner where it was. */
static const int64_t WORTH_NS[GORT_NLOOT] = {20000, 1000};

/* ---- whether it pays --------------------------------------------------- */

/* Longer when it does not pay again and again. */
void gort__stay(gort_worker *w, gort__loot loot) {
  int64_t now = gort__monitor_now(w->rt);
  int64_t last =
      atomic_load_explicit(&w->stay_until[loot], memory_order_relaxed);
  int64_t ticks =
      atomic_load_explicit(&w->stay_ticks[loot], memory_order_relaxed);
  if (now < last) return;
  bool again = ticks > 0 && now - last < 2 * GORT_TICK_NS;
  ticks = !again ? 1 : ticks < MOST_TICKS ? 2 * ticks : ticks;
  atomic_store_explicit(&w->stay_ticks[loot], ticks, memory_order_relaxed);
  atomic_store_explicit(&w->stay_until[loot], now + ticks * GORT_TICK_NS,
                        memory_order_relaxed);
}

/* In the rings. */
static bool has_loot(gort_worker *w) {
  return (gort__ring_count(&w->records) &&
          !gort__stays(w, GORT_LOOT_RECORDS)) ||
         (gort__ring_count(&w->vms) && !gort__stays(w, GORT_LOOT_VMS));
}

/* Its worker has been in the same step for a while. */
static bool is_busy(gort_worker *other) {
  unsigned tick = atomic_load_explicit(&other->tick, memory_order_relaxed);
  for (int i = 0; i < PAUSES; i++) gort__pause();
  return atomic_load_explicit(&other->tick, memory_order_relaxed) == tick;
}

bool gort__steal_can(gort_worker *w) {
  if (has_loot(w)) return true;
  bool lies = !gort__inbox_empty(&w->sent) ||
              (atomic_load(&w->next_vm) && !gort__stays(w, GORT_LOOT_VMS));
  return lies && is_busy(w);
}

bool gort__steal_offers(gort_worker *w) {
  gort *rt = w->rt;
  return atomic_load(&rt->n_global_vms) || atomic_load(&rt->n_global_records) ||
         has_loot(w) ||
         (atomic_load(&w->next_vm) && !gort__stays(w, GORT_LOOT_VMS));
}

static void note(gort_worker *w, gort_worker *from, gort__loot loot,
                 unsigned n) {
  atomic_fetch_add_explicit(&w->steals, 1, memory_order_relaxed);
  w->theft = (gort__theft){from, loot, n, gort_now()};
}

/* w has nothing to do. */
static void judge(gort_worker *w) {
  gort__theft *t = &w->theft;
  if (!t->from) return;
  if (gort_now() - t->at < WORTH_NS[t->loot] * t->n)
    gort__stay(t->from, t->loot);
  t->from = NULL;
}

/* ---- taking ------------------------------------------------------------ */

/* Half of a ring: the first is given, the rest comes into the thief's, or goes
 * to everyone if that has filled up meanwhile. */
static void *steal_half(gort_worker *w, gort_worker *from, gort__loot loot) {
  void *got[GORT_RING / 2];
  bool vms = loot == GORT_LOOT_VMS;
  if (gort__stays(from, loot)) return NULL;
  unsigned n =
      gort__ring_steal(vms ? &from->vms : &from->records, got, GORT_RING / 2);
  if (!n) return NULL;
  for (unsigned i = 1; i < n; i++) {
    if (vms)
      gort__sched_queue_vm(w->rt, w, got[i], false);
    else if (!gort__ring_push(&w->records, got[i]))
      gort__sched_give_back(w->rt, got[i]);
  }
  note(w, from, loot, n);
  return got[0];
}

static gort_vm *steal_slot(gort_worker *w, gort_worker *from) {
  gort_vm *vm = atomic_load_explicit(&from->next_vm, memory_order_relaxed);
  if (!vm || gort__stays(from, GORT_LOOT_VMS) || !is_busy(from) ||
      !atomic_compare_exchange_strong(&from->next_vm, &vm, NULL))
    return NULL;
  note(w, from, GORT_LOOT_VMS, 1);
  return vm;
}

/* Back, perhaps, by who sent it: the other does not come to it. */
static gort_vm *steal_sent(gort_worker *w, gort_worker *from) {
  if (gort__inbox_empty(&from->sent) || !is_busy(from) ||
      !gort__meet_take(w->rt, w, from))
    return NULL;
  return gort__ring_pop(&w->vms);
}

void gort__steal(gort_worker *w, gort_vm **vm, gort_record **r) {
  gort *rt = w->rt;
  judge(w);
  unsigned n = atomic_load(&rt->nworkers);
  unsigned start = gort__rand_below(&w->rand, n);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *from = atomic_load_explicit(&rt->workers[(start + i) % n],
                                             memory_order_acquire);
    if (!from || from == w) continue;
    if ((*vm = steal_half(w, from, GORT_LOOT_VMS)) ||
        (*r = steal_half(w, from, GORT_LOOT_RECORDS)) ||
        (*vm = steal_slot(w, from)) || (*vm = steal_sent(w, from)))
      return;
  }
}
