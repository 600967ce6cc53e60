/* host.c - making, stopping and closing a runtime inside a host.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "embed/embed.h"
#include "embed/pending.h"

/* ---- counts ------------------------------------------------------------ */

void lgort__retain(lgort *g) {
  atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
}

void lgort__release(lgort *g) {
  if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1) return;
  uv_cond_destroy(&g->changed);
  uv_mutex_destroy(&g->mutex);
  gort_free(g->error);
  gort_free(g);
}

/* ---- what the vms tell ------------------------------------------------- */

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = gort_malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

void lgort__note_error_locked(lgort *g, const char *error) {
  if (!error) return;
  gort_free(g->error);
  g->error = copy_text(error);
}

static void log_text(lgort *g, lgort_level level, const char *text) {
  if (g->options.log) g->options.log(g->options.user, level, text);
}

static void on_warning(lgort_host *h, const char *text) {
  log_text((lgort *)h, LGORT_WARNING, text);
}

static bool on_show(lgort_host *h, FILE *f, const char *text, size_t len) {
  lgort *g = (lgort *)h;
  if (f != stdout) return false;
  g->options.print(g->options.user, text, len);
  return true;
}

static void on_refused(lgort_host *h, const char *why) {
  lgort *g = (lgort *)h;
  uv_mutex_lock(&g->mutex);
  lgort__note_error_locked(g, why ? why : "not enough memory");
  uv_mutex_unlock(&g->mutex);
  log_text(g, LGORT_ERROR, why ? why : "not enough memory");
}

static void on_task_error(lgort_host *h, bool is_main, const char *report) {
  lgort *g = (lgort *)h;
  (void)is_main;
  if (gort_is_stopping(h->rt)) return;
  log_text(g, LGORT_ERROR, report);
  if (g->options.on_error == LGORT_STOP) lgort__stop(g, GORT_ETASK, report);
}

static void on_deadlock(gort *rt, void *arg, const char *report) {
  (void)rt;
  lgort__stop(arg, GORT_EDEADLOCK, report);
}

static void on_exit_call(lgort_host *h, int status) {
  lgort *g = (lgort *)h;
  uv_mutex_lock(&g->mutex);
  if (!g->code) g->exit_status = status;
  uv_mutex_unlock(&g->mutex);
  lgort__stop(g, GORT_ESTOPPED, NULL);
}

/* ---- stopping ---------------------------------------------------------- */

void lgort__stop(lgort *g, int code, const char *error) {
  lgort_job *j;
  do {
    uv_mutex_lock(&g->mutex);
    if (!g->code) {
      g->code = code;
      lgort__note_error_locked(g, error);
    }
    code = g->code;
    j = g->runs;
    if (j) lgort__job_retain(j);
    uv_mutex_unlock(&g->mutex);
    if (j) {
      lgort__job_end(j, code, NULL, NULL);
      lgort__job_release(j);
    }
  } while (j);
  gort_stop(g->host.rt, 0);
}

char *lgort_error(lgort *g) {
  uv_mutex_lock(&g->mutex);
  char *copy = g->error ? copy_text(g->error) : NULL;
  uv_mutex_unlock(&g->mutex);
  return copy;
}

int lgort_exit_status(lgort *g) {
  uv_mutex_lock(&g->mutex);
  int status = g->exit_status;
  uv_mutex_unlock(&g->mutex);
  return status;
}

gort *lgort_runtime(lgort *g) { return g->host.rt; }

lgort *lgort_of(lua_State *L) {
  lgort_host *h = lgort_vm_of(L)->host;
  return h->embeds ? (lgort *)h : NULL;
}

/* ---- the server thread ------------------------------------------------- */

static void serve(void *arg) {
  lgort *g = arg;
  gort_run(g->host.rt, NULL);
  uv_mutex_lock(&g->mutex);
  while (!g->closing) uv_cond_wait(&g->changed, &g->mutex);
  uv_mutex_unlock(&g->mutex);
  gort_destroy(g->host.rt);
  lgort_pendings_fini(&g->host);
  lgort_codes_fini(&g->host.codes);
  uv_mutex_lock(&g->mutex);
  g->gone = true;
  uv_cond_broadcast(&g->changed);
  uv_mutex_unlock(&g->mutex);
  lgort__release(g);
}

/* ---- making and closing ------------------------------------------------ */

static void fill_host(lgort *g) {
  const lgort_options *o = &g->options;
  lgort_host *h = &g->host;
  h->on_task_error = on_task_error;
  h->leave = on_exit_call;
  h->on_open = o->init;
  h->user = o->user;
  h->alloc = o->alloc;
  h->alloc_user = o->alloc_user;
  h->vm_memory = o->vm_memory;
  h->modules = o->modules;
  atomic_init(&h->show, o->print ? on_show : NULL);
  h->warn = o->log ? on_warning : NULL;
  h->refused = on_refused;
  h->no_env = o->no_env;
  h->insists = h->embeds = true;
}

static int start(lgort *g) {
  gort_options options = {.maxprocs = g->options.workers,
                          .preempt = g->options.preempt,
                          .ops = &lgort_ops,
                          .arg = &g->host,
                          .on_deadlock = on_deadlock};
  uv_thread_options_t big = {.flags = UV_THREAD_HAS_STACK_SIZE,
                             .stack_size = 8 << 20};
  int rc = gort_new(&options, &g->host.rt);
  if (rc < 0) return rc;
  gort_hold(g->host.rt);
  lgort__retain(g); /* the server's */
  rc = uv_thread_create_ex(&g->server, &big, serve, g);
  if (rc == 0) return 0;
  lgort__release(g);
  gort_destroy(g->host.rt);
  return rc;
}

int lgort_new(const lgort_options *options, lgort **out) {
  lgort *g = gort_malloc(sizeof *g);
  if (!g) return GORT_ENOMEM;
  memset(g, 0, sizeof *g);
  if (options) g->options = *options;
  atomic_init(&g->refs, 1);
  g->exit_status = -1;
  fill_host(g);
  int rc = uv_mutex_init(&g->mutex);
  if (rc < 0) goto no_mutex;
  if ((rc = uv_cond_init(&g->changed)) < 0) goto no_cond;
  if ((rc = lgort_codes_init(&g->host.codes)) < 0) goto no_codes;
  if ((rc = start(g)) < 0) goto no_start;
  *out = g;
  return 0;
no_start:
  lgort_codes_fini(&g->host.codes);
no_codes:
  uv_cond_destroy(&g->changed);
no_cond:
  uv_mutex_destroy(&g->mutex);
no_mutex:
  gort_free(g->error);
  gort_free(g);
  return rc;
}

/* Until the server thread has taken all apart; the caller holds the mutex. */
static bool wait_gone_locked(lgort *g, int64_t timeout_ns) {
  int64_t until = GORT_FOREVER;
  if (timeout_ns != GORT_FOREVER &&
      __builtin_add_overflow(gort_now(), timeout_ns, &until))
    until = GORT_FOREVER;
  while (!g->gone) {
    int64_t left = until == GORT_FOREVER ? 0 : until - gort_now();
    if (until == GORT_FOREVER)
      uv_cond_wait(&g->changed, &g->mutex);
    else if (left <= 0 || uv_cond_timedwait(&g->changed, &g->mutex,
                                            (uint64_t)left) == UV_ETIMEDOUT)
      break;
  }
  return g->gone;
}

/* No longer than timeout_ns, whatever tasks do: it is the server thread that
 * waits for the workers (gort_destroy), and this one only for its word. */
int lgort_close(lgort *g, int64_t timeout_ns) {
  if (gort_is_worker()) return GORT_EWORKER;
  lgort__stop(g, GORT_ESTOPPED, NULL);
  uv_mutex_lock(&g->mutex);
  g->closing = true;
  uv_cond_broadcast(&g->changed);
  bool gone = wait_gone_locked(g, timeout_ns);
  uv_mutex_unlock(&g->mutex);
  if (gone)
    uv_thread_join(&g->server);
  else
    pthread_detach(g->server);
  lgort__release(g);
  return gone ? 0 : GORT_ETIMEOUT;
}
