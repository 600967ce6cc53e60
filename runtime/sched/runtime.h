/* runtime.h - struct gort: what workers share.
 *
 * SPDX-License-Identifier: MIT
 *
 * Locking: lock, rank SCHED, guards the idle list, the counts of places and
 *   the global queues; the rest says its own guard. */
#ifndef GORT_SCHED_RUNTIME_H
#define GORT_SCHED_RUNTIME_H

#include <signal.h>

#include "sched/solo.h"
#include "sched/blocking.h"
#include "sched/host.h"
#include "sched/monitor.h"
#include "sched/poller.h"
#include "sched/sched.h"
#include "sched/worker.h"

enum { GORT_MAX_QUIET = 1024 }; /* of rt->quiet: then it is by the clock */
enum { GORT_MAX_WORKERS = 1024, GORT_MAX_VMS = 4096, GORT_MAX_PROCS = 512 };

struct gort {
  /* Immutable after gort_new. */
  gort_options options;
  unsigned cpus;    /* how many workers can run at the same instant */
  sigset_t signals; /* blocked in workers: as where the runtime was made */

  /* Whoever has a pointer to this that may outlive gort_destroy: its owner,
   * the root contexts (and so all contexts), timers, afters. */
  atomic_uint refs;

  /* Atomic, read often, written rarely. */
  atomic_uint maxprocs;
  atomic_bool stopping;
  _Atomic(gort_worker *) stopper; /* the worker that began it, or NULL */
  atomic_uint nvms;
  _Atomic(gort_vm *) vms[GORT_MAX_VMS]; /* release on publish */
  atomic_uint nworkers;
  _Atomic(gort_worker *) workers[GORT_MAX_WORKERS];
  gort_task *main_task; /* written before other workers start */
  bool serves;          /* gort_run without a main task; likewise */
  atomic_bool main_ended, deadlocked;

  /* Places: active workers. Written under lock, read without (seq_cst: it
   * is one half of submit and sleep). */
  _Alignas(GORT_CACHELINE) atomic_uint active;
  atomic_uint spinning;
  atomic_uint blocked;
  atomic_uint quiet; /* how many hints a worker ignores between wake-ups */

  _Alignas(GORT_CACHELINE) gort__lock lock;
  gort__link idle;       /* workers asleep, last in first out */
  gort__runq global_vms; /* by gort_vm.queued: had their turn */
  gort__runq fresh_vms;  /* have just been woken: they go first */
  gort__runq global_records;
  bool reporting; /* a deadlock: nobody outside may wake a task meanwhile */
  bool vm_hole[GORT_MAX_VMS]; /* numbers whose vm could not be made */
  atomic_uint vm_holes;
  atomic_uint n_global_vms, n_global_records; /* written under lock */

  /* What keeps the program alive though nothing runs (deadlock.c). */
  atomic_uint loops_alive;
  atomic_uint external;
  /* Atomic, relaxed, a hint: where a thread of the host last woke a task. */
  atomic_int outside_cpu;

  /* Task ids come in blocks. */
  _Atomic uint64_t next_id_block;
  _Atomic uint64_t spawned_elsewhere; /* by threads that are no worker */
  _Atomic uint64_t wakeups, handoffs, preempts;

  gort_context *background, *todo; /* owned, immutable */
  gort__lock afters_lock;          /* rank LEAF */
  gort__link afters;               /* calls that wait for a context (after.h) */
  gort__lock places_lock;          /* rank LEAF */
  struct gort__place *places;      /* of contexts (place.h); they only grow */
  gort__timers timers;
  gort__poller poller;
  gort__monitor monitor;
  gort__blocking blocking;
  gort__host host;
  gort__solo solo;
};

/* How many workers are kept busy as a matter of course. More than there are
 * processors only get into each other's way, unless one is stuck (monitor.c). */
static inline unsigned gort__places(const gort *rt) {
  unsigned max = atomic_load_explicit(&rt->maxprocs, memory_order_relaxed);
  return max < rt->cpus ? max : rt->cpus;
}

void gort__retain(gort *rt);
void gort__release(gort *rt);
/* True, and everyone asleep is told, when this call started the stopping. */
bool gort__stop_begin(gort *rt);
/* From a worker that found nothing and gave its place back: reports a
 * deadlock if nothing can ever wake. */
void gort__deadlock_check(gort *rt);
/* What kept the program alive from outside is gone: look again. */
void gort__deadlock_hint(gort *rt);
/* Asks the tasks of all workers but one to yield; false: those workers have all
 * left, or never began. */
bool gort__stop_urge(gort *rt, const gort_worker *but);
/* Tells everyone asleep to look at rt->stopping. */
void gort__stop_tell(gort *rt);
/* Ends the wait of gort_run. */
void gort__main_ended(gort *rt);

/* Orders earlier stores before later loads. ThreadSanitizer does not know
 * fences; nothing here relies on one for data, only for wake-ups. */
static inline void gort__fence(void) {
#if defined(__SANITIZE_THREAD__)
  static atomic_uint dummy;
  atomic_fetch_add(&dummy, 1);
#else
  atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
