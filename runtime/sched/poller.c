/* poller.c - the master poller.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sched/loop.h"

enum { EVENTS = 64 };

int gort__poller_init(gort__poller *p) {
  p->polling = false;
  atomic_init(&p->until, GORT_FOREVER);
  p->fd = epoll_create1(EPOLL_CLOEXEC);
  if (p->fd < 0) return -errno;
  p->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  if (p->kick_fd < 0 || epoll_ctl(p->fd, EPOLL_CTL_ADD, p->kick_fd, &e) < 0) {
    int rc = -errno;
    gort__poller_fini(p);
    return rc;
  }
  return 0;
}

void gort__poller_fini(gort__poller *p) {
  if (p->kick_fd >= 0) close(p->kick_fd);
  close(p->fd);
}

int gort__poller_watch(gort__poller *p, int fd, gort_vm *vm, bool first) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = vm};
  int op = first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  return epoll_ctl(p->fd, op, fd, &e) < 0 ? -errno : 0;
}

/* epoll_pwait2 waits with nanoseconds; older kernels round up to ms. */
static int wait_events(int fd, struct epoll_event *events, int64_t timeout) {
  static atomic_bool no_pwait2;
  if (!atomic_load_explicit(&no_pwait2, memory_order_relaxed)) {
    struct timespec ts = {timeout / 1000000000, timeout % 1000000000};
    int n = epoll_pwait2(fd, events, EVENTS, timeout < 0 ? NULL : &ts, NULL);
    if (n >= 0 || errno != ENOSYS) return n;
    atomic_store_explicit(&no_pwait2, true, memory_order_relaxed);
  }
  int64_t ms = timeout < 0 ? -1 : (timeout + 999999) / 1000000;
  return epoll_wait(fd, events, EVENTS, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* True when one of the events is a kick. */
static bool wake_vms(const struct epoll_event *events, int n) {
  bool kicked = false;
  for (int i = 0; i < n; i++) {
    /* cppcheck-suppress uninitvar; the kernel filled n of them */
    gort_vm *vm = events[i].data.ptr;
    if (vm)
      gort__loop_wake(vm);
    else
      kicked = true;
  }
  return kicked;
}

void gort__poller_wait(gort__poller *p, int64_t deadline) {
  struct epoll_event events[EVENTS];
  int64_t timeout = -1;
  if (deadline != GORT_FOREVER) {
    timeout = deadline - gort_now();
    if (timeout < 0) timeout = 0;
  }
  if (wake_vms(events, wait_events(p->fd, events, timeout))) {
    uint64_t count;
    while (read(p->kick_fd, &count, sizeof count) < 0 && errno == EINTR)
      continue;
  }
}

void gort__poller_look(gort__poller *p) {
  struct epoll_event events[EVENTS];
  wake_vms(events, epoll_wait(p->fd, events, EVENTS, 0));
}

void gort__poller_kick(gort__poller *p) {
  uint64_t one = 1;
  while (write(p->kick_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}
