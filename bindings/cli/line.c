/* line.c - the lines that a person types, read on a thread of their own.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/line.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { SHOW_AT_ONCE = 64 * 1024, AGAIN_MS = 5 };

static atomic_int interrupts; /* by the handler; acq_rel */
static atomic_bool continued; /* after Ctrl-Z */
static atomic_int wake_fd = -1;
static struct termios found; /* the terminal as it was; written once */
static atomic_bool was_found;
static atomic_bool half_typed; /* the cursor is in a line being typed */

static void poke(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void on_signal(int signo) {
  int error = errno;
  if (signo == SIGINT) atomic_fetch_add(&interrupts, 1);
  if (signo == SIGCONT) atomic_store(&continued, true);
  poke(atomic_load(&wake_fd));
  errno = error;
}

int line_take_interrupts(void) { return atomic_exchange(&interrupts, 0); }

bool line_take_continued(void) { return atomic_exchange(&continued, false); }

void line_restore(void) {
  if (!atomic_load(&was_found)) return;
  if (atomic_load(&half_typed)) putchar('\n');
  tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
}

int line_columns(void) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

void line_send(line *l, line_event e) {
  gort_value v = {.type = GORT_INTEGER, .u.i = e};
  gort_result res;
  gort_wait_try((gort_source *)(void *)l->events, GORT_SEND, &v, &res);
}

/* ---- what tasks print -------------------------------------------------- */

static bool keep(line *l, const char *text, size_t len) {
  if (l->npending + len > l->room) {
    size_t room = (l->npending + len) * 2;
    char *more = realloc(l->pending, room);
    if (!more) return false;
    l->pending = more;
    l->room = room;
  }
  memcpy(l->pending + l->npending, text, len);
  l->npending += len;
  return true;
}

bool line_show(line *l, FILE *f, const char *text, size_t len) {
  if (!isatty(fileno(f))) return false;
  if (len == 0) return true;
  pthread_mutex_lock(&l->mutex);
  /* Who prints more than the terminal takes is to wait. */
  while (l->editing && l->npending > SHOW_AT_ONCE)
    pthread_cond_wait(&l->drained, &l->mutex);
  if (l->editing && keep(l, text, len)) {
    poke(l->wake);
  } else {
    fwrite(text, 1, len, f);
    fflush(f);
  }
  l->in_line = text[len - 1] != '\n';
  pthread_mutex_unlock(&l->mutex);
  return true;
}

char *line_take_pending(line *l, size_t *len, bool stop) {
  pthread_mutex_lock(&l->mutex);
  char *text = l->npending ? l->pending : NULL;
  *len = l->npending;
  if (text) {
    l->pending = NULL;
    l->npending = l->room = 0;
  } else if (stop) {
    l->editing = false;
    l->in_line = false;
  }
  pthread_cond_broadcast(&l->drained);
  pthread_mutex_unlock(&l->mutex);
  return text;
}

void line_fresh(line *l) {
  if (!l->terminal) return;
  fflush(stdout);
  pthread_mutex_lock(&l->mutex);
  if (l->in_line) putchar('\n');
  l->in_line = false;
  fflush(stdout);
  pthread_mutex_unlock(&l->mutex);
}

/* ---- without a terminal ------------------------------------------------ */

/* Waits for input or Ctrl-C; true: Ctrl-C. Only a terminal's input comes a
 * line at a time, so only there does nothing wait in the buffer. */
static bool await_input(line *l) {
  struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = l->wake, .events = POLLIN}};
  while (isatty(STDIN_FILENO)) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return false;
    if (line_take_interrupts()) return true;
    if (fds[0].revents) return false;
    uint64_t count;
    if (fds[1].revents && read(l->wake, &count, sizeof count) < 0) continue;
  }
  return false;
}

static line_event read_plain(line *l) {
  fputs(l->prompt, stdout);
  fflush(stdout);
  if (await_input(l)) {
    putchar('\n');
    return LINE_CANCEL;
  }
  size_t room = 0;
  ssize_t n = getline(&l->text, &room, stdin);
  if (n < 0) {
    putchar('\n');
    fflush(stdout);
    return LINE_END;
  }
  if (n > 0 && l->text[n - 1] == '\n') l->text[n - 1] = '\0';
  return LINE_TEXT;
}

/* ---- the thread -------------------------------------------------------- */

static line_event read_line(line *l) {
  free(l->text);
  l->text = NULL;
  line_take_interrupts(); /* meant for an evaluation that has ended */
  if (!l->terminal) return read_plain(l);
  pthread_mutex_lock(&l->mutex);
  l->editing = true;
  pthread_mutex_unlock(&l->mutex);
  atomic_store(&half_typed, true);
  line_event e = line_edit(l);
  atomic_store(&half_typed, false);
  return e;
}

static void *thread_main(void *arg) {
  line *l = arg;
  bool again = false;
  for (;;) {
    if (atomic_load(&l->asked)) {
      atomic_store(&l->asked, false);
      line_event e = read_line(l);
      line_send(l, e);
      again = false;
      continue;
    }
    int n = line_take_interrupts();
    if (n > 0 || again) again = l->interrupt(l->arg, n);
    struct pollfd fd = {.fd = l->wake, .events = POLLIN};
    uint64_t count;
    if (poll(&fd, 1, again ? AGAIN_MS : -1) > 0 &&
        read(l->wake, &count, sizeof count) < 0)
      continue;
  }
  return NULL;
}

/* Without a terminal for input Ctrl-C ends the program, as it does in lua. */
static void catch_signals(bool terminal) {
  struct sigaction sa;
  if (!isatty(STDIN_FILENO)) return;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_RESTART;
  sigemptyset(&sa.sa_mask);
  sigaction(SIGINT, &sa, NULL);
  if (!terminal) return;
  sigaction(SIGWINCH, &sa, NULL);
  sigaction(SIGCONT, &sa, NULL);
}

static bool is_terminal(void) {
  const char *term = getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
         strcmp(term, "dumb") != 0;
}

line *line_new(bool (*interrupt)(void *arg, int n), void *arg) {
  line *l = calloc(1, sizeof *l);
  pthread_t thread;
  if (!l) return NULL;
  l->interrupt = interrupt;
  l->arg = arg;
  l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->drained, NULL);
  sem_init(&l->answered, 0, 0);
  l->terminal = is_terminal();
  if (l->terminal && tcgetattr(STDIN_FILENO, &found) == 0)
    atomic_store(&was_found, true);
  atomic_store(&wake_fd, l->wake);
  if (l->wake < 0 || gort_chan_new(1, &l->events) < 0 ||
      pthread_create(&thread, NULL, thread_main, l) != 0) {
    free(l);
    return NULL;
  }
  pthread_detach(thread);
  catch_signals(l->terminal);
  return l;
}

/* ---- the main task's side ---------------------------------------------- */

static void set(char **field, const char *text) {
  free(*field);
  *field = text ? strdup(text) : NULL;
}

void line_ask(line *l, const char *prompt, const char *remember) {
  set(&l->prompt, prompt);
  set(&l->remember, remember);
  atomic_store(&l->asked, true);
  poke(l->wake);
}

void line_answer(line *l, const char *insert, const char *choices) {
  set(&l->insert, insert);
  set(&l->choices, choices);
  sem_post(&l->answered);
}
