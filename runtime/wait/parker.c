/* parker.c - a thread that waits as a task does.
 *
 * SPDX-License-Identifier: MIT */
#include "wait/parker.h"

#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/rand.h"

/* How long a thread looks before it sleeps: a wake-up costs more than a few
 * thousand pauses, and whoever sleeps makes the other side sleep, too. It gets
 * slowly shorter with waits that looking did not end; one that it did makes
 * good for all. */
enum { MIN_SPINS = 256, MAX_SPINS = 8192 };

static _Thread_local unsigned spins = MAX_SPINS;

/* A partner on the same processor cannot tell anything while this thread looks:
 * so it gets the processor, this often before the thread sleeps. */
enum { YIELDS = 8 };

/* Where the last one was that told this thread. */
static _Thread_local int partner_cpu = -1;

void gort__parker_init(gort__parker *p) {
  memset(&p->task, 0, sizeof p->task);
  gort__wait_init(&p->task.wait);
  atomic_init(&p->state, GORT_PARKER_RUNNING);
  p->cpu = -1;
}

void gort__parker_fini(gort__parker *p) { gort__wait_fini(&p->task.wait); }

void gort__parker_tell(gort_task *t) {
  gort__parker *p = gort__container(t, gort__parker, task);
  atomic_int *state = &p->state;
  p->cpu = sched_getcpu();
  if (atomic_exchange(state, GORT_PARKER_TOLD) == GORT_PARKER_ASLEEP)
    syscall(SYS_futex, state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool is_told(gort__parker *p) {
  return atomic_load_explicit(&p->state, memory_order_acquire) ==
         GORT_PARKER_TOLD;
}

static bool give_way(gort__parker *p) {
  for (int i = 0; i < YIELDS; i++) {
    sched_yield();
    if (is_told(p)) return true;
  }
  return false;
}

static bool spin(gort__parker *p) {
  if (sched_getcpu() == partner_cpu) return give_way(p);
  static atomic_uint cores;
  unsigned n = atomic_load_explicit(&cores, memory_order_relaxed);
  if (n == 0) atomic_store(&cores, n = gort_numcpu());
  for (unsigned i = 0; n > 1 && i < spins; i++) {
    if (is_told(p)) {
      spins = MAX_SPINS;
      return true;
    }
    gort__pause();
  }
  if (spins > MIN_SPINS) spins -= spins / 16;
  return is_told(p);
}

/* Sleeps until told; false when the deadline has passed. */
static bool sleep_until(gort__parker *p, int64_t deadline) {
  int running = GORT_PARKER_RUNNING;
  atomic_compare_exchange_strong(&p->state, &running, GORT_PARKER_ASLEEP);
  while (!is_told(p)) {
    struct timespec ts, *timeout = NULL;
    if (deadline != GORT_FOREVER) {
      int64_t left = deadline - gort_now();
      if (left <= 0) return false;
      ts = (struct timespec){left / 1000000000, left % 1000000000};
      timeout = &ts;
    }
    syscall(SYS_futex, &p->state, FUTEX_WAIT_PRIVATE, GORT_PARKER_ASLEEP,
            timeout, NULL, 0);
  }
  return true;
}

void gort__parker_wait(gort__parker *p, int64_t deadline) {
  bool told = spin(p) || sleep_until(p, deadline);
  if (!told) {
    int open = GORT_TICKET_OPEN;
    told = !atomic_compare_exchange_strong(&p->task.wait.ticket, &open,
                                           GORT_TICKET_TIMEOUT) &&
           sleep_until(p, GORT_FOREVER);
  }
  if (told) partner_cpu = p->cpu;
}
