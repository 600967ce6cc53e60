/* loop.c - the uv loop of a vm.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/loop.h"

#include "sched/runtime.h"

static void poll_task(gort_vm *vm, gort_task *t) {
  (void)t;
  atomic_store(&vm->loop_queued, false);
  gort__loop_poll(vm);
}

static void timeout(gort__timer *timer, gort__fired *fired) {
  gort_vm *vm = gort__container(timer, gort_vm, loop_timer);
  bool queued = false;
  if (atomic_compare_exchange_strong(&vm->loop_queued, &queued, true))
    gort__wakelist_add(&fired->wake, &vm->loop_task);
}

void gort__loop_init(gort_vm *vm) {
  vm->loop_task.vm = vm;
  vm->loop_task.call = poll_task;
  gort__timer_init(&vm->loop_timer, timeout);
}

void gort__loop_wake(gort_vm *vm) {
  bool queued = false;
  if (atomic_compare_exchange_strong(&vm->loop_queued, &queued, true))
    gort__ready(&vm->loop_task);
}

static void note_alive(gort_vm *vm, bool alive) {
  if (alive == vm->loop_alive) return;
  vm->loop_alive = alive;
  if (alive)
    atomic_fetch_add(&vm->rt->loops_alive, 1);
  else
    atomic_fetch_sub(&vm->rt->loops_alive, 1);
}

void gort__loop_poll(gort_vm *vm) {
  gort *rt = vm->rt;
  uv_run(vm->loop, UV_RUN_NOWAIT);
  note_alive(vm, uv_loop_alive(vm->loop));
  gort__timers_disarm(&rt->timers, &vm->loop_timer);
  int ms = uv_backend_timeout(vm->loop);
  if (ms == 0 && vm->loop_alive)
    gort__loop_wake(vm);
  else if (ms > 0)
    gort__timers_arm(&rt->timers, &vm->loop_timer,
                     gort_now() + (int64_t)ms * 1000000);
  gort__poller_watch(&rt->poller, uv_backend_fd(vm->loop), vm, false);
}

struct uv_loop_s *gort_vm_loop(gort_vm *vm) {
  if (vm->loop) return vm->loop;
  gort *rt = vm->rt;
  uv_loop_t *loop = gort_malloc(sizeof *loop);
  if (!loop) return NULL;
  if (uv_loop_init(loop) < 0) {
    gort_free(loop);
    return NULL;
  }
  if (gort__timers_reserve(&rt->timers) < 0 ||
      gort__poller_watch(&rt->poller, uv_backend_fd(loop), vm, true) < 0) {
    uv_loop_close(loop);
    gort_free(loop);
    return NULL;
  }
  vm->loop_timer.reserved = true;
  gort__monitor_start(rt);
  vm->loop = loop;
  return loop;
}

static void close_handle(uv_handle_t *h, void *arg) {
  (void)arg;
  if (!uv_is_closing(h)) uv_close(h, NULL);
}

void gort__loop_fini(gort_vm *vm) {
  if (!vm->loop) return;
  gort__timers_disarm(&vm->rt->timers, &vm->loop_timer);
  gort__timers_unreserve(&vm->rt->timers);
  uv_walk(vm->loop, close_handle, NULL);
  uv_run(vm->loop, UV_RUN_DEFAULT);
  uv_loop_close(vm->loop);
  gort_free(vm->loop);
  note_alive(vm, false);
}
