/* placement.c - choosing vms, and making them.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/placement.h"

#include "sched/runtime.h"

/* ---- making ------------------------------------------------------------ */

/* How many vms there may be: what a worker stuck in a C call holds counts for
 * nothing, and solo ones have a limit of their own. */
static unsigned vm_limit(gort *rt, bool solo) {
  if (solo) return GORT_MAX_VMS;
  unsigned stuck = atomic_load(&rt->blocked);
  unsigned calls = atomic_load(&rt->solo.workers);
  unsigned max = rt->options.max_vms;
  if (!max) max = 4 * gort__places(rt);
  max += 1; /* one runs only main */
  if (stuck > calls) max += stuck - calls;
  if (rt->options.placement == GORT_PLACE_TOGETHER) max = 2;
  if (rt->options.placement == GORT_PLACE_APART) max = 64;
  max += atomic_load(&rt->solo.vms);
  return max < GORT_MAX_VMS ? max : GORT_MAX_VMS;
}

/* A number for a new vm; 0 at the limit. */
static unsigned reserve_vm(gort *rt, bool solo) {
  unsigned index = 0, max = vm_limit(rt, solo);
  if (atomic_load(&rt->nvms) - rt->vm_holes >= max) return 0;
  gort__lock_take(&rt->lock);
  unsigned n = atomic_load(&rt->nvms);
  for (unsigned i = 1; i < n && rt->vm_holes; i++)
    if (!index && rt->vm_hole[i]) {
      rt->vm_hole[i] = false;
      rt->vm_holes--;
      index = i;
      break;
    }
  if (!index && n < max) {
    index = n;
    atomic_store(&rt->nvms, n + 1);
  }
  gort__lock_give(&rt->lock);
  return index;
}

gort_vm *gort__placement_add_vm(gort *rt, bool solo) {
  gort_vm *vm = NULL;
  unsigned index = reserve_vm(rt, solo);
  if (!index) return NULL;
  if (gort__vm_new(rt, index, &vm) < 0) { /* somebody may try again */
    gort__lock_take(&rt->lock);
    rt->vm_hole[index] = true;
    rt->vm_holes++;
    gort__lock_give(&rt->lock);
    return NULL;
  }
  if (solo) {
    vm->solo = true;
    atomic_store(&vm->state_now, GORT_VM_IDLE);
    atomic_fetch_add(&rt->solo.vms, 1);
  }
  atomic_store_explicit(&rt->vms[index], vm, memory_order_release);
  return vm;
}

/* ---- choosing ---------------------------------------------------------- */

/* The idle vm with the fewest tasks; one that this worker ran last, if that has
 * hardly more: it need not fetch it from another. *least: the fewest in any. */
static gort_vm *emptiest_idle(gort *rt, const gort_worker *w, unsigned *least) {
  unsigned n = atomic_load(&rt->nvms);
  gort_vm *best = NULL, *own = NULL;
  *least = UINT32_MAX;
  for (unsigned i = 1; i < n; i++) {
    gort_vm *vm = atomic_load_explicit(&rt->vms[i], memory_order_acquire);
    if (!vm || vm->solo) continue;
    unsigned live = gort__vm_live(vm);
    if (live < *least) *least = live;
    if (atomic_load_explicit(&vm->state_now, memory_order_relaxed) !=
        GORT_VM_IDLE)
      continue;
    if (!best || live < gort__vm_live(best)) best = vm;
    if (atomic_load_explicit(&vm->holder, memory_order_relaxed) == w->index &&
        (!own || live < gort__vm_live(own)))
      own = vm;
  }
  if (!own) return best;
  unsigned fewest = gort__vm_live(best);
  return gort__vm_live(own) <= fewest + fewest / 4 + 2 ? own : best;
}

/* Each vm gets so much of what waits at w that there are two for each worker;
 * and a few at least, where there are many tasks already. */
static gort_vm *settle(gort_worker *w, gort_vm *vm, unsigned least) {
  unsigned live = gort__vm_live(vm);
  unsigned share = gort__ring_count(&w->records) / (2 * gort__places(w->rt));
  w->home = vm;
  w->allow = least + least / 4 + 1 + share;
  if (w->allow <= live) w->allow = live + 1;
  return vm;
}

/* An idle vm that is not this one, else a new one. */
static gort_vm *vm_apart(gort *rt, unsigned from) {
  unsigned n = atomic_load(&rt->nvms);
  for (unsigned i = 1; i < n; i++) {
    gort_vm *vm = atomic_load_explicit(&rt->vms[i], memory_order_acquire);
    if (vm && !vm->solo && i != from &&
        gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_RUNNING))
      return vm;
  }
  return gort__placement_add_vm(rt, false);
}

/* Started tasks stay in their vm, and only vms spread over the workers: so
 * tasks are spread evenly over the vms, in runs that grow with their number, of
 * those there are and of those that wait (neighbours talk). */
gort_vm *gort__placement_choose(gort *rt, gort_worker *w,
                                const gort_record *r) {
  gort_vm *vm = w->home;
  if (GORT_UNLIKELY(rt->options.placement == GORT_PLACE_APART))
    return vm_apart(rt, r->from);
  if (vm && gort__vm_live(vm) < w->allow &&
      gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_RUNNING))
    return vm;
  for (;;) {
    unsigned least;
    vm = emptiest_idle(rt, w, &least);
    if (!vm || gort__vm_live(vm) > 0) {
      gort_vm *fresh = gort__placement_add_vm(rt, false);
      if (fresh) return settle(w, fresh, 0);
    }
    if (!vm) return NULL;
    if (gort__vm_claim(vm, GORT_VM_IDLE, GORT_VM_RUNNING))
      return settle(w, vm, least);
  }
}
