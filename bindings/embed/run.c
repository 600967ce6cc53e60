/* run.c - chunks of the host's: runs in the main vm, tasks in any.
 *
 * SPDX-License-Identifier: MIT
 *
 * Both execute run_chunk, which loads the chunk, pushes the arguments and
 * calls it; a run does so under a lua_pcallk of its own, whose end is the
 * run's. The job hangs in a userdata meanwhile, so that it is let go of when
 * the task is, whatever ends that. */
#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "cross/env.h"
#include "embed/embed.h"
#include "vm/bound.h"
#include "vm/coro.h"

/* ---- jobs -------------------------------------------------------------- */

static void drop_args(gort_value *args, int n) {
  for (int i = 0; i < n; i++) gort_value_drop(&args[i]);
}

void lgort__job_retain(lgort_job *j) {
  atomic_fetch_add_explicit(&j->refs, 1, memory_order_relaxed);
}

void lgort__job_release(lgort_job *j) {
  if (!j || atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) != 1)
    return;
  drop_args(j->args, j->nargs);
  gort_free(j->args);
  gort_free(j->text);
  gort_value_drop(&j->value);
  gort_value_drop(&j->result);
  if (j->ended) gort_object_release((gort_object *)(void *)j->ended);
  lgort__release(j->g);
  gort_free(j);
}

static void job_gone(void *job) { lgort__job_release(job); }

/* Copies what the caller gave; takes the arguments. */
static lgort_job *job_new(lgort *g, lgort_chunk kind, const char *text,
                          const lgort_with *with) {
  size_t n = with && with->nargs > 0 ? (size_t)with->nargs : 0;
  size_t size = text ? strlen(text) + 1 : 0;
  lgort_job *j = gort_malloc(sizeof *j);
  gort_value *args = gort_malloc(n * sizeof *args);
  char *copy = gort_malloc(size);
  if (!j || !args || !copy) {
    gort_free(j);
    gort_free(args);
    gort_free(copy);
    if (n) drop_args(with->args, (int)n);
    return NULL;
  }
  memset(j, 0, sizeof *j);
  atomic_init(&j->refs, 1);
  lgort__retain(g);
  j->g = g;
  j->kind = kind;
  j->text = copy;
  if (text) memcpy(copy, text, size);
  j->args = args;
  j->nargs = (int)n;
  for (size_t i = 0; i < n; i++) {
    args[i] = with->args[i];
    with->args[i].type = GORT_NIL;
  }
  return j;
}

void lgort__job_end(lgort_job *j, int rc, gort_value *result,
                    const char *error) {
  lgort *g = j->g;
  uv_mutex_lock(&g->mutex);
  bool first = !j->done;
  if (first) {
    j->done = true;
    j->rc = rc;
    lgort__note_error_locked(g, error);
    if (result) {
      j->result = *result;
      result->type = GORT_NIL;
    }
    *j->at = j->next;
    if (j->next) j->next->at = j->at;
    if (--g->running == 0) gort_hold(g->host.rt);
  }
  uv_mutex_unlock(&g->mutex);
  if (first) gort_chan_close(j->ended);
}

/* ---- in the task ------------------------------------------------------- */

static int box_gc(lua_State *L) {
  lgort_job **box = lua_touserdata(L, 1);
  lgort__job_release(*box);
  *box = NULL;
  return 0;
}

/* Protected. Stack: the job. Returns its userdata. */
static int new_box(lua_State *L) {
  lgort_job **box = lua_newuserdatauv(L, sizeof(lgort_job *), 0);
  *box = NULL;
  if (luaL_newmetatable(L, "gort.job")) {
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  *box = lua_touserdata(L, 1);
  return 1;
}

/* Pushes the chunk's function; false: a message. */
static bool push_chunk(lua_State *L, lgort_vm *vm, const lgort_job *j) {
  if (j->kind == LGORT_FUNCTION) {
    lua_pushcfunction(L, j->f);
    return true;
  }
  int status = j->kind == LGORT_FILE ? luaL_loadfile(L, j->text)
                                     : luaL_loadstring(L, j->text);
  if (status != LUA_OK) return false;
  if (gort_vm_index(vm->vm) > 0) {
    lgort_push_task_env(L, vm);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return true;
}

static const lgort_subject subject = {"return", "result", false};

static int chunk_k(lua_State *L, int status, lua_KContext ctx) {
  lgort_job *j = (lgort_job *)ctx;
  (void)status;
  if (j->wants_result) lgort_encode(L, lgort_vm_of(L), -1, &subject, &j->value);
  return 0;
}

/* Stack: the job. May raise, and park. */
static int run_chunk(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_job *j = lua_touserdata(L, 1);
  if (!push_chunk(L, vm, j)) return lua_error(L);
  luaL_checkstack(L, j->nargs + 4, "too many arguments");
  for (int i = 0; i < j->nargs; i++) lgort_decode(L, vm, &j->args[i]);
  lua_callk(L, j->nargs, j->wants_result, (lua_KContext)j, chunk_k);
  return chunk_k(L, LUA_OK, (lua_KContext)j);
}

/* Stack: the userdata, ...; a message when it failed. */
static int run_end(lua_State *L, int status, lua_KContext ctx) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_job *j = (lgort_job *)ctx;
  lgort_job **box = lua_touserdata(L, 1);
  if (status == LUA_OK || status == LUA_YIELD) {
    lgort__job_end(j, 0, &j->value, NULL);
  } else {
    gort_context *ctx_of = gort_task_context(gort_vm_current(vm->vm));
    int rc = status == LUA_ERRMEM ? GORT_ENOMEM : GORT_ELUA;
    if (vm->task->ended && ctx_of) rc = gort_context_err(ctx_of);
    const char *message = lua_tostring(L, -1);
    lgort__job_end(j, rc, NULL, message ? message : gort_strerror(rc));
  }
  *box = NULL;
  lgort__job_release(j);
  return 0;
}

/* The body of a run's task. Stack: the job. */
static int run_body(lua_State *L) {
  lgort_job *j = lua_touserdata(L, 1);
  lua_pushcfunction(L, new_box);
  lua_insert(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lgort__job_end(j, GORT_ENOMEM, NULL, gort_strerror(GORT_ENOMEM));
    lgort__job_release(j);
    return 0;
  }
  lua_pushcfunction(L, lgort_traceback);
  lua_pushcfunction(L, run_chunk);
  lua_pushlightuserdata(L, j);
  int status = lua_pcallk(L, 1, 0, 2, (lua_KContext)j, run_end);
  return run_end(L, status, (lua_KContext)j);
}

/* The body of a task that the host starts. Stack: the job. */
static int go_body(lua_State *L) {
  lgort_job *j = lua_touserdata(L, 1);
  lua_pushcfunction(L, new_box);
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lgort__job_release(j);
    return lua_error(L);
  }
  return run_chunk(L);
}

/* ---- in the host's thread ---------------------------------------------- */

static void drop(gort_record *r) {
  lgort_ops.drop(r);
  gort_record_free(r);
}

/* The record for j, which takes a count of it; NULL without memory. */
static gort_record *record_of(lgort_job *j, lua_CFunction body,
                              const lgort_with *with) {
  gort_record *r = lgort_host_record(&j->g->host, body, j, job_gone);
  if (!r) return NULL;
  lgort__job_retain(j);
  if (!with || !with->ctx || gort_record_bind(r, with->ctx) == 0) return r;
  drop(r);
  return NULL;
}

/* Lists the run and starts it, unless the runtime has stopped: then why. All
 * under the mutex: a runtime that has not stopped is not taken apart. */
static int begin_run(lgort *g, lgort_job *j, gort_record *r) {
  uv_mutex_lock(&g->mutex);
  int code = g->code;
  if (!code) {
    j->next = g->runs;
    j->at = &g->runs;
    if (j->next) j->next->at = &j->next;
    g->runs = j;
    gort_go_main(g->host.rt, r);
    if (g->running++ == 0) gort_unhold(g->host.rt);
  }
  uv_mutex_unlock(&g->mutex);
  if (code) drop(r);
  return code;
}

static int begin_task(lgort *g, gort_record *r) {
  uv_mutex_lock(&g->mutex);
  int code = g->code ? GORT_ESTOPPED : 0;
  if (!code) gort_go(g->host.rt, r);
  uv_mutex_unlock(&g->mutex);
  if (code) drop(r);
  return code;
}

static int run(lgort *g, lgort_chunk kind, const char *text,
               const lgort_with *with) {
  if (gort_is_worker()) {
    if (with) drop_args(with->args, with->nargs);
    return GORT_EWORKER;
  }
  lgort_job *j = job_new(g, kind, text, with);
  if (!j) return GORT_ENOMEM;
  gort_value *result = with ? with->result : NULL;
  j->is_run = true;
  j->wants_result = result != NULL;
  gort_record *r = NULL;
  int rc = gort_chan_new(0, &j->ended);
  if (rc == 0 && !(r = record_of(j, run_body, with))) rc = GORT_ENOMEM;
  if (rc == 0) rc = begin_run(g, j, r);
  if (rc == 0) {
    gort_value none;
    gort_chan_recv(j->ended, &none, NULL);
    rc = j->rc;
    if (rc == 0 && result) {
      *result = j->result;
      j->result.type = GORT_NIL;
    }
  }
  lgort__job_release(j);
  return rc;
}

static int go(lgort *g, lgort_chunk kind, const char *text, lua_CFunction f,
              const lgort_with *with) {
  lgort_job *j = job_new(g, kind, text, with);
  if (!j) return GORT_ENOMEM;
  j->f = f;
  gort_record *r = record_of(j, go_body, with);
  lgort__job_release(j);
  return r ? begin_task(g, r) : GORT_ENOMEM;
}

int lgort_run_file(lgort *g, const char *path, const lgort_with *with) {
  return run(g, LGORT_FILE, path, with);
}

int lgort_run_string(lgort *g, const char *code, const lgort_with *with) {
  return run(g, LGORT_CODE, code, with);
}

int lgort_go_file(lgort *g, const char *path, const lgort_with *with) {
  return go(g, LGORT_FILE, path, NULL, with);
}

int lgort_go_string(lgort *g, const char *code, const lgort_with *with) {
  return go(g, LGORT_CODE, code, NULL, with);
}

int lgort_go(lgort *g, lua_CFunction f, const lgort_with *with) {
  return go(g, LGORT_FUNCTION, NULL, f, with);
}
