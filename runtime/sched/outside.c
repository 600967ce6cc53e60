/* outside.c - what hosts do to a runtime from the outside.
 *
 * SPDX-License-Identifier: MIT */
#include <sched.h>
#include <signal.h>

#include "sched/runtime.h"

/* A report describes tasks that stand still: it is waited for. */
void gort_hold(gort *rt) {
  for (;;) {
    gort__lock_take(&rt->lock);
    bool reporting = rt->reporting;
    if (!reporting) atomic_fetch_add(&rt->external, 1);
    gort__lock_give(&rt->lock);
    if (!reporting) return;
    sched_yield();
  }
}

void gort_unhold(gort *rt) {
  if (atomic_fetch_sub(&rt->external, 1) == 1) gort__deadlock_hint(rt);
}

void gort_task_set_interruptible(gort_task *self) {
  self->wait.interruptible = true;
}

/* Signals the worker that runs vm. */
static void stop_running(gort *rt, gort_vm *vm) {
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = atomic_load(&rt->workers[i]);
    if (!w || atomic_load(&w->vm) != vm) continue;
    atomic_store_explicit(&w->preempt,
                          atomic_load_explicit(&w->tick, memory_order_relaxed),
                          memory_order_release);
    pthread_kill(w->signal_to, SIGURG);
  }
}

/* Between the begin of a wait and its parking the ticket is open, too: the
 * task then finds itself in its vm's inbox once it has parked. */
bool gort_task_interrupt(gort_task *t) {
  int open = GORT_TICKET_OPEN;
  if (atomic_compare_exchange_strong(&t->wait.ticket, &open,
                                     GORT_TICKET_INTERRUPT)) {
    gort__ready(t);
    return true;
  }
  stop_running(t->vm->rt, t->vm);
  return false;
}
