/* dump.c - the tasks of all vms as text: for deadlocks, and on request.
 *
 * SPDX-License-Identifier: MIT
 *
 * A vm's tasks are described by whoever holds the vm. At a deadlock nothing
 * runs and the reporter may look at all of them; on request each vm gets a
 * call in its inbox, and the asking task waits until all have answered. */
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "sched/runtime.h"

static void describe_vm(gort_vm *vm, gort_text *out) {
  for (gort__link *l = vm->tasks.next; l != &vm->tasks; l = l->next) {
    if (out) gort_text_add(out, "\n", 1);
    gort_task_describe(gort__container(l, gort_task, all), out);
  }
}

/* ---- deadlock ---------------------------------------------------------- */

/* Nothing runs, nothing outside can wake anything, nothing is queued.
 * The order of the looks is the argument: nobody becomes active while the
 * lock is held, so tasks stand still; whoever wakes one from outside (timers,
 * blocking jobs, loops) is counted until the task is in the global queue. */
static bool is_stuck_locked(gort *rt) {
  return atomic_load(&rt->active) == 0 && atomic_load(&rt->blocked) == 0 &&
         !atomic_load(&rt->stopping) && !atomic_load(&rt->main_ended) &&
         gort__timers_next(&rt->timers) == GORT_FOREVER &&
         atomic_load(&rt->external) == 0 &&
         atomic_load(&rt->blocking.jobs) == 0 &&
         atomic_load(&rt->loops_alive) == 0 &&
         atomic_load(&rt->n_global_vms) == 0 &&
         atomic_load(&rt->n_global_records) == 0;
}

/* One of the counts above went down outside a worker: if it was the last and
 * everyone is asleep, somebody must look again. */
void gort__deadlock_hint(gort *rt) {
  if (gort__self && gort__self->polls) return; /* it looks by itself */
  if (atomic_load(&rt->active) == 0) gort__poller_kick(&rt->poller);
}

static char *report(gort *rt) {
  gort_text *out = gort_text_new();
  if (!out) return NULL;
  unsigned n = atomic_load(&rt->nvms);
  for (unsigned i = 0; i < n; i++) {
    gort_vm *vm = atomic_load(&rt->vms[i]);
    if (vm) describe_vm(vm, out);
  }
  return gort_text_take(out);
}

/* Lets the host wake a task. Whether it did. */
static bool host_helps(gort *rt, const char *text) {
  if (!rt->options.on_stuck) return false;
  bool helped = rt->options.on_stuck(rt, rt->options.arg, text);
  gort__lock_take(&rt->lock);
  rt->reporting = false;
  if (!helped) {
    atomic_store(&rt->deadlocked, true);
    atomic_store(&rt->stopping, true);
  }
  atomic_fetch_sub(&rt->external, 1);
  gort__lock_give(&rt->lock);
  return helped;
}

void gort__deadlock_check(gort *rt) {
  gort__lock_take(&rt->lock);
  bool stuck = is_stuck_locked(rt) && !gort__sched_any(rt);
  if (stuck && rt->options.on_stuck) {
    rt->reporting = true;
    atomic_fetch_add(&rt->external, 1);
  } else if (stuck) { /* this worker is the last */
    atomic_store(&rt->deadlocked, true);
    atomic_store(&rt->stopping, true);
  }
  gort__lock_give(&rt->lock);
  if (!stuck) return;
  char *text = report(rt);
  if (!host_helps(rt, text)) {
    if (rt->options.on_deadlock)
      rt->options.on_deadlock(rt, rt->options.arg, text);
    gort__stop_tell(rt);
  }
  gort_free(text);
}

/* ---- on request -------------------------------------------------------- */

typedef struct answer {
  gort_task call; /* what the vm finds in its inbox */
  gort_dump *dump;
  gort_text *text;
  unsigned index;
  atomic_bool done;
} answer;

/* Counted: by the asking task and by every vm that has not answered yet. */
struct gort_dump {
  gort_object obj;
  gort_chan *done; /* one value for each answer; its buffer has room for all */
  unsigned n, seen;
  answer answers[];
};

static void dump_destroy(gort_object *o) {
  gort_dump *d = gort__container(o, gort_dump, obj);
  for (unsigned i = 0; i < d->n; i++) {
    char *text = gort_text_take(d->answers[i].text);
    gort_free(text);
  }
  gort_object_release((gort_object *)(void *)d->done);
  gort_free(d);
}

static const gort_class dump_class = {"dump", dump_destroy, NULL};

static void give_answer(gort_vm *vm, gort_task *call) {
  answer *a = gort__container(call, answer, call);
  gort_dump *d = a->dump;
  if (vm->current == call) vm->current = NULL;
  if (a->text) describe_vm(vm, a->text);
  atomic_store_explicit(&a->done, true, memory_order_release);
  gort_value v = {.type = GORT_NIL};
  gort_result res;
  gort_wait_try((gort_source *)(void *)d->done, GORT_SEND, &v, &res);
  gort_object_release(&d->obj);
}

static gort_dump *dump_new(gort *rt) {
  unsigned n = atomic_load(&rt->nvms);
  gort_dump *d = gort_malloc(sizeof *d + n * sizeof(answer));
  if (!d) return NULL;
  memset(d, 0, sizeof *d + n * sizeof(answer));
  if (gort_chan_new(n, &d->done) < 0) {
    gort_free(d);
    return NULL;
  }
  gort__object_init(&d->obj, &dump_class);
  d->n = n;
  return d;
}

/* Waits for one more answer. */
static int await_answer(gort_task *self, gort_dump *d, gort_result *res) {
  gort_value none = {.type = GORT_NIL};
  return gort_wait(self, (gort_source *)(void *)d->done, GORT_RECV, &none,
                   GORT_UNTIL(gort_now() + 100000000), res);
}

/* Asks every vm; answers for self's own at once. */
static gort_dump *dump_begin(gort *rt, gort_vm *own) {
  gort_dump *d = dump_new(rt);
  if (!d) return NULL;
  for (unsigned i = 0; i < d->n; i++) {
    gort_vm *vm = atomic_load(&rt->vms[i]);
    answer *a = &d->answers[i];
    a->dump = d;
    a->index = i;
    if (!vm) continue;
    a->text = gort_text_new();
    a->call.vm = vm;
    a->call.call = give_answer;
    gort_object_retain(&d->obj);
    if (vm == own)
      give_answer(vm, &a->call);
    else
      gort__ready(&a->call);
    d->seen++;
  }
  return d;
}

int gort_dump_new(gort_task *self, gort_dump **out) {
  gort_dump *d = dump_begin(self->vm->rt, self->vm);
  if (d) *out = d;
  return d ? 0 : GORT_ENOMEM;
}

int gort_dump_all(gort *rt, int64_t timeout_ns, gort_text *out) {
  gort_dump *d = dump_begin(rt, NULL);
  if (!d) return GORT_ENOMEM;
  int64_t until = gort_now() + timeout_ns;
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  while (d->seen > 0 && gort_now() < until)
    if (gort_wait_try((gort_source *)(void *)d->done, GORT_RECV, &none, &res))
      d->seen--;
    else
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  gort_dump_finish(d, out);
  return 0;
}

int gort_dump_wait(gort_dump *d, gort_task *self) {
  gort_result res;
  while (d->seen > 0) {
    int rc = await_answer(self, d, &res);
    if (rc != 0) return rc; /* parked, or no memory to */
    if (res.status < 0) return 0;
    d->seen--;
  }
  return 0;
}

int gort_dump_resume(gort_dump *d, gort_task *self) {
  gort_result res;
  gort_wait_finish(self, &res);
  if (res.status < 0) return 0; /* somebody is stuck in a C call */
  d->seen--;
  return gort_dump_wait(d, self);
}

void gort_dump_finish(gort_dump *d, gort_text *out) {
  for (unsigned i = 0; i < d->n; i++) {
    answer *a = &d->answers[i];
    if (!a->call.vm || !out) continue;
    if (!atomic_load_explicit(&a->done, memory_order_acquire)) {
      gort__text_format(out, "\nvm %u is busy in a C call\n", a->index);
      continue;
    }
    char *text = gort_text_take(a->text);
    a->text = NULL;
    if (text) gort_text_add(out, text, strlen(text));
    gort_free(text);
  }
  gort_object_release(&d->obj);
}
