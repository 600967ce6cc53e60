/* decoding.c - reading a message: its objects, its values, its globals
 * (message.h has the form).
 *
 * SPDX-License-Identifier: MIT */
#include "cross/decoding.h"

#include <string.h>

#include "cross/additions.h"
#include "cross/env.h"
#include "cross/handles.h"
#include "cross/modules.h"
#include "cross/require.h"
#include "cross/transfer.h"

_Noreturn void lgort__malformed(lgort_decoding *d) {
  luaL_error(d->L, "malformed message");
  __builtin_unreachable();
}

void lgort__use_paths_of(lua_State *L, const lgort_message *m) {
  for (uint32_t i = 0; i < m->nrefs; i++)
    if (m->refs[i].kind == LGORT_REF_PATHS)
      lgort_use_paths(L, gort_buf_bytes(m->refs[i].ptr));
}

void lgort__remember(lgort_decoding *d) {
  if (d->nobjects == d->m->nobjects) lgort__malformed(d);
  lua_pushvalue(d->L, -1);
  lua_rawseti(d->L, d->objects, (lua_Integer)++d->nobjects);
}

/* ---- objects ------------------------------------------------------------ */

static void push_table(lgort_decoding *d) {
  uint32_t sizes[2];
  memcpy(sizes, lgort__get_bytes(d, sizeof sizes), sizeof sizes);
  /* Each element takes a byte at least: no promise beyond what is there. */
  size_t left = (size_t)(d->end - d->at);
  if (sizes[0] > left || sizes[1] > left || sizes[0] > INT32_MAX ||
      sizes[1] > INT32_MAX)
    lgort__malformed(d);
  lua_createtable(d->L, (int)sizes[0], (int)sizes[1]);
  lgort__remember(d);
}

static void push_function(lgort_decoding *d) {
  const lgort_code *code = lgort__get_ref(d, LGORT_REF_CODE)->ptr;
  lgort_push_factory(d->L, d->vm, code);
  lua_call(d->L, 0, 1);
  lgort__remember(d);
}

static void push_handle(lgort_decoding *d) {
  gort_object *obj = lgort__get_ref(d, LGORT_REF_OBJECT)->ptr;
  int view = lgort__get_byte(d);
  if (view >= LGORT_NVIEWS) lgort__malformed(d);
  gort_object_retain(obj);
  lgort_push_object(d->L, obj, (lgort_view)view);
}

static void push_env(lgort_decoding *d) {
  uint64_t n = lgort__get_number(d);
  if (n >= d->m->nenvs) lgort__malformed(d);
  lua_pushvalue(d->L, d->envs + (int)n);
}

static void push_known(lgort_decoding *d) {
  uint64_t n = lgort__get_number(d);
  if (n >= d->nobjects) lgort__malformed(d);
  lua_rawgeti(d->L, d->objects, (lua_Integer)n + 1);
}

/* ---- userdata ---------------------------------------------------------- */

/* Made when it is met first; found by its reference after that. */
static void push_transferred(lgort_decoding *d) {
  lua_State *L = d->L;
  const lgort_ref *ref = lgort__get_ref(d, LGORT_REF_TRANSFER);
  lua_Integer slot = -1 - (lua_Integer)(ref - d->m->refs);
  if (lua_rawgeti(L, d->objects, slot) != LUA_TNIL) return;
  lua_pop(L, 1);
  const lgort_packed *p = ref->ptr;
  if (p->call) {
    lgort_task *starting = d->vm->starting; /* by the outer message */
    d->vm->starting = NULL;
    lua_call(L, lgort__decode_message(L, d->vm, p->call) - 1, 1);
    d->vm->starting = starting;
  } else {
    lgort_unpack(L, p);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, d->objects, slot);
}

/* ---- values ------------------------------------------------------------ */

static void push_value(lgort_decoding *d, int tag) {
  lua_State *L = d->L;
  switch (tag) {
    case LGORT_T_NIL:
      lua_pushnil(L);
      return;
    case LGORT_T_FALSE:
    case LGORT_T_TRUE:
      lua_pushboolean(L, tag == LGORT_T_TRUE);
      return;
    case LGORT_T_INT: {
      uint64_t n = lgort__get_number(d);
      lua_pushinteger(L, (lua_Integer)((n >> 1) ^ (~(n & 1) + 1)));
      return;
    }
    case LGORT_T_FLOAT: {
      lua_Number n;
      memcpy(&n, lgort__get_bytes(d, sizeof n), sizeof n);
      lua_pushnumber(L, n);
      return;
    }
    case LGORT_T_STRING:
    case LGORT_T_MODULE: {
      uint64_t len = lgort__get_number(d);
      if (len > (size_t)(d->end - d->at)) lgort__malformed(d);
      const char *s = lgort__get_bytes(d, (size_t)len);
      if (tag == LGORT_T_STRING) {
        lua_pushlstring(L, s, (size_t)len);
        return;
      }
      /* The pushed copy ends with the zero that names need. */
      lua_pushlstring(L, s, (size_t)len);
      lgort_push_module(L, lua_tostring(L, -1), (size_t)len);
      lua_remove(L, -2);
      return;
    }
    case LGORT_T_POINTER: {
      void *p;
      if (d->m->from_outside) lgort__malformed(d);
      memcpy(&p, lgort__get_bytes(d, sizeof p), sizeof p);
      lua_pushlightuserdata(L, p);
      return;
    }
    case LGORT_T_CFUNC: {
      lua_CFunction f;
      if (d->m->from_outside) lgort__malformed(d);
      memcpy(&f, lgort__get_bytes(d, sizeof f), sizeof f);
      lua_pushcfunction(L, f);
      return;
    }
    case LGORT_T_HANDLE:
      push_handle(d);
      return;
    case LGORT_T_ENV:
      push_env(d);
      return;
    case LGORT_T_REF:
      push_known(d);
      return;
    case LGORT_T_TRANSFER:
      push_transferred(d);
      return;
    case LGORT_T_CLASS:
      lgort__push_class(d);
      return;
    case LGORT_T_NEWCLASS:
      lgort__push_new_class(d);
      return;
    case LGORT_T_TABLE:
      push_table(d);
      return;
    case LGORT_T_FUNCTION:
      push_function(d);
      return;
    default:
      lgort__malformed(d);
  }
}

/* The value on top is neither nil nor NaN. */
static bool can_be_key(lua_State *L) {
  int type = lua_type(L, -1);
  if (type != LUA_TNUMBER) return type != LUA_TNIL;
  return lua_rawequal(L, -1, -1);
}

/* The table on top of the stack gets its content. */
static void fill_table(lgort_decoding *d) {
  lua_State *L = d->L;
  uint32_t sizes[2];
  memcpy(sizes, lgort__get_bytes(d, sizeof sizes), sizeof sizes);
  int table = lua_gettop(L);
  for (uint32_t i = 1; i <= sizes[0]; i++) {
    push_value(d, lgort__get_byte(d));
    lua_rawseti(L, table, (lua_Integer)i);
  }
  for (uint32_t i = 0; i < sizes[1]; i++) {
    push_value(d, lgort__get_byte(d));
    if (!can_be_key(L)) lgort__malformed(d);
    push_value(d, lgort__get_byte(d));
    lua_rawset(L, table);
  }
}

/* So does the function: its upvalues. */
static void fill_function(lgort_decoding *d) {
  lua_State *L = d->L;
  int func = lua_gettop(L);
  for (int i = 1; lua_getupvalue(L, func, i); i++) {
    lua_pop(L, 1);
    int tag = lgort__get_byte(d);
    if (tag != LGORT_T_JOIN) {
      push_value(d, tag);
      lua_setupvalue(L, func, i);
      continue;
    }
    push_known(d);
    uint64_t n = lgort__get_number(d);
    if (!lua_isfunction(L, -1) || lua_iscfunction(L, -1) || n > 255 ||
        !lua_upvalueid(L, -1, (int)n))
      lgort__malformed(d);
    lua_upvaluejoin(L, func, i, lua_gettop(L), (int)n);
    lua_pop(L, 1);
  }
}

/* Reads the metatable of the table on top of the stack. */
static void set_metatable(lgort_decoding *d, bool wanted) {
  lua_State *L = d->L;
  push_value(d, lgort__get_byte(d));
  if (!lua_istable(L, -1)) lgort__malformed(d);
  if (!wanted)
    lua_pop(L, 1);
  else if (d->bundle)
    lua_rawseti(L, d->later, (lua_Integer)d->done);
  else
    lua_setmetatable(L, -2);
}

static void fill_next(lgort_decoding *d, int mark) {
  lua_State *L = d->L;
  if (d->done == d->nobjects) lgort__malformed(d);
  bool wanted = true;
  lua_rawgeti(L, d->objects, (lua_Integer)++d->done);
  if (d->bundle) {
    wanted = lua_rawgeti(L, d->later, (lua_Integer)d->done) != LUA_TBOOLEAN;
    lua_pop(L, 1);
  }
  if (lua_istable(L, -1)) {
    if (mark == LGORT_T_OBJECT) set_metatable(d, wanted);
    if (!wanted) lua_newtable(L);
    fill_table(d);
    if (!wanted) lua_pop(L, 1);
  } else {
    if (mark == LGORT_T_OBJECT) lgort__malformed(d);
    fill_function(d);
  }
  lua_pop(L, 1);
}

static void set_global(lgort_decoding *d) {
  push_env(d);
  lgort_push_own_globals(d->L, d->vm);
  lua_remove(d->L, -2);
  uint64_t len = lgort__get_number(d);
  if (len > (size_t)(d->end - d->at)) lgort__malformed(d);
  const char *s = lgort__get_bytes(d, (size_t)len);
  lua_pushlstring(d->L, s, (size_t)len);
  int tag = lgort__get_byte(d);
  if (tag == LGORT_T_STANDARD) {
    lua_rawgeti(d->L, LUA_REGISTRYINDEX, d->vm->base);
    lua_pushvalue(d->L, -2);
    lua_rawget(d->L, -2);
    lua_remove(d->L, -2);
  } else {
    push_value(d, tag);
  }
  lua_rawset(d->L, -3);
  lua_pop(d->L, 1);
}

/* What a script added to a standard table, for this vm's tasks to see. */
static void add_to_library(lgort_decoding *d) {
  lua_State *L = d->L;
  uint64_t len = lgort__get_number(d);
  if (len > (size_t)(d->end - d->at)) lgort__malformed(d);
  const char *s = lgort__get_bytes(d, (size_t)len);
  lua_pushlstring(L, s, (size_t)len);
  lgort_push_library(L, lua_tostring(L, -1));
  push_value(d, lgort__get_byte(d));
  push_value(d, lgort__get_byte(d));
  if (!lua_istable(L, -3) || lua_isnil(L, -2)) lgort__malformed(d);
  lua_settable(L, -3); /* noted here too, when new */
  lua_pop(L, 2);
}

/* Pushes the roots; the tables of the decoding stay below them. */
static void read_message(lgort_decoding *d) {
  lua_State *L = d->L;
  const lgort_message *m = d->m;
  lgort__use_paths_of(L, m);
  lgort__fetch_classes(d);
  for (uint32_t i = 0; i < m->nenvs; i++)
    lgort_push_env(L, d->vm, m->env_kind[i]);
  bool rooted = false;
  for (;;) {
    int mark = lgort__get_byte(d);
    if (mark == LGORT_T_ADDITION && !rooted) {
      add_to_library(d);
      continue;
    }
    if (mark == LGORT_T_ROOTS && !rooted) {
      for (uint32_t i = 0; i < m->nroots; i++)
        push_value(d, lgort__get_byte(d));
      rooted = true;
      continue;
    }
    if (!rooted) lgort__malformed(d);
    if (mark == LGORT_T_BODY || mark == LGORT_T_OBJECT)
      fill_next(d, mark);
    else if (mark == LGORT_T_GLOBAL)
      set_global(d);
    else if (mark == LGORT_T_END && d->done == d->nobjects)
      return;
    else
      lgort__malformed(d);
  }
}

/* Each root and object takes a byte of the body at least. */
static void check_head(lgort_decoding *d) {
  size_t left = (size_t)(d->end - d->at);
  if (d->m->nobjects > left || d->m->nobjects > INT32_MAX ||
      d->m->nroots > left || d->m->nroots > 1 << 20 ||
      d->m->nenvs > LGORT_MAX_ENVS)
    lgort__malformed(d);
  for (uint32_t i = 0; i < d->m->nenvs; i++)
    if (d->m->env_kind[i] > LGORT_ENV_BARE) lgort__malformed(d);
}

/* Pushes the table of objects, that of later, and the environments; then the
 * roots. */
static void decode_buffer(lgort_decoding *d, gort_buf *b) {
  lua_State *L = d->L;
  d->m = (const lgort_message *)(const void *)gort_buf_bytes(b);
  d->at = (const char *)(d->m->refs + d->m->nrefs);
  d->end = gort_buf_bytes(b) + gort_buf_len(b);
  check_head(d);
  lgort_need_stack(L, 40 + (int)d->m->nroots);
  int base = lua_gettop(L);
  lua_createtable(L, (int)d->m->nobjects, 0);
  d->objects = ++base;
  if (d->bundle) {
    lua_newtable(L);
    d->later = ++base;
  }
  d->envs = base + 1;
  read_message(d);
  if (d->bundle) lgort__end_bundle(d);
}

void lgort_decode_bundle(lua_State *L, lgort_vm *vm, gort_buf *b) {
  lgort_decoding d = {.L = L, .vm = vm, .bundle = b};
  int top = lua_gettop(L);
  decode_buffer(&d, b);
  lua_settop(L, top + 1);
}

int lgort__decode_message(lua_State *L, lgort_vm *vm, gort_buf *b) {
  lgort_decoding d = {.L = L, .vm = vm};
  int base = lua_gettop(L);
  decode_buffer(&d, b);
  int n = (int)d.m->nroots;
  if (vm->starting && d.m->nenvs && d.m->env_kind[0] != LGORT_ENV_BASE) {
    /* A finalizer that used load has made the task one already. */
    if (vm->starting->has_env) lgort_set_task_env(L, vm, vm->starting);
    lua_pushvalue(L, d.envs);
    lgort_set_task_env(L, vm, vm->starting);
  }
  /* What is below the roots goes. */
  lua_rotate(L, base + 1, n);
  lua_settop(L, base + n);
  return n;
}
