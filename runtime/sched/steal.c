/* steal.c - taking half of a ring, or what lies unused elsewhere.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/steal.h"

#include "sched/meet.h"

/* How long another's step goes on before what lies in its slot, or was sent to
 * it, is stolen. */
enum { PAUSES = 200 };

/* What keeps the thief busy for less is a trifle: for each vm, each record. */
static const int64_t VM_WORTH_NS = 50000, RECORD_WORTH_NS = 1000;

/* So many in a row are no chance. */
enum { TRIFLES = 4 };

/* ---- looking ----------------------------------------------------------- */

static bool has_loot(gort_worker *w) {
  return gort__ring_count(&w->records) || gort__ring_count(&w->vms);
}

/* Its worker has been in the same step for a while. */
static bool is_busy(gort_worker *other) {
  unsigned tick = atomic_load_explicit(&other->tick, memory_order_relaxed);
  for (int i = 0; i < PAUSES; i++) gort__pause();
  return atomic_load_explicit(&other->tick, memory_order_relaxed) == tick;
}

bool gort__steal_can(gort_worker *w) {
  bool stays = gort__stays(w);
  if (!stays && has_loot(w)) return true;
  bool lies =
      !gort__inbox_empty(&w->sent) || (!stays && atomic_load(&w->next_vm));
  return lies && is_busy(w);
}

/* Some worker does not join w: those that do leave all records to it. */
static bool somebody_starts(gort_worker *w) {
  unsigned joined =
      atomic_load_explicit(&w->gather.joined, memory_order_relaxed);
  return joined + 1 < gort__places(w->rt);
}

bool gort__steal_offers(gort_worker *w) {
  gort *rt = w->rt;
  return atomic_load(&rt->n_global_vms) ||
         (atomic_load(&rt->n_global_records) && somebody_starts(w)) ||
         (!gort__stays(w) && (has_loot(w) || atomic_load(&w->next_vm)));
}

/* ---- taking ------------------------------------------------------------ */

static void note(gort_worker *w, gort_worker *from, int64_t worth) {
  gort__theft *t = &w->theft;
  atomic_fetch_add_explicit(&w->steals, 1, memory_order_relaxed);
  t->from = from;
  t->at = gort_now();
  t->worth = worth;
}

/* w has nothing left of what it took. */
static void judge(gort_worker *w) {
  gort__theft *t = &w->theft;
  if (!t->from) return;
  bool trifle = gort_now() - t->at < t->worth;
  t->trifles = trifle ? t->trifles + 1 : 0;
  if (t->trifles >= TRIFLES) gort__gather_ask(w, t->from);
  t->from = NULL;
}

/* Half of a ring: the first is given, the rest comes into the thief's, or goes
 * to everyone if that has filled up meanwhile. */
static gort_vm *steal_vms(gort_worker *w, gort_worker *from) {
  void *got[GORT_RING / 2];
  unsigned n = gort__ring_steal(&from->vms, got, GORT_RING / 2);
  if (!n) return NULL;
  for (unsigned i = 1; i < n; i++)
    gort__sched_queue_vm(w->rt, w, got[i], false);
  note(w, from, n * VM_WORTH_NS);
  return got[0];
}

static gort_record *steal_records(gort_worker *w, gort_worker *from) {
  void *got[GORT_RING / 2];
  unsigned n = gort__ring_steal(&from->records, got, GORT_RING / 2);
  if (!n) return NULL;
  for (unsigned i = 1; i < n; i++)
    if (!gort__ring_push(&w->records, got[i]))
      gort__sched_give_back(w->rt, got[i]);
  note(w, from, n * RECORD_WORTH_NS);
  return got[0];
}

static gort_vm *steal_slot(gort_worker *w, gort_worker *from) {
  gort_vm *vm = atomic_load_explicit(&from->next_vm, memory_order_relaxed);
  if (!vm || !is_busy(from) ||
      !atomic_compare_exchange_strong(&from->next_vm, &vm, NULL))
    return NULL;
  note(w, from, VM_WORTH_NS);
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
    if (!gort__stays(from) &&
        ((*vm = steal_vms(w, from)) || (*r = steal_records(w, from)) ||
         (*vm = steal_slot(w, from))))
      return;
    if ((*vm = steal_sent(w, from))) return;
  }
}
