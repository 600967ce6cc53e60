/* monitor.h - the thread that has no vm: it sees to it that nobody waits for
 * somebody who does not come back.
 *
 * SPDX-License-Identifier: MIT
 *
 * Each tick, for every worker: a task that has run for 10 ms is signalled to
 * yield; a step that has not ended 20 ms after it began holds its worker in a
 * C call, and its place is given to another. It fires timers and looks at the
 * poller while every worker is busy. It sleeps for good while the program is
 * idle. Started with the first task beside main. */
#ifndef GORT_SCHED_MONITOR_H
#define GORT_SCHED_MONITOR_H

#include <uv.h>

#include "base/defs.h"

enum { GORT_TICK_NS = 5000000 };

typedef struct gort__monitor {
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t cond;
  /* Atomic: 0 not started, 1 started. */
  atomic_uint started;
  atomic_bool asleep;  /* written under mutex; read by who activates */
  _Atomic int64_t now; /* the coarse clock: at most a tick old, or 0 */
  /* Until then tasks have short turns: one that is to end computes. */
  _Atomic int64_t hurry;
} gort__monitor;

int gort__monitor_init(gort__monitor *m);
/* Ends the thread; rt->stopping is set. */
void gort__monitor_join(gort *rt);
void gort__monitor_fini(gort__monitor *m);
void gort__monitor_start(gort *rt);
/* A worker became active: ends the monitor's long sleep. */
void gort__monitor_poke(gort *rt);
/* A task that is to end may be computing: it will be asked soon. */
void gort__monitor_hurry(gort *rt);
/* Installs the SIGURG handler, once for the process. */
int gort__preempt_install(void);
/* A coarse clock for statistics and dumps. */
int64_t gort__monitor_now(gort *rt);
/* The same in units of 2^27 ns, an eighth of a second, for differences. */
enum { GORT_SINCE_BITS = 27 };
uint32_t gort__since_now(gort *rt);

#endif
