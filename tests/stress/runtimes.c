/* runtimes.c - several runtimes in one process, at once and one after the
 * other.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/steps.h"
#include "support/stress.h"

enum { RUNTIMES = 4, CHILDREN = 30 };

typedef struct user {
  steps s;
  gort_chan *c;
  int i, n;
  bool stuck;
} user;

static gort_step child(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 20; t->i++) {
    if (t->i % 7 == t->n % 7) SLEEP(s, 20 * 1000);
    SEND(s, t->c, integer(1), GORT_FOREVER);
  }
  STEPS_END(s);
}

static gort_step parent(steps *s) {
  user *t = (user *)s;
  STEPS_BEGIN(s);
  for (int i = 0; i < CHILDREN; i++) {
    user u = {.s.body = child, .c = t->c, .n = i};
    if (!GO(s->rt, u)) abort();
  }
  for (t->i = 0; t->i < CHILDREN * 20; t->i++) RECV(s, t->c, GORT_FOREVER);
  if (t->stuck) RECV(s, t->c, GORT_FOREVER);
  STEPS_END(s);
}

static void *one(void *arg) {
  uintptr_t n = (uintptr_t)arg, wrong = 0;
  for (unsigned i = 0; i < 3; i++) {
    user m = {.s.body = parent, .stuck = (n + i) % 2};
    gort *rt;
    gort_options options = {.maxprocs = 1 + (unsigned)(n + i) % 3,
                            .ops = &steps_ops};
    if (gort_new(&options, &rt) < 0 || gort_chan_new(n % 3, &m.c) < 0) abort();
    int rc = gort_run(rt, steps_record(rt, &m, sizeof m));
    gort_destroy(rt);
    release(m.c);
    wrong += rc != (m.stuck ? GORT_EDEADLOCK : 0);
  }
  return (void *)wrong;
}

int main(void) {
  int runs;
  (void)stress_begin(20, &runs);
  for (int i = 0; i < runs && stress_wrong == 0; i++) {
    pthread_t threads[RUNTIMES];
    alarm(60);
    for (uintptr_t k = 0; k < RUNTIMES; k++)
      if (pthread_create(&threads[k], NULL, one, (void *)(k + (unsigned)i)))
        abort();
    for (int k = 0; k < RUNTIMES; k++) {
      void *wrong;
      pthread_join(threads[k], &wrong);
      EXPECT(!wrong, "run %d, thread %d: %zu wrong codes", i, k, (size_t)wrong);
    }
  }
  return stress_wrong != 0;
}
