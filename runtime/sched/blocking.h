/* blocking.h - threads for work that blocks in C: made on demand, reused,
 * bounded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_SCHED_BLOCKING_H
#define GORT_SCHED_BLOCKING_H

#include <uv.h>

#include "base/defs.h"

typedef struct gort__job gort__job;

typedef struct gort__blocking {
  uv_mutex_t mutex; /* guards what follows */
  uv_cond_t work, gone;
  gort__job *first, *last;
  unsigned threads, idle, queued;
  bool stopping;
  atomic_uint jobs; /* queued or running; keeps the program alive */
} gort__blocking;

int gort__blocking_init(gort__blocking *b);
/* Waits for jobs that run; those queued are dropped, as are later ones. */
void gort__blocking_stop(gort__blocking *b);
void gort__blocking_fini(gort__blocking *b);

#endif
