/* runtime.c - gort.runtime: looking at the runtime and steering it.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "lib/lib.h"
#include "vm/bound.h"

static int rt_numcpu(lua_State *L) {
  lua_pushinteger(L, gort_numcpu());
  return 1;
}

static int rt_maxprocs(lua_State *L) {
  lua_Integer n = 0;
  if (!lua_isnoneornil(L, 1)) {
    n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1, 1, "at least one worker is needed");
    if (n > 1 << 16) n = 1 << 16;
  }
  lua_pushinteger(L, gort_maxprocs(lgort_vm_of(L)->rt, (unsigned)n));
  return 1;
}

static int rt_numtasks(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gort_numtasks(lgort_vm_of(L)->rt));
  return 1;
}

static int yield_k(lua_State *L, int status, lua_KContext ctx) {
  gort_limit limit = {GORT_FOREVER, NULL};
  (void)status, (void)ctx;
  lgort_check_end(L, lgort_vm_of(L), &limit);
  return 0;
}

static int rt_yield(lua_State *L) {
  if (!lgort_can_park(L, lgort_vm_of(L))) lgort_cannot_park(L);
  yield_k(L, LUA_OK, 0);
  return lgort_yield_turn(L, 0, yield_k);
}

/* ---- stacks ------------------------------------------------------------ */

/* Turns a finished dump or text into the result string. */
static int push_text(lua_State *L, gort_text *text) {
  char *s = gort_text_take(text);
  if (!s) return luaL_error(L, "not enough memory");
  lua_pushstring(L, s + strspn(s, "\n"));
  gort_free(s);
  return 1;
}

static int stack_end(lua_State *L, int rc, gort_dump *d);

static int stack_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  gort_dump *d = (gort_dump *)ctx;
  return stack_end(L, gort_dump_resume(d, gort_vm_current(lgort_vm_of(L)->vm)),
                   d);
}

static int stack_end(lua_State *L, int rc, gort_dump *d) {
  if (rc == GORT_PARKED) return lgort_park(L, (lua_KContext)d, stack_k);
  gort_text *text = gort_text_new();
  if (text) gort_dump_finish(d, text);
  return push_text(L, text);
}

static int rt_stack(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_task *self = gort_vm_current(vm->vm);
  if (!self) return luaL_error(L, "no task runs any more");
  if (!lua_toboolean(L, 1)) {
    lua_pushfstring(L, "task %I [running]:\n", (LUAI_UACINT)gort_task_id(self));
    luaL_traceback(L, L, NULL, 1);
    lua_pushliteral(L, "\n");
    lua_concat(L, 3);
    return 1;
  }
  if (!lgort_can_park(L, vm)) lgort_cannot_park(L);
  gort_dump *d;
  int rc = gort_dump_new(self, &d);
  if (rc < 0) lgort_raise(L, rc);
  return stack_end(L, gort_dump_wait(d, self), d);
}

/* ---- leaks ------------------------------------------------------------- */

/* The lines of one report: number, reason, stack ..., "created by ... at x". */
static void push_leak(lua_State *L, const char *s) {
  char *at;
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, strtoll(s, &at, 10));
  lua_setfield(L, -2, "id");
  size_t len = strcspn(++at, "\n");
  lua_pushlstring(L, at, len);
  lua_setfield(L, -2, "waits_on");
  at += len + 1;
  const char *created = NULL;
  for (const char *p = at; (p = strstr(p, "\ncreated by ")); p++) created = p;
  lua_pushlstring(L, at, created ? (size_t)(created - at) : strlen(at));
  lua_setfield(L, -2, "stack");
  if (!created || !(created = strstr(created, " at "))) return;
  created += strlen(" at ");
  lua_pushlstring(L, created, strcspn(created, "\n"));
  lua_setfield(L, -2, "created_at");
}

static int leaks_end(lua_State *L, int rc, gort_leaks *l);

static int leaks_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  gort_leaks *l = (gort_leaks *)ctx;
  gort_task *self = gort_vm_current(lgort_vm_of(L)->vm);
  return leaks_end(L, gort_leaks_resume(l, self), l);
}

static int leaks_end(lua_State *L, int rc, gort_leaks *l) {
  if (rc == GORT_PARKED) return lgort_park(L, (lua_KContext)l, leaks_k);
  gort_text *text = gort_text_new();
  if (text) gort_leaks_finish(l, text);
  size_t len = gort_text_len(text);
  char *all = gort_text_take(text);
  if (!all || rc < 0) {
    gort_free(all);
    return luaL_error(L, "not enough memory");
  }
  lua_pushlstring(L, all, len);
  gort_free(all);
  const char *s = lua_tostring(L, -1), *end = s + len;
  lua_newtable(L);
  for (int i = 1; s < end; i++, s += strlen(s) + 1) {
    push_leak(L, s);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

static int rt_leaks(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_task *self = gort_vm_current(vm->vm);
  gort_limit none = {GORT_FOREVER, NULL};
  gort_leaks *l;
  if (!self) return luaL_error(L, "no task runs any more");
  if (!lgort_can_park(L, vm)) lgort_cannot_park(L);
  lgort_check_end(L, vm, &none);
  int rc = gort_leaks_new(self, &l);
  if (rc < 0) lgort_raise(L, rc);
  return leaks_end(L, gort_leaks_wait(l, self), l);
}

static void set(lua_State *L, const char *name, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, name);
}

static int rt_stats(lua_State *L) {
  gort_stats s;
  gort *rt = lgort_vm_of(L)->rt;
  gort_get_stats(rt, &s);
  uint64_t bytes = 0;
  for (unsigned i = 0; i < s.vms; i++) {
    gort_vm *vm = gort_vm_at(rt, i);
    const lgort_vm *lvm = vm ? gort_vm_state(vm) : NULL;
    if (lvm) bytes += atomic_load_explicit(&lvm->bytes, memory_order_relaxed);
  }
  /* The numbers are not of one instant: none may fall below zero. */
  uint64_t new = s.tasks > s.started ? s.tasks - s.started : 0;
  uint64_t ready = s.started > s.parked ? s.started - s.parked : 0;
  lua_createtable(L, 0, 16);
  set(L, "bytes", bytes);
  set(L, "tasks", s.tasks);
  set(L, "waiting", s.parked);
  set(L, "runnable", ready);
  set(L, "new", new);
  set(L, "spawned", s.spawned);
  set(L, "vms", s.vms);
  set(L, "workers", s.workers);
  set(L, "threads", s.threads);
  set(L, "steals", s.steals);
  set(L, "preemptions", s.preemptions);
  set(L, "wakeups", s.wakeups);
  set(L, "handoffs", s.handoffs);
  set(L, "timers", s.timers);
  set(L, "blocking", s.blocking);
  return 1;
}

static const luaL_Reg functions[] = {
    {"numcpu", rt_numcpu},     {"maxprocs", rt_maxprocs},
    {"numtasks", rt_numtasks}, {"yield", rt_yield},
    {"stack", rt_stack},       {"stats", rt_stats},
    {"leaks", rt_leaks},       {NULL, NULL},
};

int lgort_open_runtime(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
