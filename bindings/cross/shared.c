/* shared.c - closures that several tasks of a vm have at the same time.
 *
 * SPDX-License-Identifier: MIT
 *
 * Captures are compared with a note of those that came last, whose addresses
 * may be stale. While the closure that was made of them lives they are not: its
 * handles keep the objects. */
#include "cross/shared.h"

#include "cross/handles.h"
#include "cross/message.h"

static lgort_shared *slot_of(lgort_vm *vm, const lgort_code *code) {
  return &vm->shared[(uint64_t)code->id % LGORT_SHARED];
}

static lua_Integer key_of(const lgort_vm *vm, const lgort_shared *s) {
  return s - vm->shared + 1;
}

/* Equal captures of this type are the same: nothing that is copied. */
static bool is_the_same(const gort_value *a, const gort_value *b) {
  if (a->type != b->type || a->kind != b->kind) return false;
  switch (a->type) {
    case GORT_NIL:
      return true;
    case GORT_BOOLEAN:
      return a->u.b == b->u.b;
    case GORT_INTEGER:
    case GORT_FLOAT: /* its bits: 0.0 is not -0.0 */
      return a->u.i == b->u.i;
    case GORT_OBJECT:
      return a->u.obj == b->u.obj;
    default:
      return false;
  }
}

static bool fits(const lgort_shared *s, const lgort_code *code,
                 const gort_value *captures) {
  if (s->id != code->id) return false;
  for (int i = 0; i < code->info->nups; i++)
    if (i != code->env_up && !is_the_same(&s->captures[i], &captures[i]))
      return false;
  return true;
}

/* What a task with the closure would have been told has arrived. */
static void take(const lgort_shared *s, int n, gort_value *captures) {
  for (int i = 0; i < n; i++) {
    if (captures[i].type != GORT_OBJECT) continue;
    gort_object_arrived(captures[i].u.obj);
    lgort_give_count(s->handles[i]);
    captures[i].type = GORT_NIL;
  }
}

bool lgort_push_shared(lua_State *L, lgort_vm *vm, const lgort_code *code,
                       gort_value *captures) {
  const lgort_shared *s = slot_of(vm, code);
  if (!s->made || !fits(s, code, captures)) return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->shared_closures);
  bool alive = lua_rawgeti(L, -1, key_of(vm, s)) == LUA_TFUNCTION;
  if (!alive) {
    lua_pop(L, 2);
    return false;
  }
  lua_replace(L, -2);
  take(s, code->info->nups, captures);
  return true;
}

bool lgort_to_share(lgort_vm *vm, const lgort_code *code,
                    const gort_value *captures) {
  lgort_shared *s = slot_of(vm, code);
  int n = code->info->nups;
  if (n > LGORT_SHARED_CAPTURES || code->needs_env != LGORT_ENV_BASE)
    return false;
  if (fits(s, code, captures)) return true;
  s->id = code->id;
  s->made = false;
  for (int i = 0; i < n; i++) s->captures[i] = captures[i];
  return false;
}

void lgort_share(lua_State *L, lgort_vm *vm, const lgort_code *code) {
  lgort_shared *s = slot_of(vm, code);
  for (int i = 0; i < code->info->nups; i++) {
    if (s->captures[i].type != GORT_OBJECT || i == code->env_up) continue;
    lua_getupvalue(L, -1, i + 1);
    s->handles[i] = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->shared_closures);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, key_of(vm, s));
  lua_pop(L, 1);
  s->made = true;
}
