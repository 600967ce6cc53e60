/* coro.c - coroutines as tasks: start, resume, end, failure.
 *
 * SPDX-License-Identifier: MIT
 *
 * A task's coroutine runs task_body, a C function that turns the record into
 * a call and makes it under lua_pcallk: an error becomes a report after the
 * task's <close> variables have run, and the coroutine can be used again.
 * The main task's runs the C function of its record itself, which deals with
 * errors: what main calls has as many levels below it as in lua.
 *
 * Ownership: a record is task_body's until it is taken apart. */
#include "vm/coro.h"

#include <stdio.h>
#include <string.h>

#include "cross/call.h"
#include "cross/env.h"
#include "cross/outcome.h"
#include "vm/bound.h"
#include "vm/pool.h"
#include "vm/preempt.h"

/* ---- what belongs to a task -------------------------------------------- */

/* False when memory is out. */
static bool add_ending(lgort_task *lt) {
  lgort_ending *e = gort_malloc(sizeof *e);
  if (!e) return false;
  *e = (lgort_ending){.told = lt->told, .clean_left = LGORT_CLEANUP_NS};
  lt->ending = e;
  lt->has_ending = true;
  return true;
}

static void drop_ending(lgort_task *lt) {
  if (!lt->has_ending) return;
  gort_value_drop(&lt->ending->trace);
  gort_free(lt->ending);
  lt->has_ending = false;
  lt->told = NULL;
}

/* A closure that is kept holds no values meanwhile. */
static void empty_kept(lgort_task *lt) {
  for (int i = 0; i < lt->kept_ups; i++) {
    if (i == lt->kept_env) continue;
    lua_pushnil(lt->co);
    lua_setupvalue(lt->co, 1, i + 1);
  }
}

/* The record has become a call, or failed to. */
static void drop_record(lgort_task *lt) {
  gort_record *r = lt->record;
  if (!r) return;
  lt->record = NULL;
  lgort_call_free(r);
}

void lgort_forget(gort_vm *vm, gort_task *t) {
  lgort_task *lt = gort_task_state(t);
  lgort_vm *lvm = gort_vm_state(vm);
  if (!lt) return;
  drop_record(lt);
  gort_object *told = *lgort_told(lt);
  if (told) gort_object_release(told);
  drop_ending(lt);
  lgort_pool_forget(lvm, lt);
}

/* ---- a task's end ------------------------------------------------------ */

/* luaL_traceback without its last line, "[C]: in ?": that is task_body. */
static void push_stack(lua_State *L, lua_State *of, const char *message,
                       int level) {
  static const char last[] = "\n\t[C]: in ?";
  size_t len, cut = sizeof last - 1;
  luaL_traceback(L, of, message, level);
  const char *s = lua_tolstring(L, -1, &len);
  if (len < cut || strcmp(s + len - cut, last) != 0) return;
  lua_pushlstring(L, s, len - cut);
  lua_remove(L, -2);
}

/* The error at 1 as text, with the stack that led to it. */
static void push_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
      message = lua_tostring(L, -1);
    else
      message = lua_pushfstring(L, "(error object is a %s value)",
                                luaL_typename(L, 1));
  }
  push_stack(L, L, message, 1);
}

/* The error at 1 is another's business: it goes on as it is. */
static bool caught(lua_State *L, lgort_task *lt) {
  gort_object *told = *lgort_told(lt);
  if (!lgort_outcome_catches(told)) return false;
  if (lgort_outcome_traces(told)) {
    push_traceback(L);
    gort_value_drop(&lt->ending->trace);
    lgort_encode_simple(L, -1, &lt->ending->trace);
    lua_settop(L, 1);
  }
  return true;
}

int lgort_traceback(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  if (vm->task) {
    vm->task->unwinding = true;
    vm->task->ended = lgort_is_end(L, vm, 1);
    if (vm->task->ended || caught(L, vm->task)) return 1;
  }
  vm->panics++;
  atomic_fetch_add(&vm->host->panicking, 1);
  push_traceback(L);
  return 1;
}

static void report_error(lgort_vm *vm, const lgort_task *lt, uint64_t id,
                         const char *message) {
  lgort_host *h = vm->host;
  if (!lt->source) {
    h->on_task_error(h, true, message);
    return;
  }
  char head[64], created[512];
  snprintf(head, sizeof head, "task %llu: ", (unsigned long long)id);
  lgort_describe_site(lt->source, lt->line, lt->parent, created,
                      sizeof created);
  gort_text *text = gort_text_new();
  if (text) {
    gort_text_add(text, head, strlen(head));
    gort_text_add(text, message, strlen(message));
    gort_text_add(text, "\n", 1);
    gort_text_add(text, created, strlen(created));
  }
  char *report = gort_text_take(text);
  h->on_task_error(h, false, report ? report : message);
  gort_free(report);
}

/* Above `below` lie the results, or the error. */
static void call_end(lua_State *L, int status, lgort_task *lt, int below) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_value none = {.type = GORT_NIL};
  gort_value *trace = lt->has_ending ? &lt->ending->trace : &none;
  gort_object *told = *lgort_told(lt);
  bool ok = status == LUA_OK || status == LUA_YIELD;
  *lgort_told(lt) = NULL;
  if (told && (ok || lt->ended || lgort_outcome_catches(told))) {
    lgort_outcome_tell(L, told, trace, below + 1, ok);
  } else if (!ok && !lt->ended) {
    const char *message = lua_tostring(L, -1);
    report_error(vm, lt, gort_task_id(gort_vm_current(vm->vm)),
                 message ? message : "not enough memory");
    if (told) lgort_outcome_tell(L, told, trace, below + 1, false);
  }
}

/* How many results are wanted. */
static int results_of(lgort_task *lt) {
  return lgort_outcome_catches(*lgort_told(lt)) ? LUA_MULTRET : 0;
}

static int body_end(lua_State *L, int status, lua_KContext ctx) {
  call_end(L, status, (lgort_task *)ctx, 1);
  return 0;
}

/* Turns the record into a function and its arguments; may raise. */
static int unpack(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_record *r = lua_touserdata(L, 1);
  lua_settop(L, 0);
  vm->starting = gort_task_state(gort_vm_current(vm->vm));
  int n = lgort_call_push(L, r);
  vm->starting = NULL;
  return n;
}

/* Stack: the message handler, the function, its arguments. */
static int call_function(lua_State *L, lgort_task *lt) {
  int status = lua_pcallk(L, lua_gettop(L) - 2, results_of(lt), 1,
                          (lua_KContext)lt, body_end);
  return body_end(L, status, (lua_KContext)lt);
}

static int kept_end(lua_State *L, int status, lua_KContext ctx) {
  call_end(L, status, (lgort_task *)ctx, 2);
  lua_settop(L, 2);
  return 1;
}

/* Pushes the arguments and does the same; returns the function, which is to be
 * used again. Stack: the message handler, the function. */
static int call_and_keep(lua_State *L, lgort_task *lt) {
  lua_pushvalue(L, 2);
  lgort_call_push_arguments(L, lt->record);
  drop_record(lt);
  int status = lua_pcallk(L, lua_gettop(L) - 3, results_of(lt), 1,
                          (lua_KContext)lt, kept_end);
  return kept_end(L, status, (lua_KContext)lt);
}

/* Protected. Stack: the record. */
static int use_additions(lua_State *L) {
  lgort_call_use_additions(L, lua_touserdata(L, 1));
  return 0;
}

/* Unpacks a message and makes the call, once all modules that it names are
 * loaded: a module may block while it loads. Stack: the message handler. */
static int load_and_call(lua_State *L, int status, lua_KContext ctx) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_task *lt = (lgort_task *)ctx;
  while (status == LUA_OK || status == LUA_YIELD) {
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "gort.require");
    if (lgort_call_push_missing(L, lt->record)) {
      status = lua_pcallk(L, 1, 0, 1, ctx, load_and_call);
    } else if (lgort_call_has_additions(vm, lt->record)) {
      break;
    } else {
      lua_pushcfunction(L, use_additions);
      lua_pushlightuserdata(L, lt->record);
      status = lua_pcall(L, 1, 0, 1);
    }
  }
  if (status == LUA_OK || status == LUA_YIELD) {
    lua_settop(L, 1);
    lua_pushcfunction(L, unpack);
    lua_pushlightuserdata(L, lt->record);
    status = lua_pcall(L, 1, LUA_MULTRET, 1);
    vm->starting = NULL;
  }
  drop_record(lt);
  return status == LUA_OK ? call_function(L, lt)
                          : body_end(L, status, (lua_KContext)lt);
}

/* The coroutine's function. Stack: the message handler; the function, from
 * the coroutine or from all. */
static int task_body(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_task *lt = vm->task;
  gort_record *r = lt->record;
  /* Only memory can run out on the plain ways: see end_coroutine. */
  switch (lt->origin) {
    case LGORT_FROM_MESSAGE:
      return load_and_call(L, LUA_OK, (lua_KContext)lt);
    case LGORT_FROM_CALL:
      if (!lgort_call_keeps(r, lt)) break;
      lgort_call_push_function(L, r, false);
      return call_and_keep(L, lt);
    case LGORT_FROM_LAST:
      lgort_call_keeps(r, lt);
      lgort_call_refill(L, r, 2);
      return call_and_keep(L, lt);
    default:;
  }
  if (lt->origin != LGORT_FROM_ALL)
    lgort_call_push_function(L, r, lt->origin == LGORT_FIRST_OF_ALL);
  lgort_call_push_arguments(L, r);
  drop_record(lt);
  return call_function(L, lt);
}

/* ---- steps ------------------------------------------------------------- */

/* What lgort_stopped gets where lua_resume was not called. */
enum { NOT_STARTED = -1 };

/* In line, so that those who call it end with the call, too (gort.h). */
__attribute__((always_inline)) static inline int go_on(lgort_vm *vm,
                                                       lgort_task *lt,
                                                       int nargs) {
  if (vm->encoder.busy || vm->encoder.inner) lgort_encoder_unwind(&vm->encoder);
  if (vm->held.n > 0) lgort_unhold(&vm->held, 0);
  vm->turns++;
  vm->starts = 0;
  vm->task_co = lt->co;
  vm->task = lt;
  vm->yielding = LGORT_YIELD_USER;
  atomic_store_explicit(&vm->preempt, false, memory_order_relaxed);
  atomic_store_explicit(&vm->innermost, lt->co, memory_order_relaxed);
  lgort_set_suspended(lt->co, false);
  if (atomic_load_explicit(&vm->interrupt, memory_order_relaxed))
    lgort_hook(vm, lt->co, 1);
  return lua_resume(lt->co, vm->L, nargs, &vm->nres);
}

/* The task's coroutine has ended; it goes back into the pool. */
static void end_coroutine(lgort_vm *vm, lgort_task *lt, int status) {
  bool keeps = status == LUA_OK && vm->nres > 0;
  if (status != LUA_OK) {
    /* Memory ran out before the call, or even for the report. */
    const char *message = lua_tostring(lt->co, -1);
    gort_object *told = *lgort_told(lt);
    *lgort_told(lt) = NULL;
    drop_record(lt);
    if (!lgort_outcome_catches(told))
      report_error(vm, lt, gort_task_id(gort_vm_current(vm->vm)),
                   message ? message : "not enough memory");
    if (told) lgort_outcome_fail(told);
    lua_resetthread(lt->co);
    lt->kept = 0;
  }
  /* The function that was returned stays, or else the one that was there. */
  if (keeps && lua_gettop(lt->co) > 1) lua_replace(lt->co, 1);
  lua_settop(lt->co, lt->kept != 0);
  if (keeps) empty_kept(lt);
  drop_ending(lt);
  lgort_pool_give(vm, lt);
}

gort_step lgort_stopped(gort_vm *gvm, gort_task *t, int status) {
  lgort_vm *vm = gort_vm_state(gvm);
  lgort_task *lt = gort_task_state(t);
  if (status == NOT_STARTED) return GORT_STEP_FINISHED;
  atomic_store_explicit(&vm->innermost, NULL, memory_order_relaxed);
  vm->task = NULL;
  if (status != LUA_YIELD) {
    end_coroutine(vm, lt, status);
    return GORT_STEP_FINISHED;
  }
  /* A yield of our own has no values. */
  if (vm->yielding == LGORT_YIELD_USER) lua_pop(lt->co, vm->nres);
  lgort_set_suspended(lt->co, true);
  lt->computes = vm->yielding == LGORT_YIELD_TURN;
  return vm->yielding == LGORT_YIELD_PARK  ? GORT_STEP_PARKED
         : vm->yielding == LGORT_YIELD_WAY ? GORT_STEP_GAVE_WAY
                                           : GORT_STEP_YIELDED;
}

void lgort_fail(gort_record *r, int code) {
  char report[160], created[100];
  lgort_host *h = lgort_call_host(r);
  lgort_task site = {0};
  lgort_call_site(r, &site);
  lgort_call_drop(r);
  if (lgort_outcome_catches(site.told)) {
    lgort_outcome_fail(site.told);
    return;
  }
  lgort_describe_site(site.source, site.line, site.parent, created,
                      sizeof created);
  snprintf(report, sizeof report, "task %llu: cannot start: %s\n%s",
           (unsigned long long)gort_record_id(r), gort_strerror(code), created);
  if (site.told) gort_object_release(site.told);
  lgort_call_drop(r);
  atomic_fetch_add(&h->panicking, 1);
  h->on_task_error(h, false, report);
}

/* Chooses where lt has its function from, and pushes onto its coroutine what is
 * there already; how many values that is. */
static int push_origin(lgort_vm *vm, lgort_task *lt, gort_record *r) {
  lt->origin = LGORT_FROM_MESSAGE;
  if (!lgort_call_is_plain(vm, r)) return 0;
  lt->origin = LGORT_FROM_ALL;
  if (lgort_call_push_ready(lt->co, vm, r)) return 1;
  lt->origin = LGORT_FIRST_OF_ALL;
  if (lgort_call_to_share(vm, r)) return 0;
  lt->origin = LGORT_FROM_CALL;
  if (!lgort_call_fits(r, lt)) return 0;
  lt->origin = LGORT_FROM_LAST;
  lua_pushvalue(lt->co, 1);
  return 1;
}

int lgort_start(gort_vm *gvm, gort_task *t, gort_record *r) {
  lgort_vm *vm = gort_vm_state(gvm);
  lgort_task *lt = lgort_pool_take(vm);
  bool bound = gort_task_context(t) != NULL;
  bool ends = bound || lgort_outcome_traces(lgort_call_told(r));
  if (lt && ends && !add_ending(lt)) {
    lgort_pool_give(vm, lt);
    lt = NULL;
  }
  if (!lt) {
    lgort_fail(r, GORT_ENOMEM);
    gort_record_free(r);
    return NOT_STARTED;
  }
  gort_task_set_state(t, lt);
  lt->record = r;
  lt->bound = bound;
  lgort_call_site(r, lt);
  if (lgort_call_is_body(r)) {
    int n = lgort_call_push(lt->co, r); /* two values: needs no memory */
    drop_record(lt);
    return go_on(vm, lt, n - 1);
  }
  lua_pushcfunction(lt->co, task_body);
  lua_pushcfunction(lt->co, lgort_traceback);
  return go_on(vm, lt, 1 + push_origin(vm, lt, r));
}

int lgort_resume(gort_vm *gvm, gort_task *t) {
  lgort_vm *vm = gort_vm_state(gvm);
  lgort_task *lt = gort_task_state(t);
  /* One that had to let go of the processor is asked to end at once. */
  if (lt->bound && lt->computes && gort_task_err(t)) lgort_hook(vm, lt->co, 1);
  lt->asked = false;
  return go_on(vm, lt, 0);
}

void lgort_describe(gort_vm *gvm, gort_task *t, gort_text *out) {
  lgort_vm *vm = gort_vm_state(gvm);
  lgort_task *lt = gort_task_state(t);
  if (!lt) return;
  lua_State *at = lt->co;
  /* A finalizer must not run now: no task does. */
  bool collects = lua_gc(vm->L, LUA_GCISRUNNING);
  if (collects) lua_gc(vm->L, LUA_GCSTOP);
  push_stack(vm->L, at, NULL, 0);
  size_t len;
  const char *text = lua_tolstring(vm->L, -1, &len);
  gort_text_add(out, text, len);
  gort_text_add(out, "\n", 1);
  lua_pop(vm->L, 1);
  if (collects) lua_gc(vm->L, LUA_GCRESTART);
  if (lt->source) {
    char created[512];
    lgort_describe_site(lt->source, lt->line, lt->parent, created,
                        sizeof created);
    gort_text_add(out, created, strlen(created));
    gort_text_add(out, "\n", 1);
  }
}
