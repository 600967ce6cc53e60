/* locks.h - the blocking calls on locks as steps.
 *
 * SPDX-License-Identifier: MIT
 *
 * What the arguments read must survive a step, as everything in a body. */
#ifndef TESTS_SUPPORT_LOCKS_H
#define TESTS_SUPPORT_LOCKS_H

#include "support/steps.h"

/* Ends with s->rc == 0 (s->res says) or a code. */
#define LOCK(s, mu, deadline)                                        \
  do {                                                               \
    (s)->rc = gort_mutex_lock((s)->task, mu, deadline, &(s)->res);   \
    while ((s)->rc == GORT_PARKED) {                                 \
      (s)->at = __LINE__;                                            \
      return GORT_STEP_PARKED;                                       \
      case __LINE__:                                                 \
        (s)->rc =                                                    \
            gort_mutex_resume((s)->task, mu, deadline, &(s)->res);   \
    }                                                                \
  } while (0)

#define RLOCK(s, rw, deadline) RECV(s, rw, deadline)
#define WLOCK(s, rw, deadline) \
  SEND(s, rw, (gort_value){.type = GORT_NIL}, deadline)

/* k must be an lvalue-free expression of the body's struct. */
#define ACQUIRE(s, sem, k, deadline) \
  AWAIT(s, steps_acquire(s, sem, k, deadline))

static inline int steps_acquire(steps *s, const void *sem, int64_t k,
                                int64_t deadline) {
  s->value = integer(k);
  return gort_wait(s->task, source_of(sem), GORT_RECV, &s->value, deadline,
                   &s->res);
}

/* Waits with the mutex locked; locked again, s->res is the wait's result. */
#define COND_WAIT(s, c, deadline)                       \
  do {                                                  \
    (s)->rc = steps_recv(s, c, deadline);               \
    if ((s)->rc == GORT_PARKED) {                       \
      gort_mutex_unlock(gort_cond_mutex(c));            \
      (s)->at = __LINE__;                               \
      return GORT_STEP_PARKED;                          \
      case __LINE__:                                    \
        gort_wait_finish((s)->task, &(s)->res);         \
        (s)->rc = 0;                                    \
        (s)->waited = (s)->res;                         \
        LOCK_AGAIN(s, gort_cond_mutex(c));              \
        (s)->res = (s)->waited;                         \
    }                                                   \
  } while (0)

#endif
