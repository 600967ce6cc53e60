/* bound.c - tasks that a context ends, as their Lua code sees it.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/bound.h"

#include <stdlib.h>
#include <string.h>

#include "vm/preempt.h"

enum {
  /* Instructions that a task which computes has for getting to where it
   * blocks: a step that only looks long, since the machine is busy, gets on. */
  GRACE_COUNT = 20000,
  /* Instructions between two looks at a task that cleans up. */
  CLEANUP_COUNT = 1000
};

static gort_task *self_of(lgort_vm *vm) { return gort_vm_current(vm->vm); }

int lgort_end_of(lgort_vm *vm) {
  return gort_context_err(gort_task_context(self_of(vm)));
}

void lgort_raise_end(lua_State *L, int code) {
  lua_pushstring(L, gort_strerror(code));
  lua_error(L);
  abort();
}

/* A <close> handler runs below. */
static bool in_handler(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "n", &ar);
    if (ar.name && strcmp(ar.name, "close") == 0 &&
        strcmp(ar.namewhat, "metamethod") == 0)
      return true;
  }
  return false;
}

/* In clean-up, and some of its time is left. */
static bool may_clean(lua_State *L, lgort_task *t) {
  if (!t->unwinding && !in_handler(L)) return false;
  int64_t now = gort_now();
  if (!t->ending->clean_until)
    t->ending->clean_until = now + t->ending->clean_left;
  return now < t->ending->clean_until;
}

void lgort_pause_cleaning(lgort_task *t) {
  if (!t->has_ending || !t->ending->clean_until) return;
  int64_t left = t->ending->clean_until - gort_now();
  t->ending->clean_left = left > 0 ? left : 0;
  t->ending->clean_until = 0;
}

static void end_cleaning(lgort_vm *vm) {
  if (!vm->task->cleaning) return;
  vm->task->cleaning = false;
  if (!vm->task->shields) gort_task_shield(self_of(vm), false);
}

int lgort__before_wait(lua_State *L, lgort_vm *vm, gort_limit *limit) {
  lgort_task *t = vm->task;
  if (t->shields) return 0;
  end_cleaning(vm);
  int code = lgort_end_of(vm);
  if (!code) return 0;
  if (!may_clean(L, t)) return code;
  t->cleaning = true;
  gort_task_shield(self_of(vm), true);
  if (limit->deadline > t->ending->clean_until)
    limit->deadline = t->ending->clean_until;
  return 0;
}

void lgort_check_end(lua_State *L, lgort_vm *vm, gort_limit *limit) {
  int code = lgort_before_wait(L, vm, limit);
  if (code) lgort_raise_end(L, code);
}

void lgort__after_wait(lua_State *L, lgort_vm *vm, const gort_result *res) {
  lgort_task *t = vm->task;
  bool late = t->cleaning && res->status == GORT_ETIMEOUT &&
              gort_now() >= t->ending->clean_until;
  end_cleaning(vm);
  if (res->status == GORT_EINTR) lgort_raise_interrupt(L, vm);
  if (late || res->status == GORT_EBOUND) lgort_raise_end(L, lgort_end_of(vm));
}

void lgort__check_stop(lua_State *L, lgort_vm *vm) {
  lgort_task *t = vm->task;
  if (t->shields) return;
  int code = lgort_end_of(vm);
  if (!code) return;
  if (may_clean(L, t)) {
    if (t->stops > 1) lgort_hook(vm, L, CLEANUP_COUNT);
    return;
  }
  if (!t->asked) {
    t->asked = true;
    lgort_hook(vm, L, GRACE_COUNT);
    return;
  }
  if (t->stops < 2) t->stops++;
  lgort_stop_again(L, vm);
  lgort_raise_end(L, code);
}

void lgort_stop_again(lua_State *L, lgort_vm *vm) {
  if (vm->task && vm->task->stops > 1) lgort_hook(vm, L, 1);
}

bool lgort_is_end(lua_State *L, lgort_vm *vm, int idx) {
  if (!lgort_is_bound(vm) || lua_type(L, idx) != LUA_TSTRING) return false;
  int code = lgort_end_of(vm);
  if (!code) return false;
  /* Also as error() gives it on, with a place before it. */
  size_t len;
  const char *text = gort_strerror(code), *got = lua_tolstring(L, idx, &len);
  size_t n = strlen(text);
  if (len < n || strcmp(got + len - n, text) != 0) return false;
  return len == n || (len >= n + 2 && strncmp(got + len - n - 2, ": ", 2) == 0);
}

void lgort_shield(lgort_vm *vm, bool on) {
  if (!lgort_is_bound(vm)) return;
  lgort_task *t = vm->task;
  t->shields += on ? 1 : -1;
  if (!t->cleaning) gort_task_shield(self_of(vm), t->shields > 0);
}
