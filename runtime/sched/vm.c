/* vm.c - making, describing and destroying vms.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/vm.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "ctx/bond.h"
#include "sched/loop.h"
#include "sched/runtime.h"
#include "sched/turn.h"

/* Whether small blocks come from arenas: not where somebody counts, refuses or
 * watches each. */
static bool has_arenas(void) {
#if defined(GORT_SANITIZED)
  return false;
#else
  return gort__allocator_is_ours();
#endif
}

/* Where a block comes from, by its size alone. */
enum origin { FROM_ARENA, FROM_ALLOCATOR, FROM_SYSTEM };

static const size_t MOST_ALLOCATED = 1 << 20;

static enum origin origin_of(size_t size) {
  return size <= GORT_ARENA_MOST  ? FROM_ARENA
         : size <= MOST_ALLOCATED ? FROM_ALLOCATOR
                                  : FROM_SYSTEM;
}

static GORT_NOINLINE void *get(gort__arena *a, size_t size) {
  switch (origin_of(size)) {
    case FROM_ARENA:
      return gort__arena_get(a, size);
    case FROM_ALLOCATOR:
      return gort_malloc(size);
    default:
      return gort__pages_get(size);
  }
}

static GORT_NOINLINE void give(gort__arena *a, void *ptr, size_t size) {
  switch (origin_of(size)) {
    case FROM_ARENA:
      gort__arena_give(a, ptr);
      return;
    case FROM_ALLOCATOR:
      gort_free(ptr);
      return;
    default:
      gort__pages_give(ptr, size);
  }
}

static void *move(gort__arena *a, void *ptr, size_t old, size_t size) {
  void *moved = get(a, size);
  if (!moved) return NULL;
  memcpy(moved, ptr, old < size ? old : size);
  give(a, ptr, old);
  return moved;
}

static GORT_NOINLINE void *resize(gort__arena *a, void *ptr, size_t old,
                                  size_t size) {
  enum origin from = origin_of(old);
  if (from != origin_of(size)) return move(a, ptr, old, size);
  switch (from) {
    case FROM_ARENA:
      return gort__arena_same(old, size) ? ptr : move(a, ptr, old, size);
    case FROM_ALLOCATOR:
      return gort_realloc(ptr, size);
    default:
      return gort__pages_resize(ptr, old, size);
  }
}

static GORT_NOINLINE void *realloc_slowly(gort_vm *vm, void *ptr, size_t old,
                                          size_t size) {
  if (size == 0) {
    if (ptr && vm->has_arena)
      give(&vm->arena, ptr, old);
    else
      gort_free(ptr);
    return NULL;
  }
  if (!vm->has_arena) return gort_realloc(ptr, size);
  return ptr ? resize(&vm->arena, ptr, old, size) : get(&vm->arena, size);
}

void *gort_vm_realloc(gort_vm *vm, void *ptr, size_t old, size_t size) {
  if (GORT_LIKELY(vm->has_arena)) {
    if (!ptr && size && size <= GORT_ARENA_MOST)
      return gort__arena_get(&vm->arena, size);
    if (ptr && !size && old <= GORT_ARENA_MOST) {
      gort__arena_give(&vm->arena, ptr);
      return NULL;
    }
  }
  return realloc_slowly(vm, ptr, old, size);
}

void gort_vm_trim(gort_vm *vm) {
  while (vm->free_tasks) {
    gort_task *t = vm->free_tasks;
    vm->free_tasks = (gort_task *)(void *)t->node.next;
    gort__task_delete(t);
  }
  vm->n_free_tasks = 0;
  gort__arena_trim(&vm->arena);
  gort__malloc_trim();
}

/* What is in guest begins. */
static void start_guest(gort_vm *vm, gort_task *call) {
  (void)call;
  gort_record *r = atomic_exchange(&vm->guest, NULL);
  if (r) gort__turn_start(gort__self, vm, r);
}

int gort__vm_new(gort *rt, unsigned index, gort_vm **out) {
  gort_vm *vm = gort__malloc_aligned(sizeof *vm);
  if (!vm) return GORT_ENOMEM;
  memset(vm, 0, sizeof *vm);
  vm->rt = rt;
  vm->index = index;
  vm->has_arena = has_arenas();
  gort__arena_init(&vm->arena);
  gort__list_init(&vm->tasks);
  gort__loop_init(vm);
  vm->starter.vm = vm;
  atomic_init(&vm->guest, NULL);
  vm->guest_call.vm = vm;
  vm->guest_call.call = start_guest;
  atomic_init(&vm->state_now, GORT_VM_RUNNING);
  atomic_init(&vm->live, 0);
  atomic_init(&vm->parked, 0);
  atomic_init(&vm->inbox, NULL);
  int rc = rt->options.ops->create(vm, rt->options.arg);
  if (rc < 0) {
    gort__arena_fini(&vm->arena);
    gort__free_aligned(vm);
    return rc;
  }
  *out = vm;
  return 0;
}

static void drop_record(gort_vm *vm, gort_record *r) {
  vm->rt->options.ops->drop(r);
  gort_record_free(r);
}

bool gort_vm_go(gort_vm *vm, gort_record *r) {
  gort_record *none = NULL;
  if (vm->solo || vm->index == 0 ||
      !atomic_compare_exchange_strong(&vm->guest, &none, r)) {
    drop_record(vm, r);
    return false;
  }
  gort__sched_count_spawn(vm->rt);
  gort__ready(&vm->guest_call);
  return true;
}

void gort__vm_free(gort_vm *vm) {
  gort_record *guest = atomic_load(&vm->guest);
  if (guest) drop_record(vm, guest);
  if (vm->start_next) drop_record(vm, vm->start_next);
  for (gort__link *l = vm->tasks.next; l != &vm->tasks; l = l->next) {
    gort_task *t = gort__container(l, gort_task, all);
    gort__wait_cancel(t);
    if (t->bond) gort__bond_free(t->bond);
    t->bond = NULL;
    vm->rt->options.ops->forget(vm, t);
  }
  vm->rt->options.ops->destroy(vm);
  gort__loop_fini(vm);
  gort__link *link;
  while ((link = gort__list_pop(&vm->tasks))) {
    gort_task *t = gort__container(link, gort_task, all);
    gort__task_delete(t);
  }
  while (vm->free_tasks) {
    gort_task *t = vm->free_tasks;
    vm->free_tasks = (gort_task *)(void *)t->node.next;
    gort__task_delete(t);
  }
  gort__arena_fini(&vm->arena);
  gort__free_aligned(vm);
}

gort_vm *gort_vm_main(gort *rt) {
  return atomic_load_explicit(&rt->vms[0], memory_order_acquire);
}

gort_vm *gort_vm_at(gort *rt, unsigned index) {
  if (index >= atomic_load(&rt->nvms)) return NULL;
  return atomic_load_explicit(&rt->vms[index], memory_order_acquire);
}

gort *gort_vm_runtime(gort_vm *vm) { return vm->rt; }

void *gort_vm_state(gort_vm *vm) { return vm->state; }

void gort_vm_set_state(gort_vm *vm, void *state) { vm->state = state; }

unsigned gort_vm_index(gort_vm *vm) { return vm->index; }

gort_task *gort_vm_current(gort_vm *vm) { return vm->current; }
