/* locks.h - waiting for locks as steps.
 *
 * SPDX-License-Identifier: MIT
 *
 * deadline is evaluated again after each resume: it must not depend on the
 * time then. */
#ifndef TESTS_SUPPORT_LOCKS_H
#define TESTS_SUPPORT_LOCKS_H

#include "support/steps.h"

/* Ends with s->rc == 0 (s->res says) or a code. */
#define LOCK(s, mu, deadline)                                                  \
  do {                                                                         \
    (s)->rc = gort_mutex_lock((s)->task, mu, GORT_UNTIL(deadline), &(s)->res); \
    while ((s)->rc == GORT_PARKED) {                                           \
      (s)->at = __LINE__;                                                      \
      return GORT_STEP_PARKED;                                                 \
      case __LINE__:                                                           \
        (s)->rc =                                                              \
            gort_mutex_resume((s)->task, mu, GORT_UNTIL(deadline), &(s)->res); \
    }                                                                          \
  } while (0)

#define RLOCK(s, rw, deadline) RECV(s, rw, deadline)
#define WLOCK(s, rw, deadline) \
  SEND(s, rw, (gort_value){.type = GORT_NIL}, deadline)

#define ACQUIRE(s, sem, k, deadline) \
  AWAIT(s, steps_acquire(s, sem, k, deadline))

static inline int steps_acquire(steps *s, const void *sem, int64_t k,
                                int64_t deadline) {
  s->res = (gort_result){.index = -2};
  s->value = integer(k);
  return gort_wait(s->task, source_of(sem), GORT_RECV, &s->value,
                   GORT_UNTIL(deadline), &s->res);
}

/* Waits with the cond's mutex locked and unlocks it; s->res is the result.
 * The body locks it again. */
#define COND_WAIT(s, c, deadline) AWAIT(s, steps_cond_wait(s, c, deadline))

static inline int steps_cond_wait(steps *s, gort_cond *c, int64_t deadline) {
  int rc = steps_recv(s, c, deadline);
  gort_mutex_unlock(gort_cond_mutex(c));
  return rc;
}

#endif
