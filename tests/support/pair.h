/* SPDX-License-Identifier: MIT */
/* pair.h - two vms that no worker runs, for what crosses between them. */
#ifndef TESTS_SUPPORT_PAIR_H
#define TESTS_SUPPORT_PAIR_H

#include "vm/vm.h"

extern lgort_host host;
extern lgort_vm *from, *to;

/* Makes the host and both vms; drops them. */
void pair_start(void);
void pair_stop(void);

/* Every allocation is tried, but for where each state takes so long to make. */
#if defined __SANITIZE_THREAD__
enum { PAIR_STEP = 29 };
#elif defined __SANITIZE_ADDRESS__
enum { PAIR_STEP = 3 };
#else
enum { PAIR_STEP = 1 };
#endif

#endif
