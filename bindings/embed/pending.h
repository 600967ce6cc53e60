/* pending.h - work that a parked task waits for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_EMBED_PENDING_H
#define LGORT_EMBED_PENDING_H

#include "lgort.h"
#include "vm/vm.h"

/* Drops what was never done; nobody can any more. */
void lgort_pendings_fini(lgort_host *h);

#endif
