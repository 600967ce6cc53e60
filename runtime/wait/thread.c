/* thread.c - threads of the host send, receive and select.
 *
 * SPDX-License-Identifier: MIT
 *
 * First a look that takes no parker: most waits are none. Then the values go
 * into the queues as copies, so that the caller still has its own when the
 * wait is given up. */
#include <string.h>

#include "sched/worker.h"
#include "wait/parker.h"

/* ---- one source -------------------------------------------------------- */

static int wait_parked(gort_source *s, gort_op op, gort_value *value,
                       const gort_limit *limit, gort_result *res) {
  gort__parker p;
  gort__parker_init(&p);
  gort_value copy = gort_value_copy(value);
  int rc = gort_wait(&p.task, s, op, &copy, limit, res);
  if (rc == GORT_PARKED) {
    gort__parker_wait(&p, limit ? limit->deadline : GORT_FOREVER);
    gort_wait_finish(&p.task, res);
    rc = 0;
  } else {
    gort_value_drop(&copy);
  }
  gort__parker_fini(&p);
  if (rc == 0) rc = res->status;
  if (rc == 0) gort_value_drop(value);
  return rc;
}

int gort_thread_wait(gort_source *s, gort_op op, gort_value *value,
                     const gort_limit *limit, gort_result *res) {
  if (gort_wait_try(s, op, value, res)) return res->status;
  if (gort__self) return GORT_EWORKER;
  return wait_parked(s, op, value, limit, res);
}

static gort_source *source_of(gort_chan *c) { return (gort_source *)(void *)c; }

static int received(int rc, gort_result *res, gort_value *out) {
  if (rc < 0) return rc;
  *out = res->value;
  return res->ok;
}

int gort_chan_send(gort_chan *c, gort_value *value, const gort_limit *limit) {
  gort_result res;
  return gort_thread_wait(source_of(c), GORT_SEND, value, limit, &res);
}

int gort_chan_recv(gort_chan *c, gort_value *out, const gort_limit *limit) {
  gort_result res;
  gort_value none = {.type = GORT_NIL};
  int rc = gort_thread_wait(source_of(c), GORT_RECV, &none, limit, &res);
  return received(rc, &res, out);
}

int gort_chan_try_send(gort_chan *c, gort_value *value) {
  gort_result res;
  bool done = gort_wait_try(source_of(c), GORT_SEND, value, &res);
  return done ? res.status : GORT_EAGAIN;
}

int gort_chan_try_recv(gort_chan *c, gort_value *out) {
  gort_result res;
  gort_value none = {.type = GORT_NIL};
  bool done = gort_wait_try(source_of(c), GORT_RECV, &none, &res);
  return received(done ? res.status : GORT_EAGAIN, &res, out);
}

/* ---- several ----------------------------------------------------------- */

/* The cases with copies of their values; NULL without memory. */
static gort_case *copy_cases(const gort_case *cases, size_t n) {
  gort_case *copies = gort_malloc(n * sizeof *copies);
  for (size_t i = 0; copies && i < n; i++) {
    copies[i] = cases[i];
    if (cases[i].op == GORT_SEND)
      copies[i].value = gort_value_copy(&cases[i].value);
    else
      copies[i].value.type = GORT_NIL;
  }
  return copies;
}

/* 1 when a case was chosen, 0 when none is ready, or a code. */
static int look(gort__parker *p, gort_case *cases, size_t n, gort_result *res) {
  int rc = gort_select(&p->task, cases, n, GORT_UNTIL(0), res);
  return rc < 0 ? rc : res->index >= 0;
}

static int select_parked(gort__parker *p, gort_case *cases, size_t n,
                         const gort_limit *limit, gort_result *res) {
  gort_case *copies = copy_cases(cases, n);
  if (!copies) return GORT_ENOMEM;
  int rc = gort_select(&p->task, copies, n, limit, res);
  if (rc == GORT_PARKED) {
    gort__parker_wait(p, limit ? limit->deadline : GORT_FOREVER);
    gort_wait_finish(&p->task, res);
    rc = 0;
  } else {
    for (size_t i = 0; i < n; i++) gort_value_drop(&copies[i].value);
  }
  gort_free(copies);
  /* The one that was sent went as the copy. */
  if (rc == 0 && res->status == 0 && cases[res->index].op == GORT_SEND)
    gort_value_drop(&cases[res->index].value);
  return rc;
}

int gort_thread_select(gort_case *cases, size_t n, const gort_limit *limit,
                       gort_result *res) {
  gort__parker p;
  gort__parker_init(&p);
  int rc = look(&p, cases, n, res);
  if (rc == 0)
    rc = gort__self ? GORT_EWORKER : select_parked(&p, cases, n, limit, res);
  gort__parker_fini(&p);
  return rc < 0 ? rc : res->status;
}
