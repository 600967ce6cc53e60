/* plain.c - the values of a call on the short way.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/plain.h"

#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "cross/env.h"
#include "cross/flat.h"
#include "cross/modules.h"
#include "cross/protos.h"
#include "cross/standard.h"

/* Kinds of GORT_POINTER, beside LGORT_KIND_STANDARD. */
enum {
  KIND_PURE = LGORT_KIND_STANDARD + 1, /* u.p: the code, a count */
  KIND_FUNCTION,                       /* u.p: a function, owned */
  KIND_SELF                            /* whoever captures it */
};

typedef struct function {
  lgort_code *code;    /* a count */
  gort_value values[]; /* owned: the captures */
} function;

/* Functions that capture functions that capture ... */
enum { DEEPEST = 4 };

/* ---- encoding ---------------------------------------------------------- */

static bool see(lgort_plain *p, const void *address) {
  for (unsigned i = 0; i < p->nseen; i++)
    if (p->seen[i] == address) return false;
  if (p->nseen == LGORT_PLAIN_SEEN) return false;
  p->seen[p->nseen++] = address;
  return true;
}

static bool see_pure(lgort_plain *p, const void *address,
                     const lgort_code *code) {
  for (unsigned i = 0; i < p->npures; i++) {
    if (p->pures[i].address == address) return true;
    if (p->pures[i].code == code) return false;
  }
  if (p->npures == LGORT_PLAIN_SEEN) return false;
  p->pures[p->npures].address = address;
  p->pures[p->npures++].code = code;
  return true;
}

/* lgort_find_env for a function of this code; it may be a closure that has
 * something else where another had its globals. */
static bool has_env(lua_State *L, int func, const lgort_code *code) {
  if (!code->named) return false;
  if (code->env_up < 0) return true;
  lua_getupvalue(L, func, code->env_up + 1);
  bool is = lua_istable(L, -1);
  lua_pop(L, 1);
  return is;
}

lgort_code *lgort_plain_code(lua_State *L, lgort_vm *vm, int idx, int *nups) {
  const lgort_proto *p = lgort_proto_of(L, vm, idx);
  if ((!p || p->of_module) && lgort_is_of_module(L, vm, idx)) return NULL;
  lgort_code *code = p && !p->of_module ? p->code : NULL;
  if (code && has_env(L, idx, code))
    *nups = code->info->nups;
  else
    code = lgort_code_of(L, vm, idx, lgort_find_env(L, vm, idx, nups));
  lgort_code_take(vm, code);
  return code;
}

/* The globals table at the top of the stack has, of what the code names, just
 * what every vm has. */
static bool is_standard(lua_State *L, lgort_vm *vm, const lgort_code *code) {
  int env = lua_gettop(L);
  if (lua_topointer(L, env) == vm->base_ptr) return true;
  if (!lgort_is_env(L, vm, env)) return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
  bool bare = !lua_getmetatable(L, env);
  for (size_t i = 0; i < code->info->nglobals; i++) {
    const lgort_global *g = &code->info->globals[i];
    if (bare) { /* the usual case, and cheaper: Lua knows C strings */
      lua_getfield(L, env, g->name);
      lua_getfield(L, env + 1, g->name);
      bool same = lua_rawequal(L, -1, -2);
      lua_pop(L, 2);
      if (same) continue;
    }
    if (lgort_push_captured(L, vm, env, g)) return false;
  }
  return true;
}

bool lgort_plain_env(lua_State *L, lgort_vm *vm, int func,
                     const lgort_code *code) {
  if (code->env_up < 0) return true;
  if (code->needs_env > 0) return false;
  int top = lua_gettop(L);
  lua_getupvalue(L, func, code->env_up + 1);
  bool fine = is_standard(L, vm, code);
  lua_settop(L, top);
  return fine;
}

static bool encode(lua_State *L, lgort_plain *p, int idx, int depth,
                   const void *self, gort_value *out);

static bool is_self(const gort_value *v) {
  return v->type == GORT_POINTER && v->kind == KIND_SELF;
}

/* The captures of the function at func. */
static bool captures(lua_State *L, lgort_plain *p, int func,
                     const lgort_code *code, int depth, gort_value *values) {
  int top = lua_gettop(L), n = code->info->nups;
  const void *self = lua_topointer(L, func);
  bool fine = true;
  luaL_checkstack(L, n + 8, NULL);
  for (int i = 0; i < n; i++) lua_getupvalue(L, func, i + 1);
  for (int i = 0; i < n && fine; i++)
    if (i != code->env_up)
      fine = encode(L, p, top + 1 + i, depth, self, &values[i]);
  lua_settop(L, top);
  return fine;
}

/* It captures at most itself. */
static bool is_pure(lua_State *L, int func, const lgort_code *code) {
  const void *self = lua_topointer(L, func);
  bool pure = true;
  for (int i = 0; i < code->info->nups && pure; i++) {
    lua_getupvalue(L, func, i + 1);
    pure = i == code->env_up || lua_topointer(L, -1) == self;
    lua_pop(L, 1);
  }
  return pure;
}

/* self: the function that captures it. */
static bool encode_function(lua_State *L, lgort_plain *p, int idx, int depth,
                            const void *self, gort_value *out) {
  int nups;
  const void *address = lua_topointer(L, idx);
  if (address == self) {
    *out = (gort_value){.type = GORT_POINTER, .kind = KIND_SELF};
    return true;
  }
  if (lua_iscfunction(L, idx)) return false;
  luaL_checkstack(L, 8, NULL);
  lgort_code *code = lgort_plain_code(L, p->vm, idx, &nups);
  if (!code) return false;
  *out = (gort_value){.type = GORT_POINTER, .kind = KIND_PURE, .u.p = code};
  if (code->bad_up >= 0 || !lgort_plain_env(L, p->vm, idx, code)) return false;
  if (is_pure(L, idx, code)) return see_pure(p, address, code);
  if (depth == DEEPEST || !see(p, address)) return false;
  size_t size = sizeof(function) + (size_t)nups * sizeof(gort_value);
  function *f = gort_malloc(size);
  if (!f) return false;
  memset(f, 0, size);
  f->code = code;
  *out = (gort_value){.type = GORT_POINTER, .kind = KIND_FUNCTION, .u.p = f};
  return captures(L, p, idx, code, depth + 1, f->values);
}

static bool encode(lua_State *L, lgort_plain *p, int idx, int depth,
                   const void *self, gort_value *out) {
  if (lgort_encode_simple(L, idx, out) ||
      lgort_encode_standard(L, p->vm, idx, out))
    return true;
  if (lua_istable(L, idx))
    return see(p, lua_topointer(L, idx)) &&
           lgort_encode_flat(L, p->vm, idx, out);
  return lua_isfunction(L, idx) && encode_function(L, p, idx, depth, self, out);
}

bool lgort_plain_encode(lua_State *L, lgort_plain *p, int idx,
                        gort_value *out) {
  return encode(L, p, idx, 0, NULL, out);
}

bool lgort_plain_captures(lua_State *L, lgort_plain *p, int func,
                          const lgort_code *code, gort_value *values) {
  if (!captures(L, p, func, code, 0, values)) return false;
  p->pure = true;
  for (int i = 0; i < code->info->nups; i++) {
    if (is_self(&values[i]))
      p->recursive = true;
    else if (i != code->env_up)
      p->pure = false;
  }
  const void *address = lua_topointer(L, func);
  return p->pure ? see_pure(p, address, code) : see(p, address);
}

/* ---- decoding ---------------------------------------------------------- */

void lgort_plain_push_closure(lua_State *L, lgort_vm *vm,
                              const lgort_code *code, gort_value *values) {
  int n = code->info->nups;
  luaL_checkstack(L, n + 6, "too many captured variables");
  lgort_push_factory(L, vm, code);
  int factory = lua_gettop(L);
  for (int i = 0; i < n; i++) {
    if (i == code->env_up)
      lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
    else
      lgort_plain_push(L, vm, &values[i]);
  }
  lua_call(L, n, 1);
  for (int i = 0; i < n; i++)
    if (is_self(&values[i])) {
      lua_pushvalue(L, factory);
      lua_setupvalue(L, factory, i + 1);
    }
}

void lgort_plain_push(lua_State *L, lgort_vm *vm, gort_value *v) {
  if (v->type != GORT_POINTER || v->kind <= LGORT_KIND_STANDARD) {
    lgort_decode(L, vm, v);
  } else if (v->kind == KIND_PURE) {
    lgort_code *code = v->u.p;
    lgort_push_pure(L, vm, code);
    v->type = GORT_NIL;
    lgort_code_give(vm, code);
  } else if (v->kind == KIND_FUNCTION) {
    function *f = v->u.p;
    lgort_plain_push_closure(L, vm, f->code, f->values);
    lgort_plain_drop(v, 1);
  } else {
    lua_pushnil(L); /* itself: when it has been made */
  }
}

/* ---- ownership --------------------------------------------------------- */

void lgort_plain_drop(gort_value *values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    gort_value *v = &values[i];
    if (v->type != GORT_POINTER) {
      gort_value_drop(v);
    } else if (v->kind == KIND_PURE) {
      lgort_code_release(v->u.p);
    } else if (v->kind == KIND_FUNCTION) {
      function *f = v->u.p;
      lgort_plain_drop(f->values, (size_t)f->code->info->nups);
      lgort_code_release(f->code);
      gort_free(f);
    }
    v->type = GORT_NIL;
  }
}

bool lgort_plain_copy(const gort_value *v, gort_value *out) {
  bool fine = true;
  *out = *v;
  if (v->type != GORT_POINTER) {
    *out = gort_value_copy(v);
  } else if (v->kind == KIND_PURE) {
    lgort_code_retain(v->u.p);
  } else if (v->kind == KIND_FUNCTION) {
    const function *f = v->u.p;
    size_t n = (size_t)f->code->info->nups;
    function *copy = gort_malloc(sizeof *copy + n * sizeof(gort_value));
    out->type = GORT_NIL;
    if (!copy) return false;
    copy->code = f->code;
    lgort_code_retain(copy->code);
    for (size_t i = 0; i < n; i++)
      fine = lgort_plain_copy(&f->values[i], &copy->values[i]) && fine;
    *out =
        (gort_value){.type = GORT_POINTER, .kind = KIND_FUNCTION, .u.p = copy};
  }
  return fine;
}

bool lgort_plain_holds(const gort_value *v) {
  return v->type >= GORT_STRING ||
         (v->type == GORT_POINTER && v->kind == KIND_FUNCTION);
}
