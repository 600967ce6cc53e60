/* locks.c - random waits for mutexes, rwmutexes, semaphores, places in a group
 * and futures that end by a hand-over, a competition, a timeout, a cancelled
 * context (the wait's, or the one that the task is bound to) or another case
 * of a select, whichever is first. Nobody is inside who should not be, and in the
 * end everything is free: what reached a task that had given up went on.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "support/locks.h"
#include "support/stress.h"

enum { TASKS = 24, OPS = 150, UNITS = 5 };

typedef struct things {
  gort_mutex *mu[2];
  gort_rwmutex *rw;
  gort_semaphore *sem;
  gort_chan *done;
  gort_waitgroup *wg;
  gort_group *group;
  gort_future *futures[OPS]; /* those of an operation's number */
  gort_context *ctx[OPS];
  gort_context *bound; /* of every third task; ends in the middle */
} things;

static atomic_int inside[2], readers, writers, units, members;
static atomic_int wrong, got, gave_up;

typedef struct actor {
  steps s;
  things *t;
  gort__rand rand;
  int id, i;
  int use; /* of this operation */
  int won; /* of the select */
  uint32_t way;
  int64_t until;
  gort_case cases[3];
} actor;

static uint32_t below(actor *a, uint32_t n) {
  return gort__rand_below(&a->rand, n);
}

static void check(bool fine) {
  if (!fine) atomic_fetch_add(&wrong, 1);
}

static int64_t some_deadline(actor *a) {
  uint32_t way = below(a, 6);
  if (way < 2) return GORT_FOREVER;
  if (way == 2) return 0;
  return gort_now() + below(a, 400) * 1000;
}

/* The result of a wait: whether the thing is this task's now. */
static bool mine(actor *a) {
  bool yes = a->s.rc == 0 && a->s.res.status == 0;
  if (yes)
    check(a->s.res.ok);
  else
    check(a->s.res.status == GORT_ETIMEOUT ||
          a->s.res.status == GORT_ECANCELED || a->s.res.status == GORT_EBOUND);
  atomic_fetch_add(yes ? &got : &gave_up, 1);
  return yes;
}

/* Another wait, with the context that task 0 cancels at operation i. */
static int wait_with_context(actor *a, const void *source, gort_op op,
                             int64_t k) {
  gort_limit limit = {a->until, a->t->ctx[a->i]};
  a->s.res = (gort_result){.index = -2};
  a->s.value = k ? integer(k) : (gort_value){.type = GORT_NIL};
  return gort_wait(a->s.task, source_of(source), op, &a->s.value, &limit,
                   &a->s.res);
}

#define LINGER(s)                           \
  do {                                      \
    a->way = below(a, 8);                   \
    if (a->way == 0) YIELD(s);              \
    if (a->way == 1) burn(below(a, 20000)); \
  } while (0)

static gort_step use_mutex(steps *s);
static gort_step use_rwmutex(steps *s);
static gort_step use_semaphore(steps *s);
static gort_step use_select(steps *s);
static gort_step use_group(steps *s);
static gort_step use_future(steps *s);

/* Each use is a body of its own, entered again at OPS different numbers. */
static gort_step act(steps *s) {
  static gort_step (*const uses[])(steps *) = {
      use_mutex, use_rwmutex, use_semaphore, use_select, use_group, use_future};
  actor *a = (actor *)s;
  while (a->i < OPS) {
    if (s->at == 0) {
      a->use = (int)below(a, 6);
      a->until = some_deadline(a);
      if (a->id == 0) {
        gort_value v = string_value("settled");
        gort_context_cancel(a->t->ctx[a->i], NULL);
        gort_future_set(a->t->futures[a->i], &v, true);
        if (a->i == OPS / 2) gort_context_cancel(a->t->bound, NULL);
      }
    }
    gort_step step = uses[a->use](s);
    if (step != GORT_STEP_FINISHED) return step;
    s->at = 0;
    a->i++;
  }
  gort_waitgroup_add(a->t->wg, -1);
  return GORT_STEP_FINISHED;
}

static gort_step use_mutex(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  LOCK(s, a->t->mu[a->i % 2], a->until);
  if (mine(a)) {
    check(atomic_fetch_add(&inside[a->i % 2], 1) == 0);
    LINGER(s);
    check(atomic_fetch_sub(&inside[a->i % 2], 1) == 1);
    check(gort_mutex_unlock(a->t->mu[a->i % 2]) == 0);
  }
  STEPS_END(s);
}

static gort_step use_rwmutex(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  if (below(a, 4)) {
    AWAIT(s, wait_with_context(a, a->t->rw, GORT_RECV, 0));
    if (mine(a)) {
      atomic_fetch_add(&readers, 1);
      check(atomic_load(&writers) == 0);
      LINGER(s);
      atomic_fetch_sub(&readers, 1);
      check(gort_rwmutex_runlock(a->t->rw) == 0);
    }
  } else {
    WLOCK(s, a->t->rw, a->until);
    if (mine(a)) {
      check(atomic_fetch_add(&writers, 1) == 0);
      check(atomic_load(&readers) == 0);
      LINGER(s);
      atomic_fetch_sub(&writers, 1);
      check(gort_rwmutex_unlock(a->t->rw) == 0);
    }
  }
  STEPS_END(s);
}

static gort_step use_semaphore(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  a->cases[0].value = integer(1 + below(a, UNITS));
  AWAIT(s, wait_with_context(a, a->t->sem, GORT_RECV, a->cases[0].value.u.i));
  if (mine(a)) {
    int k = (int)a->cases[0].value.u.i;
    check(atomic_fetch_add(&units, k) + k <= UNITS);
    LINGER(s);
    atomic_fetch_sub(&units, (int)a->cases[0].value.u.i);
    check(gort_semaphore_release(a->t->sem, a->cases[0].value.u.i) == 0);
  }
  STEPS_END(s);
}

static gort_step use_select(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  for (int i = 0; i < 2; i++)
    a->cases[i] = (gort_case){.source = source_of(a->t->mu[i])};
  a->cases[2] = (gort_case){.source = source_of(a->t->sem)};
  SELECT(s, a->cases, 3, a->until);
  if (mine(a)) {
    a->won = s->res.index;
    if (a->won < 2) check(atomic_fetch_add(&inside[a->won], 1) == 0);
    if (a->won == 2) check(atomic_fetch_add(&units, 1) + 1 <= UNITS);
    LINGER(s);
    if (a->won < 2) {
      check(atomic_fetch_sub(&inside[a->won], 1) == 1);
      check(gort_mutex_unlock(a->t->mu[a->won]) == 0);
    } else {
      atomic_fetch_sub(&units, 1);
      check(gort_semaphore_release(a->t->sem, 1) == 0);
    }
  }
  STEPS_END(s);
}

static gort_step use_group(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  AWAIT(s, wait_with_context(a, a->t->group, GORT_SEND, 0));
  if (s->rc == 0 && s->res.status == 0) {
    check(atomic_fetch_add(&members, 1) < UNITS);
    LINGER(s);
    atomic_fetch_sub(&members, 1);
    gort_group_leave(a->t->group);
  }
  STEPS_END(s);
}

static gort_step use_future(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  AWAIT(s, wait_with_context(a, a->t->futures[a->i], GORT_RECV, 0));
  if (mine(a)) {
    check(s->res.value.type == GORT_STRING);
    gort_value_drop(&s->res.value);
  }
  STEPS_END(s);
}

static bool start_actor(steps *s, actor *b) {
  gort_record *r = steps_record(s->rt, b, sizeof *b);
  if (!r) return false;
  if (b->id % 3 == 2 && gort_record_bind(r, b->t->bound) < 0) return false;
  gort_go(s->rt, r);
  return true;
}

static gort_step start_all(steps *s) {
  actor *a = (actor *)s;
  STEPS_BEGIN(s);
  gort_context *root = gort_context_background(s->rt);
  gort_context_options o = {.cancels = true, .timeout = GORT_FOREVER};
  for (int i = 0; i < OPS; i++)
    if (gort_context_new(root, &o, &a->t->ctx[i]) ||
        gort_future_new(&a->t->futures[i]))
      abort();
  if (gort_context_new(root, &o, &a->t->bound) ||
      gort_group_new(NULL, root, &a->t->group))
    abort();
  gort_group_set_limit(a->t->group, UNITS);
  gort_waitgroup_add(a->t->wg, TASKS);
  for (int i = 0; i < TASKS; i++) {
    actor b = {.s.body = act, .t = a->t, .id = i};
    gort__rand_init(&b.rand, gort__rand_next(&a->rand));
    if (!start_actor(s, &b)) abort();
  }
  RECV(s, a->t->wg, GORT_FOREVER);
  RECV(s, a->t->group, 0); /* all have left it */
  check(s->res.status == 0);
  for (int i = 0; i < OPS; i++) {
    release(a->t->ctx[i]);
    release(a->t->futures[i]);
  }
  release(a->t->bound);
  release(a->t->group);
  STEPS_END(s);
}

static void run(uint64_t seed, unsigned workers) {
  things t = {0};
  actor m = {.s.body = start_all, .t = &t};
  gort__rand_init(&m.rand, seed);
  atomic_store(&wrong, 0);
  if (gort_mutex_new(&t.mu[0]) || gort_mutex_new(&t.mu[1]) ||
      gort_rwmutex_new(&t.rw) || gort_semaphore_new(UNITS, &t.sem) ||
      gort_waitgroup_new(&t.wg))
    abort();
  int rc = RUN(workers, m);
  EXPECT(rc == 0, "workers %u: code %d", workers, rc);
  EXPECT(wrong == 0, "workers %u: %d times", workers, wrong);
  gort_value none = {.type = GORT_NIL}, all = integer(UNITS);
  gort_result res;
  for (int i = 0; i < 2; i++) EXPECT(gort_mutex_try_lock(t.mu[i]), "%d", i);
  EXPECT(gort_wait_try(source_of(t.rw), GORT_SEND, &none, &res), "rwmutex");
  EXPECT(gort_wait_try(source_of(t.sem), GORT_RECV, &all, &res), "semaphore");
  release(t.mu[0]);
  release(t.mu[1]);
  release(t.rw);
  release(t.sem);
  release(t.wg);
}

int main(void) {
  int runs;
  uint64_t seed = stress_begin(12, &runs);
  for (int i = 0; i < runs && !stress_wrong; i++)
    FOR_WORKERS(w) run(seed + (uint64_t)i, w);
  printf("%d taken, %d given up\n", got, gave_up);
  return stress_wrong > 0;
}
