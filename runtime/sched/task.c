/* task.c - tasks and records come and go.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/task.h"

#include <string.h>

#include "base/text.h"
#include "ctx/bond.h"
#include "sched/runtime.h"

/* Finished tasks a vm keeps for the next ones. */
enum { FREE_TASKS = 1024 };

gort_task *gort__task_new(gort_vm *vm, uint64_t id) {
  gort_task *t = vm->free_tasks;
  if (t) {
    vm->free_tasks = (gort_task *)(void *)t->node.next;
    vm->n_free_tasks--;
  } else {
    t = gort_vm_realloc(vm, NULL, 0, sizeof *t);
    if (!t) return NULL;
    t->vm = vm;
    gort__wait_init(&t->wait);
  }
  t->state = NULL;
  t->id = id;
  t->bond = NULL;
  t->wait.counted = false;
  gort__list_push(&vm->tasks, &t->all);
  return t;
}

void gort__task_delete(gort_task *t) {
  gort__wait_fini(&t->wait);
  gort_vm_realloc(t->vm, t, sizeof *t, 0);
}

void gort__task_free(gort_vm *vm, gort_task *t) {
  gort__list_unlink(&t->all);
  if (GORT_UNLIKELY(t->bond != NULL)) gort__bond_free(t->bond);
  if (t->wait.more && t->wait.more->room > 8) gort__wait_fini(&t->wait);
  if (vm->n_free_tasks == FREE_TASKS) {
    gort__task_delete(t);
    return;
  }
  t->node.next = (gort__node *)(void *)vm->free_tasks;
  vm->free_tasks = t;
  vm->n_free_tasks++;
}

uint64_t gort_task_id(const gort_task *t) { return t->id; }

gort_vm *gort_task_vm(gort_task *t) { return t->vm; }

void *gort_task_state(const gort_task *t) { return t->state; }

void gort_task_set_state(gort_task *t, void *state) { t->state = state; }

void gort_task_describe(gort_task *t, gort_text *out) {
  const char *doing = t->vm->current == t ? "running"
                      : t->wait.parked    ? gort__wait_reason(&t->wait)
                                          : "runnable";
  gort__text_format(out, "task %llu [%s", (unsigned long long)t->id, doing);
  uint32_t units = gort__since_now(t->vm->rt) - t->wait.since;
  int64_t waited = (int64_t)units << GORT_SINCE_BITS;
  if (t->wait.parked && waited >= 1000000000)
    gort__text_format(out, ", %lld s", (long long)(waited / 1000000000));
  gort__text_format(out, "]:\n");
  t->vm->rt->options.ops->describe(t->vm, t, out);
}

/* ---- records ----------------------------------------------------------- */

/* Ids reserved at once: a worker touches the shared counter seldom. */
enum { ID_BLOCK = 1024 };

static uint64_t new_id(gort *rt) {
  gort_worker *w = gort__self;
  if (!w || w->rt != rt)
    return atomic_fetch_add_explicit(&rt->next_id_block, 1,
                                     memory_order_relaxed);
  if (w->next_id == w->last_id) {
    w->next_id = atomic_fetch_add_explicit(&rt->next_id_block, ID_BLOCK,
                                           memory_order_relaxed);
    w->last_id = w->next_id + ID_BLOCK;
  }
  return w->next_id++;
}

gort_record *gort_record_new(gort *rt, size_t size) {
  gort_record *r = gort_malloc(sizeof *r + size);
  if (!r) return NULL;
  r->rt = rt;
  r->id = new_id(rt);
  r->bond = NULL;
  return r;
}

void *gort_record_payload(gort_record *r) { return r->payload; }

gort *gort_record_runtime(gort_record *r) { return r->rt; }

uint64_t gort_record_id(gort_record *r) { return r->id; }

void gort_record_free(gort_record *r) {
  if (GORT_UNLIKELY(r->bond != NULL)) gort__bond_free(r->bond);
  gort_free(r);
}
