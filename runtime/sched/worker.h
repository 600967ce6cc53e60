/* worker.h - a thread that runs vms.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_SCHED_WORKER_H
#define GORT_SCHED_WORKER_H

#include <pthread.h>

#include "base/rand.h"
#include "sched/gather.h"
#include "sched/vm.h"
#include "sync/ring.h"

enum gort__worker_status {
  GORT_WORKER_ACTIVE,  /* counts among maxprocs */
  GORT_WORKER_IDLE,    /* asleep or falling asleep; in rt->idle */
  GORT_WORKER_BLOCKED, /* in a C call so long that another took its place */
  GORT_WORKER_DEAD     /* its thread could not be made */
};

/* What was taken last (steal.h). */
typedef struct gort__theft {
  struct gort_worker *from; /* NULL: it has been judged */
  int64_t at, worth;        /* when; how long it should keep the thief busy */
  unsigned trifles;         /* how many in a row did not */
} gort__theft;

/* With other workers (meet.h). */
typedef struct gort__meetings {
  unsigned n;    /* since ... */
  int64_t since; /* ... then, but for times without work */
  bool joins;    /* the vm that runs is to go where others went */
} gort__meetings;

struct gort_worker {
  gort *rt;       /* immutable */
  unsigned index; /* immutable */
  uv_thread_t thread;
  pthread_t signal_to;

  /* Owner-only. */
  gort__rand rand;
  gort_vm *home;  /* where records were last started */
  unsigned allow; /* tasks home may hold before another vm is better */
  bool spinning;  /* counted in rt->spinning */
  unsigned global_picks;
  int64_t fair_at;           /* when vms that had their turn last had another */
  unsigned searches;         /* so that no queue starves */
  unsigned handovers;        /* likewise: to the vm in the slot */
  uint64_t next_id, last_id; /* task ids reserved for this worker */
  unsigned quiet;            /* hints to ignore before the next wake-up */
  int64_t hinted_at;         /* when one was followed, by the monitor's clock */
  bool gives_way;            /* a task waits for records to start ... */
  int64_t gave_way_at;       /* ... since then, by the monitor's clock */
  bool has_thread;           /* false: gort_run's caller is the thread */
  gort__meetings meetings;
  gort__theft theft;

  /* Guarded by rt->lock. */
  gort__link idle;
  bool polls; /* sleeps in the poller, not on the semaphore */
  uv_sem_t sleep;

  /* Atomic. status: written under rt->lock, read by the owner (acquire).
   * tick: steps done; written by the owner, read by the monitor and by the
   * signal handler (relaxed). vm: the vm it holds, likewise, but release on
   * take: who sees a vm (acquire) may use signal_to. preempt: the tick of the
   * step that must end; written by the monitor (release). */
  _Alignas(GORT_CACHELINE) atomic_uint status;
  atomic_uint tick;
  atomic_uint preempt;
  _Atomic(gort_vm *) vm;
  atomic_bool awake;    /* set by the waker under rt->lock before it signals */
  atomic_int waker_cpu; /* where the waker was; relaxed, a hint */
  /* Its thread is in gort__worker_loop, or will be: set by who starts it,
   * cleared by the owner when it leaves (release). */
  atomic_bool inside;
  /* Counters, written by the owner only (relaxed). */
  _Atomic uint64_t spawned, finished, steals;
  /* Locks taken by its thread, as of its last step or meeting; likewise. */
  atomic_uint takes;
  /* The vm that the running task readied last: runs next here. */
  _Atomic(gort_vm *) next_vm;

  gort__inbox sent;   /* QUEUED vms, by others (meet.h) */
  gort__ring vms;     /* QUEUED vms */
  gort__ring records; /* records not started */
  gort__gather gather;

  /* The monitor's notes. */
  unsigned seen_tick;
  int64_t seen_at;
  bool signalled;
};

/* The worker of this thread, NULL on others. */
extern _Thread_local gort_worker *gort__self
    __attribute__((tls_model("initial-exec")));

/* The worker's life: finds work, runs it, sleeps; returns when the runtime
 * stops. first: run this record in vm 0 first (the main task), or NULL. */
void gort__worker_loop(gort_worker *w, gort_record *first);
/* w gives its place to another: true when it had one. Under rt->lock; what is
 * in its queues is to be spilled. */
bool gort__worker_block_locked(gort_worker *w);
/* After a step that took so long that another has w's place: takes one back if
 * there is one. Else w still counts as blocked, and so keeps the program from
 * looking deadlocked, until it has put its vm down. */
bool gort__worker_regain_place(gort_worker *w);
/* Makes worker number rt->nworkers; the caller holds rt->lock and starts its
 * thread after dropping it. NULL when memory or the table is full. */
gort_worker *gort__worker_new_locked(gort *rt);
int gort__worker_start(gort_worker *w);
void gort__worker_free(gort_worker *w);

#endif
