/* test_steal.c - what workers take from each other, and when they gather.
 *
 * SPDX-License-Identifier: MIT
 *
 * The workers have no threads here: the test does what they would, one step
 * after the other, and is the monitor, too. */
#include "support/check.h"

#include "sched/meet.h"
#include "sched/placement.h"
#include "sched/runtime.h"
#include "sched/steal.h"
#include "support/steps.h"

enum { WORKERS = 3, VMS = 6 };

static gort *rt;
static gort_worker *ws[WORKERS];
static gort_vm *vms[VMS];
static int64_t now;

static int set_up(void **state) {
  (void)state;
  steps_reset();
  rt = steps_new(WORKERS);
  ws[0] = atomic_load(&rt->workers[0]);
  for (int i = 1; i < WORKERS; i++) {
    gort__lock_take(&rt->lock);
    ws[i] = gort__worker_new_locked(rt);
    gort__lock_give(&rt->lock);
  }
  for (int i = 0; i < WORKERS; i++)
    atomic_store(&ws[i]->status, GORT_WORKER_ACTIVE);
  for (int i = 0; i < VMS; i++) vms[i] = gort__placement_add_vm(rt, false);
  now = gort_now();
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

static gort_record *record(void) {
  steps s = {.body = nothing};
  return steps_record(rt, &s, sizeof s);
}

static void drop(gort_record *r) {
  rt->options.ops->drop(r);
  gort_record_free(r);
}

/* Ticks of the monitor, while each worker gets so much done in each. */
static void tick(int ticks, unsigned done) {
  for (; ticks > 0; ticks--) {
    now += 5 * MS;
    for (int i = 0; i < WORKERS; i++) atomic_fetch_add(&ws[i]->tick, done);
    gort__gather_tick(rt, now);
  }
}

static bool gathered(int worker, int with) {
  return atomic_load(&ws[worker]->gather.joins) == ws[with];
}

static void ask(int worker, int with) {
  gort__gather_ask(ws[worker], ws[with]);
  ws[worker]->gather.asked_at = now;
}

/* ---- a trial ----------------------------------------------------------- */

static void test_more_as_one(void **state) {
  (void)state;
  ask(1, 0);
  assert_false(gathered(1, 0));
  tick(1, 1000);
  assert_true(gathered(1, 0));
  assert_true(gort__stays(ws[0]));
  assert_false(gort__stays(ws[1]));
  for (int i = 0; i < 17; i++) { /* the trial, and the ticks it is good for */
    assert_true(gathered(1, 0));
    tick(1, 1100);
  }
  assert_false(gathered(1, 0));
  assert_false(gort__stays(ws[0]));
  ask(1, 0); /* the second time it is good for twice as long */
  tick(1, 1000);
  for (int i = 0; i < 33; i++) {
    assert_true(gathered(1, 0));
    tick(1, 1100);
  }
  assert_false(gathered(1, 0));
}

static void test_less_as_one(void **state) {
  (void)state;
  ask(1, 0);
  tick(1, 1000);
  assert_true(gathered(1, 0));
  tick(1, 800);
  assert_false(gathered(1, 0));
  assert_false(gort__stays(ws[0]));
  for (int i = 0; i < 15; i++) {
    ask(1, 0);
    tick(1, 1000);
    assert_false(gathered(1, 0));
  }
  ask(1, 0);
  tick(1, 1000);
  assert_true(gathered(1, 0));
}

static void test_it_ends_when_things_change(void **state) {
  (void)state;
  ask(1, 0);
  tick(1, 1000);
  tick(3, 1100);
  assert_true(gathered(1, 0));
  tick(1, 400); /* less than half */
  assert_false(gathered(1, 0));
  ask(1, 0);
  tick(1, 1000);
  tick(3, 1100);
  assert_true(gathered(1, 0));
  atomic_store(&ws[0]->status, GORT_WORKER_BLOCKED);
  tick(1, 1100);
  assert_false(gathered(1, 0));
}

/* Nobody joins who joins, or is joined by others; but many join one. */
static void test_one_gathers(void **state) {
  (void)state;
  ask(1, 0);
  ask(0, 1);
  tick(1, 1000);
  assert_int_equal(gathered(0, 1) + gathered(1, 0), 1);
  int to = gathered(1, 0) ? 0 : 1, from = 1 - to;
  ask(2, from);
  tick(1, 1100);
  assert_false(gathered(2, from));
  ask(2, to);
  tick(1, 1100);
  assert_true(gathered(2, to));
  assert_int_equal(atomic_load(&ws[to]->gather.joined), 2);
}

/* ---- thefts ------------------------------------------------------------ */

/* What worker 1 took has kept it busy for so long. */
static void was_busy(int64_t ns) { ws[1]->theft.at = gort_now() - ns; }

static void test_trifles_ask(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    assert_false(atomic_load(&ws[1]->gather.asked));
    queue(0, vms[0]);
    assert_ptr_equal(stolen_vm(1), vms[0]);
    was_busy(-1000 * MS); /* for no time, however slow the machine is */
  }
  assert_null(stolen_vm(1));
  assert_true(atomic_load(&ws[1]->gather.asked));
  assert_ptr_equal(ws[1]->gather.with, ws[0]);
}

static void test_work_does_not(void **state) {
  (void)state;
  for (int i = 0; i < 40; i++) {
    queue(0, vms[0]);
    assert_ptr_equal(stolen_vm(1), vms[0]);
    was_busy(i % 3 ? -1000 * MS : MS);
  }
  assert_false(atomic_load(&ws[1]->gather.asked));
}

static void test_what_stays(void **state) {
  (void)state;
  gort_vm *vm = NULL;
  gort_record *r = record();
  queue(0, vms[0]);
  assert_true(gort__ring_push(&ws[0]->records, r));
  ask(1, 0);
  tick(1, 1000);
  assert_null(stolen_vm(1));
  assert_false(gort__sched_any_for(rt, ws[1]));
  assert_false(gort__steal_offers(ws[0]));
  assert_true(gort__sched_any_for(rt, ws[0]));
  assert_true(gort__sched_any(rt));
  tick(1, 800);
  assert_true(gort__steal_offers(ws[0]));
  assert_true(gort__sched_any_for(rt, ws[1]));
  assert_ptr_equal(stolen_vm(1), vms[0]);
  r = NULL;
  gort__steal(ws[1], &vm, &r);
  assert_non_null(r);
  drop(r);
}

/* ---- meetings ---------------------------------------------------------- */

static void meet(int n) {
  for (int i = 0; i < n; i++) gort__meet_in(ws[1], vms[0]);
}

static bool has_asked(void) { return atomic_load(&ws[1]->gather.asked); }

static void test_talkers_ask(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  /* Unless the machine is very slow for a moment the first is enough. */
  while (!has_asked()) meet(1000);
  assert_ptr_equal(ws[1]->gather.with, ws[0]);
}

static void test_locks_tell(void **state) {
  (void)state;
  gort__lock l;
  be(0);
  gort__lock_init(&l, GORT_RANK_LEAF);
  while (!has_asked()) {
    for (int k = 0; k < 2; k++) {
      be(k);
      gort__lock_take(&l);
      gort__lock_give(&l);
      gort__lock_take(&l); /* nobody else in between: no meeting */
      gort__lock_give(&l);
    }
  }
  assert_ptr_equal(ws[1]->gather.with, ws[0]);
}

static void test_computing_vms_do_not_ask(void **state) {
  (void)state;
  run(0, vms[0]);
  run(1, vms[1]);
  for (int i = 0; i < 40; i++) {
    meet(20);
    burn(MS / 5);
  }
  assert_false(has_asked());
  /* Time without work is no computing. */
  while (!has_asked()) {
    int64_t since = gort_now();
    burn(MS / 10);
    gort__meet_pause(ws[1], gort_now() - since);
    meet(20);
  }
}

/* Worker 1 joins worker 0, with vms 1 and 2. */
static void join(void) {
  queue(1, vms[2]);
  run(0, vms[0]);
  run(1, vms[1]);
  ask(1, 0);
  tick(1, 1000);
  assert_false(ws[1]->meetings.joins);
  meet(1);
  assert_true(ws[1]->meetings.joins);
}

static void test_all_joins(void **state) {
  (void)state;
  gort__work work;
  assert_true(gort__ring_push(&ws[1]->records, record()));
  join();
  assert_true(gort__meet_join(ws[1], vms[1]));
  assert_false(ws[1]->meetings.joins);
  assert_null(atomic_load(&ws[1]->vm));
  be(0);
  bool seen[VMS] = {false}, record_seen = false;
  while (gort__sched_find(ws[0], &work)) {
    if (work.record) {
      record_seen = true;
      drop(work.record);
      continue;
    }
    for (int i = 0; i < VMS; i++) seen[i] |= work.vm == vms[i];
  }
  assert_true(record_seen && seen[2] && seen[1]);
  gort__sched_give_back(rt, record()); /* for all but who joins */
  assert_false(gort__sched_any_for(rt, ws[1]));
  assert_true(gort__sched_any_for(rt, ws[0]));
  assert_false(gort__sched_find(ws[1], &work));
  assert_true(gort__sched_find(ws[0], &work));
  drop(work.record);
}

static void test_nobody_joins_the_absent(void **state) {
  (void)state;
  join();
  atomic_store(&ws[0]->status, GORT_WORKER_BLOCKED);
  assert_false(gort__meet_join(ws[1], vms[1]));
  assert_int_equal(atomic_load(&vms[1]->state_now), GORT_VM_RUNNING);
  gort__sched_give_back(rt, record());
  gort__work work;
  bool found = false;
  while (!found && gort__sched_find(ws[1], &work)) found = work.record;
  assert_true(found); /* then it begins things itself */
  drop(work.record);
}

/* A worker that does not come to what it was sent loses it. */
static void test_sent_in_vain(void **state) {
  (void)state;
  join();
  assert_true(gort__meet_join(ws[1], vms[1]));
  gort__sched_spill(rt, ws[0]); /* as when it is stuck in a C call */
  gort__work work;
  bool found = false;
  for (int i = 0; i < 2; i++)
    if (gort__sched_find(ws[1], &work)) found |= work.vm == vms[1];
  assert_true(found);
}

/* Nobody is woken for records that all who could come leave to the one that they
 * join; a worker that joins nobody is. */
static void test_nobody_wakes_in_vain(void **state) {
  (void)state;
  gort__work work;
  gort__sched_give_back(rt, record());
  rt->cpus = 2; /* places: ws[0]'s, and one more */
  assert_true(gort__steal_offers(ws[0]));
  ask(1, 0);
  tick(1, 1000);
  assert_false(gort__steal_offers(ws[0]));
  rt->cpus = 3;
  assert_true(gort__steal_offers(ws[0]));
  assert_true(gort__sched_find(ws[0], &work));
  drop(work.record);
}

/* Out of turn one record comes from the global queue; a worker without anything
 * to do takes its share. */
static void test_global_records(void **state) {
  (void)state;
  enum { MANY = 30 };
  gort__work work;
  be(0);
  for (int i = 0; i < MANY; i++) gort__sched_give_back(rt, record());
  ws[0]->searches = 63; /* the next one begins at the global queues */
  assert_true(gort__sched_find(ws[0], &work));
  drop(work.record);
  assert_int_equal(atomic_load(&rt->n_global_records), MANY - 1);
  assert_int_equal(gort__ring_count(&ws[0]->records), 0);
  assert_true(gort__sched_find(ws[0], &work));
  drop(work.record);
  assert_true(gort__ring_count(&ws[0]->records) > 0);
  assert_true(atomic_load(&rt->n_global_records) < MANY - 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_more_as_one),
      TEST(test_less_as_one),
      TEST(test_it_ends_when_things_change),
      TEST(test_one_gathers),
      TEST(test_trifles_ask),
      TEST(test_work_does_not),
      TEST(test_what_stays),
      TEST(test_talkers_ask),
      TEST(test_locks_tell),
      TEST(test_computing_vms_do_not_ask),
      TEST(test_all_joins),
      TEST(test_nobody_joins_the_absent),
      TEST(test_sent_in_vain),
      TEST(test_nobody_wakes_in_vain),
      TEST(test_global_records),
  };
  return RUN_GROUP(tests);
}
