/* test_sched.c - tasks, workers, vms: who runs.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sched/runtime.h"
#include "support/steps.h"

static atomic_int done;
static atomic_uint vms_seen[64];
static atomic_bool flag;

static void reset(void) {
  steps_reset();
  atomic_store(&done, 0);
  atomic_store(&flag, false);
  memset(vms_seen, 0, sizeof vms_seen);
}

/* ---- spawning ---------------------------------------------------------- */

typedef struct worker_task {
  steps s;
  gort_waitgroup *wg;
  gort_chan *c;
  int yields, i;
  int64_t ns;
} worker_task;

static gort_step some_work(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  atomic_fetch_add(&vms_seen[gort_vm_index(s->vm) % 64], 1);
  for (t->i = 0; t->i < t->yields; t->i++) {
    if (t->ns) burn(t->ns);
    YIELD(s);
  }
  atomic_fetch_add(&done, 1);
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

typedef struct spawner {
  steps s;
  gort_waitgroup *wg;
  int n, yields, i;
  int64_t ns;
  uint64_t tasks, tasks_after;
} spawner;

static gort_step spawn_and_wait(steps *s) {
  spawner *t = (spawner *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++) {
    worker_task w = {
        .s.body = some_work, .wg = t->wg, .yields = t->yields, .ns = t->ns};
    if (!GO(s->rt, w)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_spawn_many(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    spawner m = {.s.body = spawn_and_wait, .n = 20000, .yields = 1};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 20000);
    assert_int_equal(counts.started, 20001);
    /* The last ones may be cut off between their Done and their end. */
    assert_int_equal(counts.finished + counts.forgotten, 20001);
    assert_int_equal(counts.failed + counts.dropped, 0);
    assert_int_equal(counts.vms, counts.vms_gone);
    assert_int_equal(vms_seen[0], 0); /* it runs only main */
    release(m.wg);
  }
}

static void test_spread(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    spawner m = {.s.body = spawn_and_wait, .n = 200, .yields = 20, .ns = 50000};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    unsigned used = 0, most = 0;
    for (int i = 0; i < 64; i++) {
      used += vms_seen[i] > 0;
      if (vms_seen[i] > most) most = vms_seen[i];
    }
    if (used > 4 * w + 8) /* more only while workers are stuck in C */
      fail_msg("%u vms used with %u workers", used, w);
    assert_true(used > 1);
    assert_true(most <= 150); /* spread, not all in one */
    release(m.wg);
  }
}

static gort_stats stats; /* of the last run_with */

static int run_with(unsigned workers, unsigned max_vms, const void *init,
                    size_t size) {
  gort_options options = steps_options(workers);
  gort *rt;
  options.max_vms = max_vms;
  assert_int_equal(gort_new(&options, &rt), 0);
  int rc = gort_run(rt, steps_record(rt, init, size));
  gort_get_stats(rt, &stats);
  gort_destroy(rt);
  return rc;
}

/* More workers than vms: whoever finds a record without a vm for it must
 * leave it to the others. */
static void test_few_vms(void **state) {
  (void)state;
  for (unsigned vms = 1; vms <= 3; vms++) {
    FOR_WORKERS(w) {
      reset();
      spawner m = {.s.body = spawn_and_wait, .n = 5000, .yields = 3};
      assert_int_equal(gort_waitgroup_new(&m.wg), 0);
      assert_int_equal(run_with(w, vms, &m, sizeof m), 0);
      assert_int_equal(done, 5000);
      /* Others take over from those that were stuck. */
      assert_true(counts.vms <= vms + 1 + stats.handoffs);
      release(m.wg);
    }
  }
}

/* Some vms cannot be made: the tasks run in those that can. */
static void test_vm_failure(void **state) {
  (void)state;
  reset();
  atomic_store(&counts.fail_vms, 3);
  spawner m = {.s.body = spawn_and_wait, .n = 100, .yields = 1};
  assert_int_equal(gort_waitgroup_new(&m.wg), 0);
  assert_int_equal(run_with(1, 2, &m, sizeof m), 0);
  assert_int_equal(done, 100);
  release(m.wg);
}

static gort_step spawn_tree(steps *s) {
  spawner *t = (spawner *)s;
  STEPS_BEGIN(s);
  if (t->n > 0) {
    spawner child = {.s.body = spawn_tree, .wg = t->wg, .n = t->n - 1};
    gort_waitgroup_add(t->wg, 2);
    for (int i = 0; i < 2; i++)
      if (!GO(s->rt, child)) abort();
  }
  atomic_fetch_add(&done, 1);
  gort_waitgroup_add(t->wg, -1);
  if (t->i) RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_spawn_tree(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    spawner m = {.s.body = spawn_tree, .n = 12, .i = 1};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    gort_waitgroup_add(m.wg, 1);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, (1 << 13) - 1);
    release(m.wg);
  }
}

/* Starts tasks, gives them way, and tells how many were done then. */
static gort_step spawn_and_give_way(steps *s) {
  spawner *t = (spawner *)s;
  STEPS_BEGIN(s);
  SLEEP(s, MS); /* the monitor has begun to tick */
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++) {
    worker_task w = {
        .s.body = some_work, .wg = t->wg, .yields = t->yields, .ns = t->ns};
    if (!GO(s->rt, w)) abort();
  }
  GIVE_WAY(s);
  t->tasks = (uint64_t)atomic_load(&done);
  atomic_store(&flag, t->tasks == (uint64_t)t->n);
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_give_way(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    spawner m = {.s.body = spawn_and_give_way, .n = 200};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    /* They come first, unless the monitor ticks just then; another worker may
     * still be about those that it took. */
    for (int tries = 0; tries < 50; tries++) {
      reset();
      assert_int_equal(RUN(w, m), 0);
      assert_int_equal(done, 200);
      if (flag) break;
    }
    if (w == 1) assert_true(flag);

    /* Those that compute do not hold it up to their end: 1.5 s. */
    reset();
    m.n = 150, m.yields = 1, m.ns = 10 * MS;
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 150);
    assert_false(flag);
    release(m.wg);
  }
}

/* ---- numbers ----------------------------------------------------------- */

static uint64_t numbers[4];

static gort_step hold(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  atomic_fetch_add(&done, 1);
  RECV(s, t->c, GORT_FOREVER);
  STEPS_END(s);
}

static gort_step count_tasks(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  numbers[0] = gort_numtasks(s->rt);
  for (t->i = 0; t->i < 10; t->i++) {
    worker_task h = {.s.body = hold, .c = t->c};
    if (!GO(s->rt, h)) abort();
  }
  numbers[1] = gort_numtasks(s->rt);
  while (atomic_load(&done) < 10) YIELD(s);
  numbers[2] = gort_numtasks(s->rt);
  gort_chan_close(t->c);
  while (gort_numtasks(s->rt) > 1) YIELD(s);
  numbers[3] = gort_numtasks(s->rt);
  STEPS_END(s);
}

static void test_numtasks(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    worker_task m = {.s.body = count_tasks};
    gort_chan_new(0, &m.c);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(numbers[1], 11);
    assert_int_equal(numbers[2], 11);
    assert_int_equal(numbers[3], 1);
    release(m.c);
  }
}

static gort_step ids(steps *s) {
  STEPS_BEGIN(s);
  numbers[0] = gort_task_id(s->task);
  numbers[1] = gort_vm_index(s->vm);
  numbers[2] = gort_task_vm(s->task) == s->vm &&
               gort_vm_current(s->vm) == s->task &&
               gort_vm_runtime(s->vm) == s->rt && gort_vm_main(s->rt) == s->vm;
  gort_stats st;
  gort_get_stats(s->rt, &st);
  numbers[3] = st.tasks * 100 + st.vms * 10 + st.workers;
  STEPS_END(s);
}

static void test_ids(void **state) {
  (void)state;
  reset();
  worker_task m = {.s.body = ids};
  assert_int_equal(RUN(1, m), 0);
  assert_int_equal(numbers[0], 1); /* main is task 1 */
  assert_int_equal(numbers[1], 0);
  assert_int_equal(numbers[2], 1);
  assert_int_equal(numbers[3], 111);
}

/* ---- fairness ---------------------------------------------------------- */

static gort_step yield_until_done(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < t->yields; t->i++) {
    worker_task w = {.s.body = some_work, .wg = t->wg, .yields = 100};
    gort_waitgroup_add(t->wg, 1);
    if (!GO(s->rt, w)) abort();
  }
  t->ns = gort_now() + 20000 * MS;
  while (atomic_load(&done) < t->yields && gort_now() < t->ns) YIELD(s);
  STEPS_END(s);
}

/* A task that only yields lets all others get on, with one worker, too. */
static void test_yield(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    worker_task m = {.s.body = yield_until_done, .yields = 500};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 500);
    release(m.wg);
  }
}

static gort_step forever(steps *s) {
  STEPS_BEGIN(s);
  while (!atomic_load(&flag)) YIELD(s);
  atomic_fetch_add(&done, 1);
  STEPS_END(s);
}

static unsigned befores[6];

/* Main only yields; the others, which only yield as well, must all be run
 * however many workers there are meanwhile. */
static gort_step change_maxprocs(steps *s) {
  worker_task *t = (worker_task *)s;
  static const unsigned procs[] = {1, 8, 2, 1, 4, 1};
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 6; t->i++) {
    for (int i = 0; i < 100; i++) {
      worker_task w = {.s.body = some_work, .wg = t->wg, .yields = 200};
      gort_waitgroup_add(t->wg, 1);
      if (!GO(s->rt, w)) abort();
    }
    t->ns = gort_now() + 5 * MS;
    while (gort_now() < t->ns) YIELD(s);
    befores[t->i] = gort_maxprocs(s->rt, procs[t->i]);
  }
  t->ns = gort_now() + 10000 * MS;
  while (atomic_load(&done) < 600 && gort_now() < t->ns) YIELD(s);
  STEPS_END(s);
}

static void test_maxprocs(void **state) {
  (void)state;
  for (int round = 0; round < 5; round++) {
    reset();
    worker_task m = {.s.body = change_maxprocs};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    assert_int_equal(RUN(2, m), 0);
    assert_int_equal(done, 600);
    assert_int_equal(befores[0], 2);
    assert_int_equal(befores[1], 1);
    assert_int_equal(befores[2], 8);
    assert_int_equal(befores[5], 4);
    release(m.wg);
  }
}

/* A worker that is about to wake another one when places become fewer. */
static gort_step flip_maxprocs(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  for (int i = 0; i < 20; i++) {
    worker_task w = {.s.body = forever};
    if (!GO(s->rt, w)) abort();
  }
  for (t->i = 0; t->i < 5000; t->i++) {
    gort_maxprocs(s->rt, 1 + (t->i & 1));
    YIELD(s);
  }
  atomic_store(&flag, true);
  while (atomic_load(&done) < 20) YIELD(s);
  STEPS_END(s);
}

static void test_maxprocs_flips(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    worker_task m = {.s.body = flip_maxprocs};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 20);
  }
}

/* One worker is stuck in C calls with work of its own queued: that work must
 * reach the one that took its place, though it always has something to do. */
static gort_step stuck_with_work(steps *s) {
  worker_task *t = (worker_task *)s;
  STEPS_BEGIN(s);
  for (int i = 0; i < 40; i++) {
    worker_task w = {.s.body = forever};
    if (!GO(s->rt, w)) abort();
  }
  burn(300 * MS);
  atomic_store(&flag, true);
  t->ns = gort_now() + 10000 * MS;
  while (atomic_load(&done) < 40 && gort_now() < t->ns) YIELD(s);
  numbers[0] = counts.started;
  STEPS_END(s);
}

static void test_stuck(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    worker_task m = {.s.body = stuck_with_work};
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(done, 40);
  }
}

/* ---- blocking jobs ----------------------------------------------------- */

static void slow_work(void *arg) {
  nanosleep(&(struct timespec){.tv_nsec = 20 * MS}, NULL);
  *(int *)arg += 1;
}

typedef struct job {
  steps s;
  gort_waitgroup *wg;
  int result, n, i;
} job;

static atomic_int jobs_wrong;

static gort_step one_job(steps *s) {
  job *t = (job *)s;
  STEPS_BEGIN(s);
  for (t->i = 0; t->i < 3; t->i++) {
    AWAIT(s, gort_blocking(s->task, slow_work, &t->result));
    if (s->rc < 0 || t->result != t->i + 1) atomic_fetch_add(&jobs_wrong, 1);
  }
  gort_waitgroup_add(t->wg, -1);
  STEPS_END(s);
}

static gort_step many_jobs(steps *s) {
  job *t = (job *)s;
  STEPS_BEGIN(s);
  gort_waitgroup_add(t->wg, t->n);
  for (t->i = 0; t->i < t->n; t->i++) {
    job j = {.s.body = one_job, .wg = t->wg};
    if (!GO(s->rt, j)) abort();
  }
  RECV(s, t->wg, GORT_FOREVER);
  STEPS_END(s);
}

static void test_blocking(void **state) {
  (void)state;
  FOR_WORKERS(w) {
    reset();
    atomic_store(&jobs_wrong, 0);
    job m = {.s.body = many_jobs, .n = 50};
    assert_int_equal(gort_waitgroup_new(&m.wg), 0);
    int64_t began = gort_now();
    assert_int_equal(RUN(w, m), 0);
    assert_int_equal(jobs_wrong, 0);
    /* 150 jobs of 20 ms at the same time, not one after the other. */
    assert_true(gort_now() - began < 2500 * MS);
    release(m.wg);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_spawn_many),     cmocka_unit_test(test_spread),
      cmocka_unit_test(test_few_vms),        cmocka_unit_test(test_vm_failure),
      cmocka_unit_test(test_spawn_tree),     cmocka_unit_test(test_give_way),
      cmocka_unit_test(test_numtasks),       cmocka_unit_test(test_ids),
      cmocka_unit_test(test_yield),          cmocka_unit_test(test_maxprocs),
      cmocka_unit_test(test_maxprocs_flips), cmocka_unit_test(test_stuck),
      cmocka_unit_test(test_blocking),
  };
  return RUN_GROUP(tests);
}
