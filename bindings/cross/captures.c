/* captures.c - what functions see besides their own: environments, the globals
 * that they name there.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cross/call.h"
#include "cross/encoding.h"
#include "cross/env.h"

/* ---- environments ------------------------------------------------------ */

/* The environment with this table; numbered when new. */
static unsigned env_number(lgort_encoding *x, int idx) {
  lgort_encoder *e = x->e;
  const void *p = lua_topointer(x->L, idx);
  for (unsigned i = 0; i < e->nenvs; i++)
    if (e->envs[i].env == p) return i;
  if (!e->envs) {
    e->envs = gort_malloc(LGORT_MAX_ENVS * sizeof *e->envs);
    if (!e->envs) lgort__no_memory(x);
  }
  if (e->nenvs == LGORT_MAX_ENVS) lgort__abandon(x);
  if (e->nenvs == LGORT_MAX_ENVS)
    luaL_error(x->L,
               "cannot %s: functions of more than %d different "
               "environments in one message",
               x->subject->verb, LGORT_MAX_ENVS);
  e->envs[e->nenvs] = (struct lgort_env_names){
      .env = p, .custom = !lgort_is_env(x->L, x->vm, idx)};
  lua_pushvalue(x->L, idx);
  lua_rawseti(x->L, x->queue, -1 - (lua_Integer)e->nenvs);
  return e->nenvs++;
}

static void need_env(struct lgort_env_names *n, int kind) {
  if (kind > n->kind) n->kind = kind;
}

void lgort__put_env(lgort_encoding *x, int idx, int kind) {
  unsigned i = env_number(x, idx);
  need_env(&x->e->envs[i], kind);
  if (kind == LGORT_ENV_FULL) lgort__put_paths(x); /* it may require */
  lgort__put_byte(x, LGORT_T_ENV);
  lgort__put_number(x, i);
}

/* ---- the globals they name --------------------------------------------- */

static void add_name(lgort_encoding *x, struct lgort_env_names *n,
                     const lgort_global *g, const lgort_code *code) {
  for (size_t i = 0; i < n->n; i++) {
    struct lgort_env_name *known = &n->names[i];
    if (known->global.len != g->len ||
        memcmp(known->global.name, g->name, g->len) != 0)
      continue;
    if (g->written && !known->global.written) {
      known->global.written = true;
      known->global.line = g->line;
      known->code = code;
      if (i < n->written) n->written = i; /* look at it again */
    }
    return;
  }
  if (n->n == n->room) {
    size_t room = n->room ? n->room * 2 : 8;
    struct lgort_env_name *names = gort_realloc(n->names, room * sizeof *names);
    if (!names) lgort__no_memory(x);
    n->names = names;
    n->room = room;
  }
  n->names[n->n++] = (struct lgort_env_name){*g, code};
}

void lgort__capture_names(lgort_encoding *x, int idx, const lgort_code *code) {
  struct lgort_env_names *n = &x->e->envs[env_number(x, idx)];
  for (size_t i = 0; i < code->info->nglobals; i++)
    add_name(x, n, &code->info->globals[i], code);
  for (size_t i = 0; i < code->info->nfields; i++) {
    const lgort_field *field = &code->info->fields[i];
    if (strcmp(field->global, "_G") != 0) continue;
    lgort_global named = {
        field->field, field->field_len, true, false, false, 0};
    add_name(x, n, &named, code); /* _G.name is the global name */
  }
}

_Noreturn static void refuse_assignment(lgort_encoding *x,
                                        const struct lgort_env_name *n) {
  lgort_push_refusal(x->L, "global", n->global.name, n->code, n->global.line);
  lgort__abandon(x); /* the code may go with it */
  lua_error(x->L);
  abort();
}

/* Every vm has a global of that name. */
static bool is_standard(lgort_encoding *x, const lgort_global *g) {
  lua_State *L = x->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->vm->base);
  lua_pushlstring(L, g->name, g->len);
  bool is = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return is;
}

/* Writes a global of environment number i, if the other side lacks it. Stack:
 * the environment. */
static bool put_global(lgort_encoding *x, unsigned i,
                       struct lgort_env_name *n) {
  lua_State *L = x->L;
  struct lgort_env_names *e = &x->e->envs[i];
  int env = lua_gettop(L);
  bool standard = false;
  if (!lgort_push_captured(L, x->vm, env, &n->global)) {
    /* A script's own environment has just what it has. */
    if (!e->custom) {
      /* The tasks that call it may have one. */
      if (lgort__is_shared(x) && !is_standard(x, &n->global))
        need_env(e, LGORT_ENV_LIGHT);
      return false;
    }
    lua_getfield(L, env, n->global.name);
    standard = !lua_isnil(L, -1);
    if (!standard) return false;
  }
  if (n->global.written && x->subject->is_call && !standard)
    refuse_assignment(x, n);
  need_env(e, LGORT_ENV_LIGHT);
  lgort__put_byte(x, LGORT_T_GLOBAL);
  lgort__put_number(x, i);
  lgort__put_number(x, n->global.len);
  lgort__put_bytes(x, n->global.name, n->global.len);
  x->here = LGORT_NO_PARENT;
  if (standard)
    lgort__put_byte(x, LGORT_T_STANDARD);
  else
    lgort__put_value(x, lua_gettop(L));
  return true;
}

/* Writes the captured globals found so far; true if there were any. */
bool lgort__put_globals(lgort_encoding *x) {
  lua_State *L = x->L;
  bool any = false;
  for (unsigned i = 0; i < x->e->nenvs; i++)
    while (x->e->envs[i].written < x->e->envs[i].n) {
      /* A copy: names may move while the value is written. */
      struct lgort_env_name n = x->e->envs[i].names[x->e->envs[i].written++];
      int top = lua_gettop(L);
      lua_rawgeti(L, x->queue, -1 - (lua_Integer)i);
      any |= put_global(x, i, &n);
      lua_settop(L, top);
    }
  return any;
}
