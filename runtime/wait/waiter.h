/* waiter.h - the wait core: one way to wait under everything that blocks.
 *
 * SPDX-License-Identifier: MIT
 *
 * A source is anything a task can wait for: a lock, a queue (or two) of
 * waiters, and three functions. A task waits with one waiter for each source;
 * with more than one way to be woken (select, a limit), its ticket says which
 * came first. A limit's context is one more source.
 *
 * Invariants:
 *   I1. A waiter is linked in at most one queue, that of its source, and only
 *       while the source's lock is held may it be linked or unlinked.
 *   I2. Whoever unlinks a waiter to wake its task must claim it. A shared
 *       waiter is claimed by moving the ticket from OPEN to the waiter's
 *       index; of all claims of one wait exactly one succeeds. A waiter that
 *       is not shared is the only way to wake its task: unlinking claims it.
 *   I3. A claimed task is readied exactly once, by the claimer, after the
 *       claimer has dropped its locks.
 *   I4. gort_wait_finish returns only when none of the task's waiters is
 *       linked and its timer is not armed: nothing of an old wait can wake
 *       the next one.
 * Ownership: value is the waiter's while it waits; a sender's moves to the
 *   receiver at the claim; gort_wait_finish drops those that stayed. */
#ifndef GORT_WAIT_WAITER_H
#define GORT_WAIT_WAITER_H

#include "base/list.h"
#include "base/object.h"
#include "sync/lock.h"
#include "wait/timers.h"

struct gort_source {
  gort_object obj;
  gort__lock lock;
};

typedef struct gort_waiter {
  gort__link link; /* guarded by source->lock */
  gort_task *task; /* immutable while linked, as the rest but value, ok */
  gort_source *source;
  gort_value value; /* SEND: to give; RECV: filled by the claimer */
  int32_t index;    /* what the ticket becomes */
  int16_t status;   /* filled by the claimer: 0 or a code */
  uint8_t op;       /* gort_op; on its own: dumps read it */
  bool shared : 1;  /* the task has other ways to be woken */
  bool ok : 1;      /* RECV: filled by the claimer */
} gort_waiter;

/* All are called with the source's lock held. */
typedef struct gort__source_ops gort__source_ops;
struct gort__source_ops {
  /* Does op now: 0 (res filled; value taken when it sends), GORT_PARKED when
   * it would have to wait, or a code in res->status with 0. */
  int (*poll)(gort_source *s, gort_op op, gort_value *value, gort_result *res,
              gort__wakelist *wake);
  void (*enqueue)(gort_source *s, gort_waiter *w);
  void (*dequeue)(gort_source *s, gort_waiter *w); /* w is linked */
  const char *reason[2];                           /* by gort_op, for dumps */
  /* Or NULL: a waiter that gave up was dequeued; lets those through that it
   * held back. */
  void (*left)(gort_source *s, gort__wakelist *wake);
};

enum {
  GORT_TICKET_OPEN = -1,
  GORT_TICKET_TIMEOUT = -2,  /* the deadline has passed */
  GORT_TICKET_BOUND = -3,    /* the context the task is bound to is done */
  GORT_TICKET_IDLE = -4,     /* of no wait */
  GORT_TICKET_INTERRUPT = -5 /* gort_task_interrupt */
};

/* Why a task waits that has no waiter. */
enum {
  GORT_REASON_NO_CASES,
  GORT_REASON_SLEEP,
  GORT_REASON_SELECT,
  GORT_REASON_BLOCKING
};

/* What a task has that has ever selected, slept or had a limit. */
typedef struct gort__wait_more {
  gort__timer timer;
  gort_task *task;
  uint32_t room; /* waiters; behind them two permutations of their numbers */
  gort_waiter many[]; /* select, contexts */
} gort__wait_more;

/* What a task needs to wait. A parked task is mostly this: no holes. */
typedef struct gort__wait {
  /* OPEN while undecided; then a waiter's index, TIMEOUT, BOUND or INTERRUPT.
   * Claimed with acq_rel; reset by the task before anything can see it. */
  atomic_int ticket;
  uint32_t n;            /* waiters in use: of many, or one */
  gort_waiter one;       /* the usual case: no allocation */
  gort__wait_more *more; /* owned, or NULL */
  bool has_many;         /* the waiters are more's */
  bool selects;          /* began as a select, for dumps */
  bool limited;          /* the last waiter is the limit's context's */
  bool armed;            /* timer was armed for this wait */
  bool parked;           /* between GORT_PARKED and gort_wait_finish */
  bool interruptible;    /* every waiter is shared: gort_task_interrupt */
  bool counted;          /* in vm->parked */
  uint8_t reason;        /* of a wait without waiters */
  uint32_t number;       /* of waits; only differences count */
  uint32_t since;        /* it is parked; by gort__since_now, for dumps */
} gort__wait;

/* The waiters in use. */
static inline gort_waiter *gort__wait_waiters(gort__wait *wait) {
  return wait->has_many ? wait->more->many : &wait->one;
}

void gort__wait_init(gort__wait *wait);
void gort__wait_fini(gort__wait *wait);
/* "chan receive", "select", "sleep"; static memory. */
const char *gort__wait_reason(gort__wait *wait);

/* Claims an unlinked waiter; true: the caller readies its task. */
bool gort__waiter_claim(gort_waiter *w);
/* Unlinks and claims the oldest waiter of queue that can be claimed. */
gort_waiter *gort__waiter_pop(gort__link *queue);

/* Somebody may still wake its task through it; when not, its wait is decided
 * and the task is about to unlink it. */
bool gort__waiter_alive(const gort_waiter *w);
/* The oldest waiter of queue that is alive, still queued; the dead before it
 * are unlinked. */
gort_waiter *gort__waiter_first(gort__link *queue);

/* Everything but shared, and the value of a send. */
static inline void gort__waiter_init(gort_waiter *w, gort_task *task,
                                     gort_source *source, gort_op op,
                                     int32_t index) {
  w->link.next = NULL;
  w->task = task;
  w->source = source;
  w->value.type = GORT_NIL;
  w->index = index;
  w->status = 0;
  w->op = (uint8_t)op;
  w->ok = false;
}

static inline void gort__source_init(gort_source *s, const gort_class *cls) {
  gort__object_init(&s->obj, cls);
  gort__lock_init(&s->lock, GORT_RANK_SOURCE);
}

/* A timer and room for n waiters in self's wait.more, and behind them for two
 * permutations of more->room numbers. 0 or GORT_ENOMEM. */
int gort__wait_reserve(gort_task *self, size_t n);
/* The wait that has begun cannot go on: rc; or GORT_PARKED, when somebody has
 * ended it already and it must be finished (then it has no waiters). */
int gort__wait_refuse(gort_task *self, int rc);
/* Arms self's timer, which it has (gort__wait_reserve), unless deadline is
 * GORT_FOREVER. 0 or GORT_ENOMEM. */
int gort__wait_arm(gort_task *self, int64_t deadline);
/* True, and res says so, when the limit keeps a wait from beginning. */
bool gort__limit_reached(const gort_limit *limit, gort_result *res);
/* Queues self on s, whose lock the caller holds and this gives back; value is
 * taken when this gives GORT_PARKED, else there is a code. A limit's context
 * has its room already. */
int gort__wait_locked(gort_task *self, gort_source *s, gort_op op,
                      gort_value *value, const gort_limit *limit);
/* The last step of parking, when self has been queued on its sources (whose
 * locks are free again): queues the last waiter on the limit's context. */
int gort__wait_park(gort_task *self, const gort_limit *limit);
/* Ends the wait of a task that will never run again; the vm is going. */
void gort__wait_cancel(gort_task *self);

#endif
