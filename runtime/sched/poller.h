/* poller.h - where one idle worker waits for the whole process: the loops of
 * all vms, the next timer, and a kick.
 *
 * SPDX-License-Identifier: MIT
 *
 * Threads: at most one worker waits (polling, guarded by rt->lock); anyone
 *   may watch and kick; the monitor and busy workers may look (check). */
#ifndef GORT_SCHED_POLLER_H
#define GORT_SCHED_POLLER_H

#include "base/defs.h"

typedef struct gort__poller {
  int fd;       /* epoll: the master */
  int kick_fd;  /* eventfd */
  bool polling; /* guarded by rt->lock */
  /* Until when the worker sleeps; GORT_FOREVER also when none does. */
  _Atomic int64_t until;
} gort__poller;

int gort__poller_init(gort__poller *p);
void gort__poller_fini(gort__poller *p);
/* Tells vm (gort__loop_wake) once when fd is readable; ask again after. */
int gort__poller_watch(gort__poller *p, int fd, gort_vm *vm, bool first);
/* Waits until deadline, a kick or a loop's event; wakes the vms. */
void gort__poller_wait(gort__poller *p, int64_t deadline);
/* Wakes the vms whose loops are ready now. Any thread; leaves kicks alone. */
void gort__poller_look(gort__poller *p);
/* Ends a wait, the present one or the next. */
void gort__poller_kick(gort__poller *p);

#endif
