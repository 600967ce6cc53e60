/* sched.c - the queues, and the search for work.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include <sched.h>
#include <time.h>

#include "sched/meet.h"
#include "sched/placement.h"
#include "sched/runtime.h"
#include "sched/steal.h"
#include "wait/parker.h"

enum {
  PARTNER_TURNS = 16, /* a full search after so many short ways */
  GLOBAL_TURN = 64,   /* every so many searches start at the global queues */
  RING_TURN = 8,      /* every so many: at the ring, before the slot */
  BATCH = 128         /* records moved from the global queue at once */
};

/* How long records may keep the other vms of the global queue waiting. */
static const int64_t FAIR_NS = 200000000;

/* ---- publishing -------------------------------------------------------- */

static void push_global_vm(gort *rt, gort_vm *vm, bool fresh) {
  gort__lock_take(&rt->lock);
  gort__runq_push(fresh ? &rt->fresh_vms : &rt->global_vms, &vm->queued);
  atomic_fetch_add(&rt->n_global_vms, 1);
  gort__lock_give(&rt->lock);
}

void gort__sched_queue_vm(gort *rt, gort_worker *w, gort_vm *vm, bool fair) {
  if (fair || !w || !gort__ring_push(&w->vms, vm))
    push_global_vm(rt, vm, !fair);
}

/* Wakes a sleeper for the vm in this worker's slot, unless doing so proved
 * fruitless lately: tasks that talk to each other meet on this worker, and
 * one that does not let the slot's vm run is found by the monitor. */
static void hint(gort *rt, gort_worker *w) {
  if (GORT_LIKELY(w->quiet > 0)) {
    w->quiet--;
    return;
  }
  if (gort__stays(w) ||
      atomic_load_explicit(&rt->active, memory_order_relaxed) >=
          gort__places(rt))
    return;
  w->quiet = atomic_load_explicit(&rt->quiet, memory_order_relaxed);
  if (w->quiet == GORT_MAX_QUIET) { /* hopeless so far: once in a tick */
    int64_t now = gort__monitor_now(rt);
    if (now - w->hinted_at < GORT_TICK_NS) return;
    w->hinted_at = now;
  }
  gort__sched_wake(rt);
}

/* Puts vm into w's slot, and what was there into the queue; false: the slot was
 * free. */
static bool fill_slot(gort *rt, gort_worker *w, gort_vm *vm) {
  gort_vm *old = atomic_exchange(&w->next_vm, vm);
  if (old) gort__sched_queue_vm(rt, w, old, false);
  return old != NULL;
}

void gort__sched_give_way(gort_worker *w, gort_vm *vm) {
  gort__sched_queue_vm(w->rt, w, vm, false);
  w->gives_way = true;
  w->gave_way_at = gort__monitor_now(w->rt);
}

bool gort__sched_gives_way(gort_worker *w) {
  if (GORT_LIKELY(!w->gives_way)) return false;
  bool records =
      gort__ring_count(&w->records) || atomic_load(&w->rt->n_global_records);
  w->gives_way = records &&
                 gort__monitor_now(w->rt) - w->gave_way_at < GORT_TICK_NS &&
                 gort__ring_count(&w->vms);
  return w->gives_way;
}

/* vm has just become QUEUED. */
static void publish_vm(gort *rt, gort_vm *vm) {
  gort_worker *w = gort__self;
  if (!w || w->rt != rt ||
      atomic_load_explicit(&w->status, memory_order_relaxed) !=
          GORT_WORKER_ACTIVE) {
    push_global_vm(rt, vm, true);
    gort__sched_wake(rt);
    return;
  }
  if (!atomic_load_explicit(&w->next_vm, memory_order_relaxed)) {
    /* Only this worker fills its slot: nobody can have done so since. */
    atomic_store_explicit(&w->next_vm, vm, memory_order_release);
    hint(rt, w);
    return;
  }
  if (fill_slot(rt, w, vm) && !gort__stays(w)) gort__sched_wake(rt);
}

/* Into a vm that this thread does not hold. */
static void ready_in(gort *rt, gort_vm *vm, gort_task *t) {
  if (atomic_load_explicit(&vm->state_now, memory_order_relaxed) ==
          GORT_VM_IDLE &&
      gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_QUEUED)) {
    /* Nobody else touches the vm until it is in a queue. */
    gort__runq_push(&vm->runq, &t->node);
    publish_vm(rt, vm);
    return;
  }
  gort__inbox_push(&vm->inbox, &t->node);
  if (gort__self && gort__self->rt == rt) gort__meet_in(gort__self, vm);
  if (atomic_load(&vm->state_now) == GORT_VM_IDLE &&
      gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_QUEUED))
    publish_vm(rt, vm);
}

void gort__ready(gort_task *t) {
  gort_vm *vm = t->vm;
  gort_worker *w = gort__self;
  if (GORT_UNLIKELY(!vm)) {
    gort__parker_tell(t);
    return;
  }
  if (w && atomic_load_explicit(&w->vm, memory_order_relaxed) == vm) {
    gort__runq_push(&vm->runq, &t->node);
    return;
  }
  gort *rt = vm->rt;
  if (w && w->rt == rt) {
    ready_in(rt, vm, t);
    return;
  }
  /* Between its claim and the queue a vm is seen nowhere, with all that others
   * ready in it meanwhile: this keeps the deadlock check from looking then. */
  atomic_fetch_add(&rt->external, 1);
  atomic_store_explicit(&rt->outside_cpu, sched_getcpu(), memory_order_relaxed);
  ready_in(rt, vm, t);
  if (atomic_fetch_sub(&rt->external, 1) == 1) gort__deadlock_hint(rt);
}

void gort__ready_all(gort__wakelist *list) {
  gort_task *t = list->first;
  while (t) {
    gort_task *next = t->node.next ? gort__task_of_node(t->node.next) : NULL;
    gort__ready(t);
    t = next;
  }
}

/* A full ring gives its older half to everyone. */
static void spill_records(gort *rt, gort_worker *w, gort_record *r) {
  void *half[GORT_RING / 2];
  unsigned n = gort__ring_steal(&w->records, half, GORT_RING / 2);
  gort__lock_take(&rt->lock);
  for (unsigned i = 0; i < n; i++)
    gort__runq_push(&rt->global_records, &((gort_record *)half[i])->node);
  gort__runq_push(&rt->global_records, &r->node);
  atomic_fetch_add(&rt->n_global_records, n + 1);
  gort__lock_give(&rt->lock);
}

void gort__sched_count_spawn(gort *rt) {
  gort_worker *w = gort__self;
  if (GORT_UNLIKELY(
          !atomic_load_explicit(&rt->monitor.started, memory_order_relaxed)))
    gort__monitor_start(rt);
  if (w && w->rt == rt)
    atomic_store_explicit(
        &w->spawned,
        atomic_load_explicit(&w->spawned, memory_order_relaxed) + 1,
        memory_order_relaxed);
  else
    atomic_fetch_add(&rt->spawned_elsewhere, 1);
}

void gort__sched_give_back(gort *rt, gort_record *r) {
  gort__lock_take(&rt->lock);
  gort__runq_push(&rt->global_records, &r->node);
  atomic_fetch_add(&rt->n_global_records, 1);
  gort__lock_give(&rt->lock);
}

void gort_go(gort *rt, gort_record *r) {
  gort_worker *w = gort__self;
  gort__sched_count_spawn(rt);
  if (w && GORT_UNLIKELY(rt->options.placement == GORT_PLACE_APART)) {
    gort_vm *vm = atomic_load_explicit(&w->vm, memory_order_relaxed);
    r->from = vm ? vm->index : 0;
  }
  if (!w || w->rt != rt)
    gort__sched_give_back(rt, r);
  else if (!gort__ring_push(&w->records, r))
    spill_records(rt, w, r);
  if (!w || !gort__stays(w)) gort__sched_wake(rt);
}

/* ---- finding ----------------------------------------------------------- */

static gort_vm *take_slot(gort_worker *w) {
  if (!atomic_load_explicit(&w->next_vm, memory_order_relaxed)) return NULL;
  return atomic_exchange(&w->next_vm, NULL);
}

/* fresh: only one that was woken; else those come first, mostly. */
static gort_vm *pop_global_vm(gort *rt, gort_worker *w, bool fresh) {
  if (!atomic_load(&rt->n_global_vms)) return NULL;
  gort__lock_take(&rt->lock);
  gort__node *n = NULL;
  if (!fresh && ++w->global_picks % 4 == 0) n = gort__runq_pop(&rt->global_vms);
  if (!n) n = gort__runq_pop(&rt->fresh_vms);
  if (!n && !fresh) n = gort__runq_pop(&rt->global_vms);
  if (n) atomic_fetch_sub(&rt->n_global_vms, 1);
  gort__lock_give(&rt->lock);
  return n ? gort__container(n, gort_vm, queued) : NULL;
}

/* What w would begin belongs to the worker that it joins, as long as that one
 * is there. */
static bool joins(const gort_worker *w) {
  gort_worker *other =
      atomic_load_explicit(&w->gather.joins, memory_order_acquire);
  return other && atomic_load(&other->status) == GORT_WORKER_ACTIVE;
}

/* One record to start now; as many more as are this worker's fair share move into
 * its ring, up to most in all. */
static gort_record *pop_global_record(gort *rt, gort_worker *w, unsigned most) {
  unsigned n = atomic_load(&rt->n_global_records);
  if (!n || joins(w)) return NULL;
  gort__lock_take(&rt->lock);
  n = atomic_load(&rt->n_global_records) / atomic_load(&rt->maxprocs) + 1;
  if (n > most) n = most;
  gort__node *first = gort__runq_pop(&rt->global_records);
  unsigned taken = first != NULL;
  gort__node *more;
  while (first && taken < n && (more = gort__runq_pop(&rt->global_records))) {
    if (!gort__ring_push(&w->records,
                         gort__container(more, gort_record, node))) {
      gort__runq_push(&rt->global_records, more);
      break;
    }
    taken++;
  }
  atomic_fetch_sub(&rt->n_global_records, taken);
  gort__lock_give(&rt->lock);
  return first ? gort__container(first, gort_record, node) : NULL;
}

/* A vm for r that is RUNNING and the caller's. When all have work the record
 * joins one that waits for its turn. */
static gort_vm *vm_for_record(gort *rt, gort_worker *w, const gort_record *r) {
  gort_vm *vm = gort__placement_choose(rt, w, r);
  if (vm || GORT_UNLIKELY(rt->options.placement == GORT_PLACE_APART)) return vm;
  vm = gort__ring_pop(&w->vms);
  if (!vm) vm = pop_global_vm(rt, w, false);
  if (vm && (vm->index == 0 || vm->solo)) {
    gort__sched_queue_vm(rt, w, vm, true);
    vm = NULL;
  }
  if (vm) atomic_store(&vm->state_now, GORT_VM_RUNNING);
  return vm;
}

void gort__sched_fail(gort_worker *w, gort_record *r, int code) {
  gort *rt = w->rt;
  atomic_fetch_add_explicit(&w->finished, 1, memory_order_relaxed);
  rt->options.ops->fail(r, code);
  gort_record_free(r);
}

void gort__sched_spill(gort *rt, gort_worker *w) {
  void *item;
  gort_vm *vm = take_slot(w);
  if (vm) push_global_vm(rt, vm, true);
  gort__meet_take(rt, NULL, w);
  while (gort__ring_steal(&w->vms, &item, 1)) push_global_vm(rt, item, true);
  while (gort__ring_steal(&w->records, &item, 1))
    gort__sched_give_back(rt, item);
}

static bool found_vm(gort_vm *vm, gort__work *out) {
  if (!vm) return false;
  GORT_ASSERT(atomic_load(&vm->state_now) == GORT_VM_QUEUED);
  /* Relaxed: whoever sees QUEUED or RUNNING does the same, push and go. */
  atomic_store_explicit(&vm->state_now, GORT_VM_RUNNING, memory_order_relaxed);
  out->vm = vm;
  out->record = NULL;
  return true;
}

/* Some vm beside the main one exists or is being made. */
static bool has_task_vm(gort *rt) {
  return atomic_load(&rt->nvms) - atomic_load(&rt->vm_holes) >
         1 + atomic_load(&rt->solo.vms);
}

static bool found_record(gort *rt, gort_worker *w, gort_record *r,
                         gort__work *out) {
  if (!r) return false;
  out->vm = vm_for_record(rt, w, r);
  out->record = r;
  /* Without a single vm for tasks nobody will free memory: a few tries. */
  for (int i = 0; !out->vm && !has_task_vm(rt) && i < 10; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    out->vm = vm_for_record(rt, w, r);
  }
  if (out->vm) return true;
  if (has_task_vm(rt))
    gort__sched_give_back(rt, r);
  else
    gort__sched_fail(w, r, GORT_ENOMEM);
  return false;
}

/* most: records taken at once. */
static bool find_global(gort *rt, gort_worker *w, unsigned most,
                        gort__work *out) {
  return found_vm(pop_global_vm(rt, w, true), out) ||
         found_record(rt, w, pop_global_record(rt, w, most), out) ||
         found_vm(pop_global_vm(rt, w, false), out);
}

static bool find_stolen(gort *rt, gort_worker *w, gort__work *out) {
  gort_vm *vm = NULL;
  gort_record *r = NULL;
  gort__steal(w, &vm, &r);
  return found_vm(vm, out) || found_record(rt, w, r, out);
}

bool gort__sched_find(gort_worker *w, gort__work *out) {
  gort *rt = w->rt;
  w->searches++;
  if (GORT_UNLIKELY(atomic_load_explicit(&w->sent, memory_order_relaxed) !=
                    NULL))
    gort__meet_take(rt, w, w);
  /* Vms that had their turn get another now and then though records keep
   * coming; seldom, since they may be what makes the records. */
  int64_t now = gort__monitor_now(rt);
  if (now - w->fair_at > FAIR_NS) {
    w->fair_at = now;
    if (found_vm(pop_global_vm(rt, w, false), out)) return true;
  }
  /* Just one record: tasks that come out of those at hand are better begun when
   * those are, or a tree of tasks lies about whole. */
  if (w->searches % GLOBAL_TURN == 0 && find_global(rt, w, 1, out)) return true;
  if (found_vm(pop_global_vm(rt, w, true), out)) return true;
  bool gives_way = gort__sched_gives_way(w);
  if ((w->searches % 2 == 0 || gives_way) &&
      found_record(rt, w, gort__ring_pop(&w->records), out))
    return true;
  if (gives_way && found_record(rt, w, pop_global_record(rt, w, BATCH), out))
    return true;
  /* Two vms that hand over to each other through the slot are not alone. */
  if (w->searches % RING_TURN == 0 && found_vm(gort__ring_pop(&w->vms), out))
    return true;
  return found_vm(take_slot(w), out) ||
         found_vm(gort__ring_pop(&w->vms), out) ||
         found_record(rt, w, gort__ring_pop(&w->records), out) ||
         find_global(rt, w, BATCH, out) || find_stolen(rt, w, out);
}

bool gort__sched_has_partner(gort_worker *w) {
  return atomic_load_explicit(&w->next_vm, memory_order_relaxed) &&
         ++w->handovers % PARTNER_TURNS != 0 && !gort__sched_gives_way(w) &&
         gort__inbox_empty(&w->sent);
}

gort_vm *gort__sched_take_partner(gort_worker *w) {
  gort_vm *vm = atomic_exchange(&w->next_vm, NULL);
  if (vm)
    atomic_store_explicit(&vm->state_now, GORT_VM_RUNNING,
                          memory_order_relaxed);
  return vm;
}

gort_record *gort__sched_record_for(gort_worker *w, gort_vm *vm) {
  if (vm != w->home || gort__vm_live(vm) >= w->allow) return NULL;
  bool others = atomic_load_explicit(&w->next_vm, memory_order_relaxed) ||
                gort__ring_count(&w->vms);
  return others && !gort__sched_gives_way(w) ? NULL
                                             : gort__ring_pop(&w->records);
}

bool gort__sched_others(gort_worker *w) {
  return atomic_load_explicit(&w->next_vm, memory_order_relaxed) ||
         gort__ring_count(&w->vms) || gort__ring_count(&w->records) ||
         !gort__inbox_empty(&w->sent) || atomic_load(&w->rt->n_global_vms) ||
         atomic_load(&w->rt->n_global_records);
}

static bool has_work(gort_worker *w) {
  return gort__ring_count(&w->vms) || gort__ring_count(&w->records) ||
         !gort__inbox_empty(&w->sent) || atomic_load(&w->next_vm);
}

static bool any_global(gort *rt) {
  return atomic_load(&rt->n_global_vms) || atomic_load(&rt->n_global_records);
}

static gort_worker *worker_at(gort *rt, unsigned i) {
  return atomic_load_explicit(&rt->workers[i], memory_order_acquire);
}

bool gort__sched_any(gort *rt) {
  if (any_global(rt)) return true;
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = worker_at(rt, i);
    if (w && has_work(w)) return true;
  }
  return false;
}

bool gort__sched_any_for(gort *rt, const gort_worker *self) {
  if (atomic_load(&rt->n_global_vms) ||
      (atomic_load(&rt->n_global_records) && !(self && joins(self))))
    return true;
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = worker_at(rt, i);
    if (w && (w == self ? has_work(w) : gort__steal_can(w))) return true;
  }
  return false;
}
