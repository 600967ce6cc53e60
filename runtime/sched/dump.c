/* dump.c - the tasks of all vms as text: for deadlocks, and on request.
 *
 * SPDX-License-Identifier: MIT
 *
 * A vm's tasks are described by whoever holds the vm. At a deadlock nothing
 * runs and the reporter may look at all of them; on request each vm is asked
 * (survey.h). */
#include <string.h>

#include "base/text.h"
#include "sched/runtime.h"
#include "sched/survey.h"

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

struct gort_dump {
  gort__survey *survey; /* which owns it */
  unsigned n;
  gort_text *texts[];
};

static void dump_drop(void *arg) {
  gort_dump *d = arg;
  for (unsigned i = 0; i < d->n; i++) gort_free(gort_text_take(d->texts[i]));
  gort_free(d);
}

static void dump_look(gort_vm *vm, unsigned i, void *arg) {
  gort_dump *d = arg;
  if (d->texts[i]) describe_vm(vm, d->texts[i]);
}

/* Asks every vm; looks at own at once. */
static gort_dump *dump_begin(gort *rt, gort_vm *own) {
  unsigned n = gort__survey_room(rt);
  gort_dump *d = gort_malloc(sizeof *d + n * sizeof *d->texts);
  if (!d) return NULL;
  d->n = n;
  for (unsigned i = 0; i < n; i++) d->texts[i] = gort_text_new();
  d->survey = gort__survey_new(rt, n, own, dump_look, dump_drop, d);
  if (d->survey) return d;
  dump_drop(d);
  return NULL;
}

int gort_dump_new(gort_task *self, gort_dump **out) {
  gort_dump *d = dump_begin(self->vm->rt, self->vm);
  if (d) *out = d;
  return d ? 0 : GORT_ENOMEM;
}

int gort_dump_wait(gort_dump *d, gort_task *self) {
  return gort__survey_wait(d->survey, self);
}

int gort_dump_resume(gort_dump *d, gort_task *self) {
  return gort__survey_resume(d->survey, self);
}

void gort_dump_finish(gort_dump *d, gort_text *out) {
  gort__survey *s = d->survey;
  for (unsigned i = 0; i < gort__survey_size(s); i++) {
    if (!gort__survey_asked(s, i) || !out) continue;
    if (!gort__survey_answered(s, i)) {
      gort__text_format(out, "\nvm %u is busy in a C call\n", i);
      continue;
    }
    char *text = gort_text_take(d->texts[i]);
    d->texts[i] = NULL;
    if (text) gort_text_add(out, text, strlen(text));
    gort_free(text);
  }
  gort__survey_release(s);
}

int gort_dump_all(gort *rt, int64_t timeout_ns, gort_text *out) {
  gort_dump *d = dump_begin(rt, NULL);
  if (!d) return GORT_ENOMEM;
  gort__survey_wait_here(d->survey, timeout_ns);
  gort_dump_finish(d, out);
  return 0;
}
