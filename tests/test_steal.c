/* test_steal.c - what workers take from each other, and when they leave it.
 *
 * SPDX-License-Identifier: MIT
 *
 * The workers have no threads here: the test does what they would, one step
 * after the other. */
#include "support/check.h"

#include "sched/meet.h"
#include "sched/placement.h"
#include "sched/runtime.h"
#include "sched/steal.h"
#include "support/steps.h"

enum { WORKERS = 2, VMS = 6 };

static gort *rt;
static gort_worker *ws[WORKERS];
static gort_vm *vms[VMS];

static int set_up(void **state) {
  (void)state;
  steps_reset();
  rt = steps_new(WORKERS);
  ws[0] = atomic_load(&rt->workers[0]);
  gort__lock_take(&rt->lock);
  ws[1] = gort__worker_new_locked(rt);
  gort__lock_give(&rt->lock);
  for (int i = 0; i < WORKERS; i++)
    atomic_store(&ws[i]->status, GORT_WORKER_ACTIVE);
  for (int i = 0; i < VMS; i++) vms[i] = gort__placement_add_vm(rt, false);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  gort__self = NULL;
  gort__meet_begin(NULL);
  gort_destroy(rt);
  return 0;
}

static void be(int worker) {
  gort__self = ws[worker];
  gort__meet_begin(ws[worker]);
}

/* The worker runs this vm. */
static void run(int worker, gort_vm *vm) {
  be(worker);
  atomic_store(&vm->state_now, GORT_VM_RUNNING);
  atomic_store(&vm->holder, (unsigned)worker);
  atomic_store(&ws[worker]->vm, vm);
}

static void queue(int worker, gort_vm *vm) {
  be(worker);
  atomic_store(&vm->state_now, GORT_VM_QUEUED);
  gort__sched_queue_vm(rt, ws[worker], vm, false);
}

/* The monitor ticks. */
static void tick(void) {
  atomic_store(&rt->monitor.now, gort__monitor_now(rt) + 5 * MS);
}

static gort_vm *stolen_vm(int worker) {
  gort_vm *vm = NULL;
  gort_record *r = NULL;
  be(worker);
  gort__steal(ws[worker], &vm, &r);
  assert_null(r);
  return vm;
}

static gort_step nothing(steps *s) {
  (void)s;
  return GORT_STEP_FINISHED;
}

static void queue_record(int worker) {
  steps s = {.body = nothing};
  gort_record *r = steps_record(rt, &s, sizeof s);
  assert_true(gort__ring_push(&ws[worker]->records, r));
}

static gort_record *stolen_record(int worker) {
  gort_vm *vm = NULL;
  gort_record *r = NULL;
  gort__steal(ws[worker], &vm, &r);
  assert_null(vm);
  if (r) {
    rt->options.ops->drop(r);
    gort_record_free(r);
  }
  return r;
}

/* What worker 1 took has kept it busy for no time. */
static void was_short(void) { ws[1]->theft.at = gort_now() + 1000 * MS; }

/* ---- thefts ------------------------------------------------------------ */

static void test_short_vms_stay(void **state) {
  (void)state;
  queue(0, vms[0]);
  queue(0, vms[1]);
  assert_ptr_equal(stolen_vm(1), vms[0]);
  was_short();
  assert_null(stolen_vm(1));
  assert_true(gort__stays(ws[0], GORT_LOOT_VMS));
  assert_false(gort__stays(ws[0], GORT_LOOT_RECORDS));
  assert_false(gort__sched_any_for(rt, ws[1]));
  assert_true(gort__sched_any_for(rt, ws[0]));
  assert_true(gort__sched_any(rt));
  assert_false(gort__steal_offers(ws[0]));
  tick();
  assert_true(gort__steal_offers(ws[0]));
  assert_true(gort__sched_any_for(rt, ws[1]));
  assert_ptr_equal(stolen_vm(1), vms[1]);
}

static void test_long_vms_are_stolen(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) queue(0, vms[i]);
  assert_ptr_equal(stolen_vm(1), vms[0]);
  assert_ptr_equal(gort__ring_pop(&ws[1]->vms), vms[1]); /* half: two */
  burn(MS);
  assert_ptr_equal(stolen_vm(1), vms[2]);
}

/* How many ticks vms stay with worker 0 from now on. */
static int stay(void) {
  int ticks = 0;
  gort__stay(ws[0], GORT_LOOT_VMS);
  for (; gort__stays(ws[0], GORT_LOOT_VMS); ticks++) tick();
  return ticks;
}

static void test_they_stay_longer(void **state) {
  (void)state;
  tick(); /* it is not the beginning of time */
  assert_int_equal(stay(), 1);
  assert_int_equal(stay(), 2);
  assert_int_equal(stay(), 4);
  assert_int_equal(stay(), 4);
  tick();
  tick();
  assert_int_equal(stay(), 1);
}

static void test_short_records_stay(void **state) {
  (void)state;
  for (int i = 0; i < 40; i++) queue_record(0);
  assert_non_null(stolen_record(1));
  gort_record *r;
  while ((r = gort__ring_pop(&ws[1]->records))) {
    rt->options.ops->drop(r);
    gort_record_free(r);
  }
  was_short();
  assert_null(stolen_record(1));
  assert_true(gort__stays(ws[0], GORT_LOOT_RECORDS));
  queue(0, vms[0]); /* but its vms do not */
  assert_ptr_equal(stolen_vm(1), vms[0]);
  ws[1]->theft.at = 0;
  assert_null(stolen_record(1));
  tick();
  assert_non_null(stolen_record(1));
}

/* ---- meetings ---------------------------------------------------------- */

static void meet(int n) {
  for (int i = 0; i < n; i++) gort__meet_in(ws[1], vms[0]);
}

/* Until it has been too often, which it is unless the machine is very slow for
 * a moment. */
static void meet_often(void) {
  while (!ws[1]->meetings.joins) meet(1000);
}

static void test_talkers_join(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  meet_often();
  assert_true(ws[1]->meetings.joins);
  assert_true(gort__meet_join(ws[1], vms[1]));
  assert_false(ws[1]->meetings.joins);
  assert_int_equal(atomic_load(&vms[1]->state_now), GORT_VM_QUEUED);
  assert_null(atomic_load(&ws[1]->vm));
  assert_true(gort__stays(ws[0], GORT_LOOT_VMS));
  assert_true(gort__sched_any_for(rt, ws[0]));
  gort__work work;
  be(0);
  assert_true(gort__sched_find(ws[0], &work));
  assert_ptr_equal(work.vm, vms[1]);
}

static void test_locks_tell(void **state) {
  (void)state;
  gort__lock l;
  run(1, vms[1]);
  be(0);
  gort__lock_init(&l, GORT_RANK_LEAF);
  while (!ws[1]->meetings.joins) {
    for (int k = 0; k < WORKERS; k++) {
      be(k);
      gort__lock_take(&l);
      gort__lock_give(&l);
      gort__lock_take(&l); /* nobody else in between: no meeting */
      gort__lock_give(&l);
    }
  }
  assert_int_equal(ws[1]->meetings.with, 0);
}

static void test_computing_vms_do_not_join(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  for (int i = 0; i < 40; i++) {
    meet(20);
    burn(MS / 10);
  }
  assert_false(ws[1]->meetings.joins);
  /* Time without work is no computing. */
  while (!ws[1]->meetings.joins) {
    int64_t since = gort_now();
    burn(MS / 10);
    gort__meet_pause(ws[1], gort_now() - since);
    meet(20);
  }
}

static void test_nobody_joins_the_absent(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  meet_often();
  atomic_store(&ws[0]->status, GORT_WORKER_BLOCKED);
  assert_false(gort__meet_join(ws[1], vms[1]));
  assert_int_equal(atomic_load(&vms[1]->state_now), GORT_VM_RUNNING);
}

/* Where each is joined by the other, one of them gives in. */
static void test_one_gathers(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  gort__stay(ws[1], GORT_LOOT_VMS);
  meet_often();
  assert_false(gort__meet_join(ws[1], vms[1])); /* others come here */
  gort__stay(ws[0], GORT_LOOT_VMS);
  meet_often();
  assert_true(gort__meet_join(ws[1], vms[1]));
  tick();
  run(0, vms[0]);
  gort__stay(ws[0], GORT_LOOT_VMS);
  gort__stay(ws[1], GORT_LOOT_VMS);
  ws[0]->meetings.with = 1;
  assert_false(gort__meet_join(ws[0], vms[0]));
}

/* A worker that does not come to what it was sent loses it. */
static void test_sent_in_vain(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  meet_often();
  assert_true(gort__meet_join(ws[1], vms[1]));
  tick();
  assert_ptr_equal(stolen_vm(1), vms[1]);
  run(1, vms[1]);
  meet_often();
  assert_true(gort__meet_join(ws[1], vms[1]));
  gort__sched_spill(rt, ws[0]); /* as when it is stuck in a C call */
  gort__work work;
  assert_true(gort__sched_find(ws[1], &work));
  assert_ptr_equal(work.vm, vms[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_short_vms_stay),
      TEST(test_long_vms_are_stolen),
      TEST(test_they_stay_longer),
      TEST(test_short_records_stay),
      TEST(test_talkers_join),
      TEST(test_locks_tell),
      TEST(test_computing_vms_do_not_join),
      TEST(test_nobody_joins_the_absent),
      TEST(test_one_gathers),
      TEST(test_sent_in_vain),
  };
  return RUN_GROUP(tests);
}
