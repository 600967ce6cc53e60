/* placement.h - which vm a record starts in, and how many vms there are.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_SCHED_PLACEMENT_H
#define GORT_SCHED_PLACEMENT_H

#include "sched/worker.h"

/* A vm to start r in, RUNNING and the caller's. NULL: all have work. */
gort_vm *gort__placement_choose(gort *rt, gort_worker *w, const gort_record *r);
/* A new vm, the caller's: RUNNING; or solo, and IDLE. NULL at the limit or
 * without memory. */
gort_vm *gort__placement_add_vm(gort *rt, bool solo);

#endif
