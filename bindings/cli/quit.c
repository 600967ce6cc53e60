/* quit.c - what SIGQUIT does.
 *
 * SPDX-License-Identifier: MIT
 *
 * The signal may come on any thread, in the middle of anything: its handler
 * posts a semaphore. A thread waits for that, as workers may be stuck. */
#include "cli/quit.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static sem_t asked;
static void (*answer)(void *arg);

static void on_signal(int signo) {
  (void)signo;
  sem_post(&asked);
}

static void *wait_for_it(void *arg) {
  while (sem_wait(&asked) != 0) continue;
  answer(arg);
  return NULL;
}

/* The signals of the program are for its other threads. */
static bool start_thread(void *arg) {
  pthread_t thread;
  pthread_attr_t attr;
  sigset_t all, old;
  if (pthread_attr_init(&attr) != 0) return false;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, 256 * 1024);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  bool made = pthread_create(&thread, &attr, wait_for_it, arg) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attr);
  return made;
}

void cli_on_quit(void (*quit)(void *arg), void *arg) {
  struct sigaction sa;
  if (sem_init(&asked, 0, 0) != 0) return;
  answer = quit;
  if (!start_thread(arg)) return;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&sa.sa_mask);
  sigaction(SIGQUIT, &sa, NULL);
}
