/* host.h - a runtime's dealings with its host.
 *
 * SPDX-License-Identifier: MIT
 *
 * Locking: lock, rank LEAF, guards guests, stopped and records.
 * Ownership: records own themselves until a worker takes them. */
#ifndef GORT_SCHED_HOST_H
#define GORT_SCHED_HOST_H

#include "sched/vm.h"

typedef struct gort__host {
  gort__lock lock;
  gort__link guests;  /* channels that are open to the host */
  bool stopped;       /* they are closed from now on */
  gort__runq records; /* to start in vm 0 ... */
  gort_task call;     /* ... by what its worker finds in the inbox */
  atomic_bool called; /* it is there; whoever sets it puts it there */
} gort__host;

void gort__host_init(gort *rt, gort_vm *main_vm);
void gort__host_fini(gort *rt);
/* Closes what is open to the host; the runtime stops. Any thread. */
void gort__host_close(gort *rt);
/* The next record for vm 0, or NULL. */
gort_record *gort__host_next(gort *rt);

#endif
