/* blocking.c - threads for work that blocks in C.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/blocking.h"

#include "sched/runtime.h"

enum { MAX_THREADS = 256, STACK = 256 * 1024 };
static const uint64_t LINGER_NS = 5000000000u;

struct gort__job {
  gort__job *next;
  void (*work)(void *arg);
  void *arg;
  gort_task *task; /* NULL: nobody waits for it */
};

int gort__blocking_init(gort__blocking *b) {
  b->first = b->last = NULL;
  b->threads = b->idle = b->queued = 0;
  b->stopping = false;
  atomic_init(&b->jobs, 0);
  int rc = uv_mutex_init(&b->mutex);
  if (rc < 0) return rc;
  if ((rc = uv_cond_init(&b->work)) < 0) goto no_work;
  if ((rc = uv_cond_init(&b->gone)) < 0) goto no_gone;
  return 0;
no_gone:
  uv_cond_destroy(&b->work);
no_work:
  uv_mutex_destroy(&b->mutex);
  return rc;
}

static gort__job *next_job_locked(gort__blocking *b) {
  gort__job *job = b->first;
  if (job) {
    b->queued--;
    b->first = job->next;
    if (!b->first) b->last = NULL;
  }
  return job;
}

static void thread_main(void *arg) {
  gort *rt = arg;
  gort__blocking *b = &rt->blocking;
  uv_mutex_lock(&b->mutex);
  for (;;) {
    gort__job *job = next_job_locked(b);
    if (job) {
      uv_mutex_unlock(&b->mutex);
      job->work(job->arg);
      gort_task *t = job->task;
      gort_free(job);
      if (t) gort__ready(t);
      /* After ready: in between, the program must not look deadlocked. */
      if (atomic_fetch_sub(&b->jobs, 1) == 1) gort__deadlock_hint(rt);
      uv_mutex_lock(&b->mutex);
      continue;
    }
    if (b->stopping) break;
    b->idle++;
    int rc = uv_cond_timedwait(&b->work, &b->mutex, LINGER_NS);
    b->idle--;
    if (rc == UV_ETIMEDOUT && !b->first) break;
  }
  b->threads--;
  uv_cond_broadcast(&b->gone);
  uv_mutex_unlock(&b->mutex);
}

static int add_thread_locked(gort *rt) {
  uv_thread_t id;
  uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                 .stack_size = STACK};
  int rc = uv_thread_create_ex(&id, &options, thread_main, rt);
  if (rc == 0) {
    pthread_detach(id);
    rt->blocking.threads++;
  }
  return rc;
}

/* Takes job; 0 or a code. */
static int submit(gort *rt, gort__job *job) {
  gort__blocking *b = &rt->blocking;
  atomic_fetch_add(&b->jobs, 1);
  int rc = 0;
  uv_mutex_lock(&b->mutex);
  if (b->queued >= b->idle && b->threads < MAX_THREADS)
    rc = add_thread_locked(rt);
  if (b->threads == 0 || b->stopping) {
    uv_mutex_unlock(&b->mutex);
    atomic_fetch_sub(&b->jobs, 1);
    gort_free(job);
    return rc < 0 ? rc : GORT_ESTOPPED;
  }
  if (b->last)
    b->last->next = job;
  else
    b->first = job;
  b->last = job;
  b->queued++;
  uv_cond_signal(&b->work);
  uv_mutex_unlock(&b->mutex);
  return 0;
}

static gort__job *new_job(gort_task *t, void (*work)(void *arg), void *arg) {
  gort__job *job = gort_malloc(sizeof *job);
  if (job) *job = (gort__job){.work = work, .arg = arg, .task = t};
  return job;
}

int gort_blocking(gort_task *self, void (*work)(void *arg), void *arg) {
  if (gort_task_err(self)) return GORT_EBOUND;
  gort__job *job = new_job(self, work, arg);
  if (!job) return GORT_ENOMEM;
  /* Decided from the start: only the end of the work ends it. */
  gort__wait_begin(self, false, 0, GORT_TICKET_TIMEOUT);
  self->wait.reason = GORT_REASON_BLOCKING;
  int rc = submit(self->vm->rt, job);
  if (rc == 0) return GORT_PARKED;
  self->wait.parked = false;
  return rc;
}

int gort_blocking_go(gort *rt, void (*work)(void *arg), void *arg) {
  gort__job *job = new_job(NULL, work, arg);
  return job ? submit(rt, job) : GORT_ENOMEM;
}

void gort__blocking_stop(gort__blocking *b) {
  uv_mutex_lock(&b->mutex);
  b->stopping = true;
  gort__job *job;
  while ((job = next_job_locked(b))) gort_free(job);
  uv_cond_broadcast(&b->work);
  while (b->threads > 0) uv_cond_wait(&b->gone, &b->mutex);
  uv_mutex_unlock(&b->mutex);
}

void gort__blocking_fini(gort__blocking *b) {
  uv_cond_destroy(&b->gone);
  uv_cond_destroy(&b->work);
  uv_mutex_destroy(&b->mutex);
}
