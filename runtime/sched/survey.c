/* survey.c - a look at every vm, by whoever holds it.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/survey.h"

#include <string.h>
#include <time.h>

#include "sched/runtime.h"

typedef struct asked {
  gort_task call; /* what the vm finds in its inbox */
  gort__survey *survey;
  unsigned index;
  atomic_bool done;
} asked;

struct gort__survey {
  gort_object obj;
  void (*look)(gort_vm *vm, unsigned i, void *arg);
  void (*drop)(void *arg);
  void *arg;
  gort_chan *done; /* one value for each answer; its buffer has room for all */
  unsigned n, left;
  int64_t patience;
  asked vms[];
};

static void survey_destroy(gort_object *o) {
  gort__survey *s = gort__container(o, gort__survey, obj);
  s->drop(s->arg);
  gort_object_release((gort_object *)(void *)s->done);
  gort_free(s);
}

static const gort_class survey_class = {"survey", survey_destroy, NULL};

static void answer(gort_vm *vm, gort_task *call) {
  asked *a = gort__container(call, asked, call);
  gort__survey *s = a->survey;
  if (vm->current == call) vm->current = NULL;
  s->look(vm, a->index, s->arg);
  atomic_store_explicit(&a->done, true, memory_order_release);
  gort_value v = {.type = GORT_NIL};
  gort_result res;
  gort_wait_try((gort_source *)(void *)s->done, GORT_SEND, &v, &res);
  gort_object_release(&s->obj);
}

unsigned gort__survey_room(gort *rt) { return atomic_load(&rt->nvms); }

gort__survey *gort__survey_new(gort *rt, unsigned n, gort_vm *own,
                               void (*look)(gort_vm *vm, unsigned i, void *arg),
                               void (*drop)(void *arg), void *arg) {
  gort__survey *s = gort_malloc(sizeof *s + n * sizeof(asked));
  if (!s) return NULL;
  memset(s, 0, sizeof *s + n * sizeof(asked));
  if (gort_chan_new(n, &s->done) < 0) {
    gort_free(s);
    return NULL;
  }
  gort__object_init(&s->obj, &survey_class);
  s->look = look;
  s->drop = drop;
  s->arg = arg;
  s->n = n;
  s->patience = 100000000;
  for (unsigned i = 0; i < n; i++) {
    gort_vm *vm = atomic_load(&rt->vms[i]);
    asked *a = &s->vms[i];
    if (!vm) continue;
    a->survey = s;
    a->index = i;
    a->call.vm = vm;
    a->call.call = answer;
    gort_object_retain(&s->obj);
    s->left++;
    if (vm == own)
      answer(vm, &a->call);
    else
      gort__ready(&a->call);
  }
  return s;
}

void gort__survey_patience(gort__survey *s, int64_t ns) { s->patience = ns; }

void gort__survey_release(gort__survey *s) { gort_object_release(&s->obj); }

unsigned gort__survey_size(const gort__survey *s) { return s->n; }

bool gort__survey_asked(const gort__survey *s, unsigned i) {
  return s->vms[i].survey != NULL;
}

bool gort__survey_answered(const gort__survey *s, unsigned i) {
  return atomic_load_explicit(&s->vms[i].done, memory_order_acquire);
}

/* Waits for one more answer. */
static int await_answer(gort__survey *s, gort_task *self, gort_result *res) {
  gort_value none = {.type = GORT_NIL};
  return gort_wait(self, (gort_source *)(void *)s->done, GORT_RECV, &none,
                   GORT_UNTIL(gort_now() + s->patience), res);
}

int gort__survey_wait(gort__survey *s, gort_task *self) {
  gort_result res;
  while (s->left > 0) {
    int rc = await_answer(s, self, &res);
    if (rc != 0) return rc; /* parked, or no memory to */
    if (res.status < 0) return 0;
    s->left--;
  }
  return 0;
}

int gort__survey_resume(gort__survey *s, gort_task *self) {
  gort_result res;
  gort_wait_finish(self, &res);
  if (res.status < 0) return 0; /* somebody is stuck in a C call */
  s->left--;
  return gort__survey_wait(s, self);
}

void gort__survey_wait_here(gort__survey *s, int64_t timeout_ns) {
  int64_t until = gort_now() + timeout_ns;
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  while (s->left > 0 && gort_now() < until)
    if (gort_wait_try((gort_source *)(void *)s->done, GORT_RECV, &none, &res))
      s->left--;
    else
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
