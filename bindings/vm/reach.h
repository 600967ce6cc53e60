/* reach.h - which handles a vm has, and through which tasks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_REACH_H
#define LGORT_VM_REACH_H

#include "vm/vm.h"

/* gort_vm_ops.reach. */
int lgort_reach(gort_vm *vm, gort_reach *r);

#endif
