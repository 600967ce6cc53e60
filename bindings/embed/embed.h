/* embed.h - a runtime with Lua inside a host program.
 *
 * SPDX-License-Identifier: MIT
 *
 * Threads: the server thread runs the runtime (it is its first worker) and
 *   takes it apart; calls come from any thread.
 * Ownership: an lgort is counted: by the host until lgort_close, by the
 *   server thread, and by each call of the host that is under way.
 * Holds: while no run is under way the host may still start one, so the
 *   runtime is held; while one is it is not: idle says which.
 * Locking: mutex guards what says so; taken with no other lock held but
 *   jobs' ends are told after it. */
#ifndef LGORT_EMBED_EMBED_H
#define LGORT_EMBED_EMBED_H

#include <uv.h>

#include "lgort.h"
#include "vm/vm.h"

typedef enum lgort_chunk { LGORT_FILE, LGORT_CODE, LGORT_FUNCTION } lgort_chunk;

/* A call of a chunk. Of a run: listed until it is done, and counted, by its
 * caller and by the task that makes it; the caller need not wait for a task
 * that is stuck. Of a task: the task's alone. */
typedef struct lgort_job {
  struct lgort_job *next, **at; /* in g->runs: guarded by g->mutex */
  atomic_uint refs;
  lgort *g; /* counted */
  /* Immutable. */
  lgort_chunk kind;
  char *text; /* owned: the path or the code */
  lua_CFunction f;
  bool is_run, wants_result;
  /* The task's. */
  gort_value *args; /* owned */
  int nargs;
  gort_value value; /* the result to be */
  /* Guarded by g->mutex, until done; then the caller's. */
  bool done;
  int rc;
  gort_value result; /* owned */
  gort_chan *ended;  /* closed when it is done */
} lgort_job;

struct lgort {
  lgort_host host; /* first: a vm finds the lgort through it */
  lgort_options options;
  atomic_uint refs;
  uv_thread_t server;

  uv_mutex_t mutex;
  uv_cond_t changed;
  /* Guarded by mutex. */
  lgort_job *runs;
  unsigned running; /* how many */
  int code;         /* why it stopped; 0: it has not */
  int exit_status;  /* -1: os.exit was not called */
  char *error;      /* owned */
  bool closing, gone;
};

/* Stops the runtime for the reason code, and ends all runs with it; error
 * (borrowed, or NULL) becomes lgort_error's. The first reason counts. */
void lgort__stop(lgort *g, int code, const char *error);
/* Notes the text of an error; the caller holds g->mutex. */
void lgort__note_error_locked(lgort *g, const char *error);
void lgort__retain(lgort *g);
void lgort__release(lgort *g);

/* Ends a run that is listed; takes result. No effect on one that is done. */
void lgort__job_end(lgort_job *j, int rc, gort_value *result,
                    const char *error);
void lgort__job_retain(lgort_job *j);
void lgort__job_release(lgort_job *j);

#endif
