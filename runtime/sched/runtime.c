/* runtime.c - making, running, stopping and measuring a runtime.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/runtime.h"

#include "ctx/after.h"
#include "ctx/place.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- processors -------------------------------------------------------- */

/* The cgroup's CPU quota in whole processors, rounded up; 0: none. */
static unsigned cgroup_quota(void) {
  long long quota, period;
  char text[64];
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (f) { /* version 2: "max 100000" or "150000 100000" */
    int n = fscanf(f, "%63s %lld", text, &period);
    fclose(f);
    if (n != 2 || period <= 0 || (quota = atoll(text)) <= 0) return 0;
    return (unsigned)((quota + period - 1) / period);
  }
  f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
  if (!f) return 0;
  int n = fscanf(f, "%lld", &quota);
  fclose(f);
  f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
  if (!f) return 0;
  int m = fscanf(f, "%lld", &period);
  fclose(f);
  if (n != 1 || m != 1 || quota <= 0 || period <= 0) return 0;
  return (unsigned)((quota + period - 1) / period);
}

unsigned gort_numcpu(void) {
  cpu_set_t set;
  long n = 0;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
  if (n <= 0) n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (unsigned)n : 1;
}

static unsigned default_procs(void) {
  unsigned n = gort_numcpu(), quota = cgroup_quota();
  if (quota > 0 && quota < n) n = quota;
  return n < GORT_MAX_PROCS ? n : GORT_MAX_PROCS;
}

unsigned gort_maxprocs(gort *rt, unsigned n) {
  unsigned before = atomic_load(&rt->maxprocs);
  if (n == 0) return before;
  if (n > GORT_MAX_PROCS) n = GORT_MAX_PROCS;
  before = atomic_exchange(&rt->maxprocs, n);
  if (gort__sched_any(rt)) gort__sched_wake(rt);
  return before;
}

/* ---- making ------------------------------------------------------------ */

static void init_plain(gort *rt, const gort_options *options) {
  memset(rt, 0, sizeof *rt);
  rt->options = *options;
  atomic_init(&rt->refs, 1);
  rt->cpus = default_procs();
  unsigned procs = options->maxprocs ? options->maxprocs : rt->cpus;
  atomic_init(&rt->maxprocs, procs < GORT_MAX_PROCS ? procs : GORT_MAX_PROCS);
  atomic_init(&rt->outside_cpu, -1);
  gort__lock_init(&rt->lock, GORT_RANK_SCHED);
  gort__list_init(&rt->idle);
  atomic_init(&rt->next_id_block, 1);
  pthread_sigmask(SIG_SETMASK, NULL, &rt->signals);
  sigdelset(&rt->signals, SIGURG); /* the monitor preempts with it */
  gort__timers_init(&rt->timers);
  gort__lock_init(&rt->afters_lock, GORT_RANK_LEAF);
  gort__lock_init(&rt->places_lock, GORT_RANK_LEAF);
  gort__list_init(&rt->afters);
}

void gort__retain(gort *rt) {
  atomic_fetch_add_explicit(&rt->refs, 1, memory_order_relaxed);
}

/* What contexts and timers use after the runtime's end goes last. */
void gort__release(gort *rt) {
  if (atomic_fetch_sub_explicit(&rt->refs, 1, memory_order_acq_rel) != 1)
    return;
  gort__timers_fini(&rt->timers);
  gort__free_aligned(rt);
}

int gort_new(const gort_options *options, gort **out) {
  gort *rt = gort__malloc_aligned(sizeof *rt);
  if (!rt) return GORT_ENOMEM;
  init_plain(rt, options);
  int rc = gort__poller_init(&rt->poller);
  if (rc < 0) goto no_poller;
  rc = gort__monitor_init(&rt->monitor);
  if (rc < 0) goto no_monitor;
  rc = gort__blocking_init(&rt->blocking);
  if (rc < 0) goto no_blocking;
  rc = gort__context_roots_init(rt);
  if (rc < 0) goto no_roots;
  gort_worker *w = gort__worker_new_locked(rt); /* nobody else is here yet */
  rc = GORT_ENOMEM;
  if (!w) goto no_worker;
  gort_vm *vm;
  rc = gort__vm_new(rt, 0, &vm);
  if (rc < 0) goto no_vm;
  atomic_store(&rt->vms[0], vm);
  gort__host_init(rt, vm);
  atomic_store(&rt->nvms, 1);
  if (options->preempt) gort__preempt_install();
  *out = rt;
  return 0;
no_vm:
  gort__worker_free(w);
no_worker:
no_roots:
  gort__context_roots_fini(rt);
  gort__blocking_fini(&rt->blocking);
no_blocking:
  gort__monitor_fini(&rt->monitor);
no_monitor:
  gort__poller_fini(&rt->poller);
no_poller:
  gort__release(rt);
  return rc;
}

int gort_run(gort *rt, gort_record *main) {
  gort_worker *w = atomic_load(&rt->workers[0]);
  rt->serves = !main;
  atomic_store(&w->status, GORT_WORKER_ACTIVE);
  atomic_fetch_add(&rt->active, 1);
  if (main) atomic_fetch_add(&w->spawned, 1);
  atomic_store_explicit(&w->inside, true, memory_order_relaxed);
  gort__worker_loop(w, main);
  return atomic_load(&rt->deadlocked) ? GORT_EDEADLOCK : 0;
}

/* ---- stopping ---------------------------------------------------------- */

void gort__stop_tell(gort *rt) {
  gort__host_close(rt);
  gort__poller_kick(&rt->poller);
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = atomic_load(&rt->workers[i]);
    if (w) uv_sem_post(&w->sleep);
  }
  gort__monitor_poke(rt);
}

bool gort_is_stopping(gort *rt) {
  return atomic_load_explicit(&rt->stopping, memory_order_relaxed);
}

bool gort_is_worker(void) { return gort__self != NULL; }

bool gort__stop_begin(gort *rt) {
  gort_worker *none = NULL;
  atomic_compare_exchange_strong(&rt->stopper, &none, gort__self);
  if (atomic_exchange(&rt->stopping, true)) return false;
  gort__stop_tell(rt);
  return true;
}

void gort__main_ended(gort *rt) {
  if (atomic_exchange(&rt->main_ended, true)) return;
  if (rt->options.on_main_end) rt->options.on_main_end(rt, rt->options.arg);
  gort__stop_begin(rt);
}

/* Asks the task that w runs to yield. */
static void urge(gort *rt, gort_worker *w) {
  if (!rt->options.preempt || !atomic_load(&w->vm)) return;
  atomic_store_explicit(&w->preempt,
                        atomic_load_explicit(&w->tick, memory_order_relaxed),
                        memory_order_release);
  pthread_kill(w->signal_to, SIGURG);
}

/* A worker that holds no vm may still take one up, if it has looked whether the
 * runtime stops just before that: only one that has left its loop won't. One
 * that is made later finds, before it takes anything, that the runtime stops. */
bool gort__stop_urge(gort *rt, const gort_worker *but) {
  bool left = false;
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = atomic_load(&rt->workers[i]);
    if (!w || w == but ||
        !atomic_load_explicit(&w->inside, memory_order_acquire))
      continue;
    urge(rt, w);
    left = true;
  }
  return left;
}

/* Those that sleep are there at once: it is worth to look again soon. */
bool gort_stop(gort *rt, int64_t timeout_ns) {
  gort__stop_begin(rt);
  int64_t until = gort_now() + timeout_ns;
  for (long pause = 10000;; pause = pause < 200000 ? pause * 2 : pause) {
    if (!gort__stop_urge(rt, gort__self)) return true;
    if (gort_now() >= until) return false;
    nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
  }
}

static void drop_record(gort *rt, gort_record *r) {
  rt->options.ops->drop(r);
  gort_record_free(r);
}

static void drop_records(gort *rt, gort_worker *w) {
  gort_record *r;
  while ((r = gort__ring_pop(&w->records))) drop_record(rt, r);
}

static void join_workers(gort *rt) {
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = atomic_load(&rt->workers[i]);
    if (w->has_thread) uv_thread_join(&w->thread);
    w->has_thread = false;
  }
}

void gort_destroy(gort *rt) {
  while (!gort_stop(rt, 1000000000)) continue;
  gort__monitor_join(rt);
  join_workers(rt);
  gort__blocking_stop(&rt->blocking);
  join_workers(rt); /* a blocking thread may have been starting one */
  unsigned n = atomic_load(&rt->nworkers);
  unsigned vms = atomic_load(&rt->nvms);
  for (unsigned i = 0; i < vms; i++)
    if (rt->vms[i]) gort__vm_free(rt->vms[i]);
  /* Last of all: finalizers may have started tasks. */
  gort__solo_fini(rt);
  for (unsigned i = 0; i < n; i++) drop_records(rt, rt->workers[i]);
  gort__node *node;
  while ((node = gort__runq_pop(&rt->global_records)))
    drop_record(rt, gort__container(node, gort_record, node));
  gort_record *r;
  while ((r = gort__host_next(rt))) drop_record(rt, r);
  gort__afters_stop_all(rt);
  gort__timers_drop(rt);
  gort__context_roots_fini(rt);
  gort__places_free(rt);
  for (unsigned i = 0; i < n; i++) gort__worker_free(rt->workers[i]);
  gort__blocking_fini(&rt->blocking);
  gort__monitor_fini(&rt->monitor);
  gort__poller_fini(&rt->poller);
  gort__host_fini(rt);
  gort__release(rt);
}

/* ---- numbers ----------------------------------------------------------- */

uint64_t gort_numtasks(gort *rt) {
  gort_stats s;
  gort_get_stats(rt, &s);
  return s.tasks;
}

void gort_get_stats(gort *rt, gort_stats *out) {
  uint64_t finished = 0;
  memset(out, 0, sizeof *out);
  out->spawned = atomic_load(&rt->spawned_elsewhere);
  unsigned n = atomic_load(&rt->nworkers);
  for (unsigned i = 0; i < n; i++) {
    gort_worker *w = atomic_load(&rt->workers[i]);
    if (!w) continue;
    finished += atomic_load_explicit(&w->finished, memory_order_relaxed);
    out->spawned += atomic_load_explicit(&w->spawned, memory_order_relaxed);
    out->steals += atomic_load_explicit(&w->steals, memory_order_relaxed);
  }
  /* finished was read first, so the difference is never negative by much:
   * a task may end after it was counted as spawned elsewhere. */
  out->tasks = out->spawned > finished ? out->spawned - finished : 0;
  out->vms = atomic_load(&rt->nvms);
  for (unsigned i = 0; i < out->vms; i++) {
    gort_vm *vm = atomic_load(&rt->vms[i]);
    if (!vm) continue;
    out->started += gort__vm_live(vm);
    out->parked += atomic_load_explicit(&vm->parked, memory_order_relaxed);
  }
  out->workers = atomic_load(&rt->active);
  out->threads = n;
  out->preemptions = atomic_load(&rt->preempts);
  out->wakeups = atomic_load(&rt->wakeups);
  out->handoffs = atomic_load(&rt->handoffs);
  gort__lock_take(&rt->timers.lock);
  out->timers = rt->timers.count;
  gort__lock_give(&rt->timers.lock);
  out->blocking = atomic_load(&rt->blocking.jobs) + atomic_load(&rt->solo.busy);
}
