/* steps.c - see steps.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALARM_SECONDS = 40 };

steps_counts counts;
char *deadlock_report;

typedef struct payload {
  size_t size;
  _Alignas(16) char bytes[];
} payload;

void steps_reset(void) {
  memset(&counts, 0, sizeof counts);
  free(deadlock_report);
  deadlock_report = NULL;
}

/* ---- the interpreter --------------------------------------------------- */

static int create(gort_vm *vm, void *arg) {
  (void)arg;
  unsigned left = atomic_load(&counts.fail_vms);
  if (gort_vm_index(vm) > 0 && left > 0) {
    atomic_store(&counts.fail_vms, left - 1);
    return GORT_ENOMEM;
  }
  gort_vm_set_state(vm, &counts);
  atomic_fetch_add(&counts.vms, 1);
  return 0;
}

static void destroy(gort_vm *vm) {
  (void)vm;
  atomic_fetch_add(&counts.vms_gone, 1);
}

static void let_go(steps *s) {
  if (s->release) s->release(s);
  free(s);
}

static gort_step step(steps *s) {
  gort_step step = s->body(s);
  if (step == GORT_STEP_FINISHED) {
    atomic_fetch_add(&counts.finished, 1);
    let_go(s);
  }
  return step;
}

static int start(gort_vm *vm, gort_task *t, gort_record *r) {
  payload *p = gort_record_payload(r);
  steps *s = malloc(p->size);
  if (!s) abort();
  memcpy(s, p->bytes, p->size);
  s->rt = gort_record_runtime(r);
  s->task = t;
  s->vm = vm;
  gort_record_free(r);
  atomic_fetch_add(&counts.started, 1);
  gort_task_set_state(t, s);
  return step(s);
}

static int resume(gort_vm *vm, gort_task *t) {
  (void)vm;
  return step(gort_task_state(t));
}

static gort_step stopped(gort_vm *vm, gort_task *t, int status) {
  (void)vm, (void)t;
  return (gort_step)status;
}

static void preempt(gort_vm *vm) {
  (void)vm;
  atomic_fetch_add(&counts.preempts, 1);
}

static void describe(gort_vm *vm, gort_task *t, gort_text *out) {
  (void)vm, (void)t;
  gort_text_add(out, "  steps\n", 8);
}

static void forget(gort_vm *vm, gort_task *t) {
  (void)vm;
  atomic_fetch_add(&counts.forgotten, 1);
  let_go(gort_task_state(t));
}

static void fail(gort_record *r, int code) {
  payload *p = gort_record_payload(r);
  steps *s = (steps *)(void *)p->bytes;
  (void)code;
  atomic_fetch_add(&counts.failed, 1);
  if (s->release) s->release(s);
}

static void drop(gort_record *r) {
  payload *p = gort_record_payload(r);
  steps *s = (steps *)(void *)p->bytes;
  atomic_fetch_add(&counts.dropped, 1);
  if (s->release) s->release(s);
}

const gort_vm_ops steps_ops = {.create = create,
                               .destroy = destroy,
                               .start = start,
                               .resume = resume,
                               .stopped = stopped,
                               .preempt = preempt,
                               .describe = describe,
                               .fail = fail,
                               .forget = forget,
                               .drop = drop};

/* ---- runtimes ---------------------------------------------------------- */

static void on_deadlock(gort *rt, void *arg, const char *report) {
  (void)rt, (void)arg;
  free(deadlock_report);
  deadlock_report = report ? strdup(report) : NULL;
}

gort_options steps_options(unsigned workers) {
  alarm(ALARM_SECONDS);
  return (gort_options){
      .maxprocs = workers, .ops = &steps_ops, .on_deadlock = on_deadlock};
}

gort *steps_new(unsigned workers) {
  gort *rt;
  gort_options options = steps_options(workers);
  if (gort_new(&options, &rt) < 0) abort();
  return rt;
}

gort_record *steps_record(gort *rt, const void *init, size_t size) {
  gort_record *r = gort_record_new(rt, sizeof(payload) + size);
  if (!r) return NULL;
  payload *p = gort_record_payload(r);
  p->size = size;
  memcpy(p->bytes, init, size);
  return r;
}

bool steps_go(gort *rt, const void *init, size_t size) {
  gort_record *r = steps_record(rt, init, size);
  if (r) gort_go(rt, r);
  return r != NULL;
}

int steps_run(unsigned workers, const void *init, size_t size) {
  gort *rt = steps_new(workers);
  gort_record *r = steps_record(rt, init, size);
  if (!r) abort();
  int rc = gort_run(rt, r);
  gort_destroy(rt);
  alarm(0);
  return rc;
}

/* ---- waiting ----------------------------------------------------------- */

/* Channels by their short way, where it is: without a limit. */
static bool is_chan(const void *source) {
  return gort_object_class((const gort_object *)source) == gort_chan_class();
}

static const gort_limit *limit_of(int64_t deadline, gort_limit *out) {
  *out = (gort_limit){deadline, NULL};
  return deadline == GORT_FOREVER ? NULL : out;
}

int steps_recv(steps *s, const void *source, int64_t deadline) {
  s->res = (gort_result){.index = -2};
  s->value = (gort_value){.type = GORT_NIL};
  gort_limit room;
  const gort_limit *limit = limit_of(deadline, &room);
  if (is_chan(source))
    return gort_wait_recv(s->task, (gort_chan *)(uintptr_t)source, limit,
                          &s->res);
  return gort_wait(s->task, source_of(source), GORT_RECV, &s->value, limit,
                   &s->res);
}

int steps_send(steps *s, const void *source, gort_value v, int64_t deadline) {
  s->res = (gort_result){.index = -2};
  s->value = v;
  gort_limit room;
  const gort_limit *limit = limit_of(deadline, &room);
  if (is_chan(source))
    return gort_wait_send(s->task, (gort_chan *)(uintptr_t)source, &s->value,
                          limit, &s->res);
  return gort_wait(s->task, source_of(source), GORT_SEND, &s->value, limit,
                   &s->res);
}

gort_value string_value(const char *text) {
  size_t len = strlen(text);
  gort_value v = {.type = GORT_STRING};
  v.u.buf = gort_buf_new(len, NULL);
  if (!v.u.buf) abort();
  memcpy(gort_buf_bytes(v.u.buf), text, len);
  return v;
}

void burn(int64_t ns) {
  for (int64_t until = gort_now() + ns; gort_now() < until;) continue;
}
