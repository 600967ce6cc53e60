/* steps.h - an interpreter for tests: a task is a C function that is called
 * for each of its steps, with a struct of its own.
 *
 * SPDX-License-Identifier: MIT
 *
 * A body looks sequential (the step to go on with is a line number); what
 * must survive a step is in its struct, whose first member is `steps`:
 *
 *   typedef struct ping { steps s; gort_chan *c; int i; } ping;
 *   static gort_step ping_body(steps *s) {
 *     ping *p = (ping *)s;
 *     STEPS_BEGIN(s);
 *     for (p->i = 0; p->i < 3; p->i++) RECV(s, p->c, GORT_FOREVER);
 *     STEPS_END(s);
 *   }
 *
 * The waiting macros must not stand in a switch of the body's own.
 * cmocka's assertions must not be used in a body: it may run on any thread.
 * Bodies record, the test judges after gort_run. */
#ifndef TESTS_SUPPORT_STEPS_H
#define TESTS_SUPPORT_STEPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gort.h"

typedef struct steps steps;
struct steps {
  gort_step (*body)(steps *s);
  /* Releases what the struct owns: it finished, was forgotten or dropped. */
  void (*release)(steps *s);
  gort *rt;
  gort_task *task;
  gort_vm *vm;
  int at; /* the line to go on with */
  int rc; /* what the last waiting call came to */
  gort_result res;
  gort_value value; /* of the send under way */
};

#define STEPS_BEGIN(s) \
  switch ((s)->at) {   \
    case 0:
#define STEPS_END(s) \
  }                  \
  return GORT_STEP_FINISHED

#define YIELD(s)              \
  do {                        \
    (s)->at = __LINE__;       \
    return GORT_STEP_YIELDED; \
    case __LINE__:;           \
  } while (0)

#define GIVE_WAY(s)            \
  do {                         \
    (s)->at = __LINE__;        \
    return GORT_STEP_GAVE_WAY; \
    case __LINE__:;            \
  } while (0)

/* call parks, is done or fails; afterwards s->rc is 0 (see s->res) or the
 * failure's code. */
#define AWAIT(s, call)                          \
  do {                                          \
    (s)->rc = (call);                           \
    if ((s)->rc == GORT_PARKED) {               \
      (s)->at = __LINE__;                       \
      return GORT_STEP_PARKED;                  \
      case __LINE__:                            \
        gort_wait_finish((s)->task, &(s)->res); \
        (s)->rc = 0;                            \
    }                                           \
  } while (0)

#define RECV(s, source, deadline) AWAIT(s, steps_recv(s, source, deadline))
#define SEND(s, source, v, deadline) \
  AWAIT(s, steps_send(s, source, v, deadline))
#define SELECT(s, cases, n, deadline)                                         \
  do {                                                                        \
    (s)->res = (gort_result){.index = -2};                                    \
    AWAIT(s,                                                                  \
          gort_select((s)->task, cases, n, GORT_UNTIL(deadline), &(s)->res)); \
  } while (0)
#define SLEEP(s, ns) \
  AWAIT(s, gort_sleep((s)->task, GORT_UNTIL(gort_now() + (ns))))

#define MS INT64_C(1000000)

int steps_recv(steps *s, const void *source, int64_t deadline);
int steps_send(steps *s, const void *source, gort_value v, int64_t deadline);

static inline gort_source *source_of(const void *chan_or_other) {
  return (gort_source *)(uintptr_t)chan_or_other;
}
static inline gort_value integer(int64_t i) {
  return (gort_value){.type = GORT_INTEGER, .u.i = i};
}
static inline void release(const void *object) {
  gort_object_release((gort_object *)(uintptr_t)object);
}
static inline void retain(const void *object) {
  gort_object_retain((gort_object *)(uintptr_t)object);
}
/* A string value of its own buffer; aborts when memory is out. */
gort_value string_value(const char *text);

/* What has happened since steps_reset. */
typedef struct steps_counts {
  atomic_uint started, finished, forgotten, dropped, failed, preempts;
  atomic_uint vms, vms_gone;
  atomic_uint fail_vms; /* that many vms to come are not made */
} steps_counts;
extern steps_counts counts;
extern char *deadlock_report; /* of the last runtime; freed by steps_reset */
void steps_reset(void);

extern const gort_vm_ops steps_ops;

/* Options for so many workers, and a runtime of them. Both start an alarm: a
 * hang ends the process. */
gort_options steps_options(unsigned workers);
gort *steps_new(unsigned workers);

/* A record with a copy of init (size bytes, starts with a steps whose body
 * and release are set). NULL when memory is out. */
gort_record *steps_record(gort *rt, const void *init, size_t size);
/* The same, started. False when memory is out. */
bool steps_go(gort *rt, const void *init, size_t size);
/* Makes a runtime, runs init as its main task, destroys it. */
int steps_run(unsigned workers, const void *init, size_t size);

#define GO(rt, init) steps_go(rt, &(init), sizeof(init))
#define RUN(workers, init) steps_run(workers, &(init), sizeof(init))

/* Keeps the processor busy (a C call that does not come back). */
void burn(int64_t ns);

/* For each number of workers that the tests use. */
#define FOR_WORKERS(w) \
  for (unsigned w##_i = 0, w = 1; w##_i < 3; w##_i++, w = w##_i == 1 ? 2 : 8)

#endif
