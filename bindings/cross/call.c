/* call.c - a function call on its way to become a task.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross/additions.h"
#include "cross/decoder.h"
#include "cross/encoder.h"
#include "cross/env.h"
#include "cross/message.h"
#include "cross/modules.h"
#include "cross/plain.h"
#include "cross/shared.h"
#include "vm/bound.h"
#include "vm/coro.h"

enum call_form { CALL_PLAIN, CALL_MESSAGE, CALL_C };

typedef struct call {
  uint8_t form;   /* enum call_form */
  bool recursive; /* CALL_PLAIN: the function captures itself ... */
  bool pure;      /* ... and nothing else */
  int line;
  const char *source; /* interned; NULL: the main task */
  uint64_t parent;
  gort_object *told; /* owned or NULL */
  lgort_host *host;
  lgort_class *additions; /* owned or NULL */
  lgort_code *code;       /* CALL_PLAIN: owns a count */
  lua_CFunction body;     /* CALL_C: the main task, or the host's */
  void *user;
  void (*gone)(void *user); /* of a call that was not made; or NULL */
  uint32_t nups, nargs;
  gort_value values[]; /* owned: captures, then arguments; or one message */
} call;

static call *call_of(gort_record *r) { return gort_record_payload(r); }

void lgort_describe_site(const char *source, int line, uint64_t parent,
                         char *out, size_t size) {
  if (parent == 0 && line == 0)
    snprintf(out, size, "created by %s", source);
  else
    snprintf(out, size, "created by task %llu at %s:%d",
             (unsigned long long)parent, source, line);
}

/* ---- making ------------------------------------------------------------ */

/* Notes the line that runs now as the place of creation. */
static void note_site(lua_State *L, lgort_vm *vm, call *c) {
  gort_task *self = gort_vm_current(vm->vm);
  c->parent = self ? gort_task_id(self) : 0; /* 0: a last finalizer */
  if (lgort_find_site(L, vm, &c->source, &c->line)) return;
  c->source = "?";
  c->line = 0;
}

void lgort_push_refusal(lua_State *L, const char *what, const char *name,
                        const lgort_code *code, int line) {
  const char *source = code->info->source ? code->info->source : "=?";
  luaL_where(L, 1);
  if (*source == '@' || *source == '=')
    source++;
  else
    source =
        lua_pushfstring(L, "[string \"%s\"]", luaL_gsub(L, source, "\n", " "));
  lua_pushfstring(L,
                  "task assigns captured %s '%s' (%s:%d): tasks share nothing, "
                  "so the assignment would be lost; send it over a channel, or "
                  "make it local to the task",
                  what, name, source, line);
  lua_concat(L, 2);
}

_Noreturn static void refuse_capture(lua_State *L, const lgort_code *code) {
  const lgort_upinfo *up = &code->info->ups[code->bad_up];
  lgort_push_refusal(L, "variable", up->name ? up->name : "?", code, up->line);
  lua_error(L);
  abort();
}

static const lgort_subject subject = {"start task", NULL, true};

static gort_record *new_record(lua_State *L, lgort_vm *vm, uint32_t nvalues) {
  size_t size = sizeof(call) + nvalues * sizeof(gort_value);
  gort_record *r = gort_record_new(vm->rt, size);
  if (!r) luaL_error(L, "cannot start task: not enough memory");
  memset(call_of(r), 0, size);
  return r;
}

static gort_record *message_record(lua_State *L, lgort_vm *vm, int first) {
  gort_value message;
  int n = lua_gettop(L) - first + 1;
  lgort_encode_many(L, vm, first, n, &subject, &message);
  gort_record *r = gort_record_new(vm->rt, sizeof(call) + sizeof(gort_value));
  if (!r) {
    gort_value_drop(&message);
    luaL_error(L, "cannot start task: not enough memory");
  }
  call *c = call_of(r);
  memset(c, 0, sizeof *c);
  c->form = CALL_MESSAGE;
  c->nargs = 1;
  c->values[0] = message;
  return r;
}

static void hold(lua_State *L, lgort_vm *vm, int kind, void *ptr) {
  if (!lgort_hold(&vm->held, kind, ptr))
    luaL_error(L, "cannot start task: not enough memory");
}

/* Fills the values of a plain call; false: it needs a message. */
static bool fill(lua_State *L, lgort_vm *vm, int first, call *c) {
  lgort_plain p = {.vm = vm};
  if (!lgort_plain_env(L, vm, first, c->code) ||
      !lgort_plain_captures(L, &p, first, c->code, c->values))
    return false;
  for (uint32_t i = 1; i <= c->nargs; i++)
    if (!lgort_plain_encode(L, &p, first + (int)i, &c->values[c->nups + i - 1]))
      return false;
  c->recursive = p.recursive;
  c->pure = p.pure;
  return true;
}

/* Captures the Lua function at first as a plain call; NULL when it is none. */
static gort_record *try_plain(lua_State *L, lgort_vm *vm, int first) {
  int nups, nargs = lua_gettop(L) - first;
  if (lua_iscfunction(L, first)) return NULL;
  size_t held = vm->held.n;
  lgort_code *code = lgort_plain_code(L, vm, first, &nups);
  if (!code) return NULL;
  hold(L, vm, LGORT_REF_CODE, code);
  if (code->bad_up >= 0) refuse_capture(L, code);
  gort_record *r = new_record(L, vm, (uint32_t)(nups + nargs));
  lgort_take_back(&vm->held, held);
  call *c = call_of(r);
  c->form = CALL_PLAIN;
  c->code = code;
  c->nups = (uint32_t)nups;
  c->nargs = (uint32_t)nargs;
  hold(L, vm, LGORT_REF_RECORD, r);
  bool plain = fill(L, vm, first, c);
  lgort_take_back(&vm->held, held);
  if (plain) return r;
  lgort_call_free(r);
  return NULL;
}

gort_record *lgort_call_new(lua_State *L, lgort_vm *vm, int first) {
  call site;
  size_t held = vm->held.n;
  if (vm == vm->host->adopted && !vm->task)
    luaL_error(L, "cannot start task: only inside gort.run");
  luaL_checkstack(L, 8, "too many arguments");
  note_site(L, vm, &site);
  lgort_class *additions = lgort_additions(L, vm, &subject);
  if (additions) {
    lgort_class_retain(additions);
    hold(L, vm, LGORT_REF_CLASS, additions);
  }
  gort_record *r = try_plain(L, vm, first);
  if (!r) r = message_record(L, vm, first);
  call *c = call_of(r);
  if (additions) lgort_take_back(&vm->held, held);
  c->host = vm->host;
  c->additions = additions;
  c->parent = site.parent;
  c->source = site.source;
  c->line = site.line;
  if (lgort_is_bound(vm) &&
      gort_record_bind(r, gort_task_context(gort_vm_current(vm->vm))) < 0) {
    lgort_call_drop(r);
    gort_record_free(r);
    luaL_error(L, "cannot start task: not enough memory");
  }
  return r;
}

void lgort_call_tell(gort_record *r, gort_object *told) {
  call_of(r)->told = told;
}

gort_record *lgort_main_record(lgort_host *h, lua_CFunction body, void *user) {
  gort_record *r = gort_record_new(h->rt, sizeof(call));
  if (!r) return NULL;
  call *c = call_of(r);
  memset(c, 0, sizeof *c);
  c->form = CALL_C;
  c->host = h;
  c->body = body;
  c->user = user;
  return r;
}

gort_record *lgort_host_record(lgort_host *h, lua_CFunction body, void *user,
                               void (*gone)(void *user)) {
  gort_record *r = lgort_main_record(h, body, user);
  if (!r) return NULL;
  call_of(r)->gone = gone;
  call_of(r)->source = "the host";
  return r;
}

gort_record *lgort_call_copy(gort_record *r) {
  call *from = call_of(r);
  uint32_t n = from->nups + from->nargs;
  gort_record *made = gort_record_new(gort_record_runtime(r),
                                      sizeof(call) + n * sizeof(gort_value));
  if (!made) return NULL;
  call *c = call_of(made);
  memcpy(c, from, sizeof *c);
  bool fine = true;
  for (uint32_t i = 0; i < n; i++)
    fine = lgort_plain_copy(&from->values[i], &c->values[i]) && fine;
  if (c->told) gort_object_retain(c->told);
  if (c->code) lgort_code_retain(c->code);
  if (c->additions) lgort_class_retain(c->additions);
  if (fine && gort_record_bind(made, gort_record_context(r)) == 0) return made;
  lgort_call_free(made);
  return NULL;
}

/* ---- taking apart ------------------------------------------------------ */

void lgort_call_drop(gort_record *r) {
  call *c = call_of(r);
  lgort_plain_drop(c->values, c->nups + c->nargs);
  if (c->told) gort_object_release(c->told);
  lgort_code_release(c->code);
  lgort_class_release(c->additions);
  c->nups = c->nargs = 0;
  c->told = NULL;
  c->code = NULL;
  c->additions = NULL;
  if (c->gone) c->gone(c->user);
  c->gone = NULL;
}

void lgort_call_free(gort_record *r) {
  lgort_call_drop(r);
  gort_record_free(r);
}

lgort_host *lgort_call_host(gort_record *r) { return call_of(r)->host; }

void lgort_call_site(gort_record *r, lgort_task *t) {
  call *c = call_of(r);
  t->source = c->source;
  t->line = c->line;
  t->parent = c->parent;
  *lgort_told(t) = c->told;
  c->told = NULL;
}

gort_object *lgort_call_told(gort_record *r) { return call_of(r)->told; }

bool lgort_call_is_plain(lgort_vm *vm, gort_record *r) {
  const call *c = call_of(r);
  return c->form == CALL_PLAIN && lgort_has_additions(vm, c->additions);
}

bool lgort_call_is_body(gort_record *r) { return call_of(r)->form == CALL_C; }

bool lgort_call_has_additions(lgort_vm *vm, gort_record *r) {
  return lgort_has_additions(vm, call_of(r)->additions);
}

void lgort_call_use_additions(lua_State *L, gort_record *r) {
  lgort_use_additions(L, lgort_vm_of(L), call_of(r)->additions);
}

bool lgort_call_push_missing(lua_State *L, gort_record *r) {
  const call *c = call_of(r);
  if (!lgort_has_additions(lgort_vm_of(L), c->additions))
    return lgort_push_missing_module(L, c->additions->bundle);
  return c->form == CALL_MESSAGE &&
         lgort_push_missing_module(L, c->values[0].u.buf);
}

bool lgort_call_push_ready(lua_State *L, lgort_vm *vm, gort_record *r) {
  call *c = call_of(r);
  return c->code && lgort_push_shared(L, vm, c->code, c->values);
}

void lgort_call_push_function(lua_State *L, gort_record *r, bool share) {
  lgort_vm *vm = lgort_vm_of(L);
  call *c = call_of(r);
  luaL_checkstack(L, (int)c->nargs + 6, "too many arguments");
  if (c->pure)
    lgort_push_pure(L, vm, c->code);
  else
    lgort_plain_push_closure(L, vm, c->code, c->values);
  if (share) lgort_share(L, vm, c->code);
}

void lgort_call_refill(lua_State *L, gort_record *r, int func) {
  lgort_vm *vm = lgort_vm_of(L);
  call *c = call_of(r);
  int nups = (int)c->nups;
  luaL_checkstack(L, (int)c->nargs + nups + 4, "too many arguments");
  int env = c->code->env_up; /* still there */
  for (int i = 0; i < nups; i++)
    if (i != env) lgort_plain_push(L, vm, &c->values[i]);
  for (int i = nups; i > 0; i--)
    if (i - 1 != env) lua_setupvalue(L, func, i);
}

void lgort_call_push_arguments(lua_State *L, gort_record *r) {
  lgort_vm *vm = lgort_vm_of(L);
  call *c = call_of(r);
  for (uint32_t i = 0; i < c->nargs; i++)
    lgort_plain_push(L, vm, &c->values[c->nups + i]);
  lgort_code_give(vm, c->code);
  c->code = NULL;
}

static bool holds_objects(const call *c) {
  for (uint32_t i = 0; i < c->nups; i++)
    if (lgort_plain_holds(&c->values[i])) return true;
  return false;
}

bool lgort_call_to_share(lgort_vm *vm, gort_record *r) {
  const call *c = call_of(r);
  return !c->pure && lgort_to_share(vm, c->code, c->values);
}

bool lgort_call_keeps(gort_record *r, lgort_task *t) {
  const call *c = call_of(r);
  if (!c->code->reusable || c->recursive || c->pure) return false;
  t->kept = c->code->id;
  t->kept_ups = (int16_t)(holds_objects(c) ? c->nups : 0);
  t->kept_env = (int16_t)c->code->env_up;
  return true;
}

bool lgort_call_fits(gort_record *r, const lgort_task *t) {
  const call *c = call_of(r);
  return t->kept && c->code && c->code->id == t->kept && !c->recursive &&
         !c->pure;
}

int lgort_call_push(lua_State *L, gort_record *r) {
  lgort_vm *vm = lgort_vm_of(L);
  call *c = call_of(r);
  if (c->form == CALL_C) {
    lua_pushcfunction(L, c->body);
    lua_pushlightuserdata(L, c->user);
    c->gone = NULL; /* the body has it */
    return 2;
  }
  if (c->form == CALL_MESSAGE) return lgort_decode(L, vm, &c->values[0]);
  int nargs = (int)c->nargs;
  lgort_call_push_function(L, r, false);
  lgort_call_push_arguments(L, r);
  return 1 + nargs;
}
