/* decoder.c - runtime values to Lua values (message.h has the form).
 *
 * SPDX-License-Identifier: MIT
 *
 * Every read is checked against the bytes that are left, every number against
 * what it counts: a message that is not well formed raises an error.
 * Ownership: the value being decoded hangs in vm->incoming until it is done,
 *   so an error on the way leaks nothing (vm.h). */
#include "cross/decoder.h"

#include <string.h>

#include "cross/env.h"
#include "cross/handles.h"
#include "cross/message.h"
#include "cross/modules.h"

typedef struct decoding {
  lua_State *L;
  lgort_vm *vm;
  const lgort_message *m;
  const char *at, *end;
  int objects; /* stack index of the table of objects */
  int envs;    /* stack index of the first environment */
  uint32_t nobjects, done;
} decoding;

_Noreturn static void malformed(decoding *d) {
  luaL_error(d->L, "malformed message");
  __builtin_unreachable();
}

static const char *get_bytes(decoding *d, size_t n) {
  if ((size_t)(d->end - d->at) < n) malformed(d);
  const char *s = d->at;
  d->at += n;
  return s;
}

static int get_byte(decoding *d) { return (unsigned char)*get_bytes(d, 1); }

static uint64_t get_number(decoding *d) {
  uint64_t n = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    int b = get_byte(d);
    n |= (uint64_t)(b & 0x7F) << shift;
    if (!(b & 0x80)) return n;
  }
  malformed(d);
}

static const lgort_ref *get_ref(decoding *d, int kind) {
  uint64_t n = get_number(d);
  if (n >= d->m->nrefs || d->m->refs[n].kind != kind) malformed(d);
  return &d->m->refs[n];
}

/* The vm looks for modules where the sender does. */
static void use_paths(lua_State *L, const lgort_message *m) {
  for (uint32_t i = 0; i < m->nrefs; i++)
    if (m->refs[i].kind == LGORT_REF_PATHS)
      lgort_use_paths(L, gort_buf_bytes(m->refs[i].ptr));
}

/* Remembers the object on top of the stack under the next number. */
static void remember(decoding *d) {
  if (d->nobjects == d->m->nobjects) malformed(d);
  lua_pushvalue(d->L, -1);
  lua_rawseti(d->L, d->objects, (lua_Integer)++d->nobjects);
}

static void push_table(decoding *d) {
  uint32_t sizes[2];
  memcpy(sizes, get_bytes(d, sizeof sizes), sizeof sizes);
  /* Each element takes a byte at least: no promise beyond what is there. */
  size_t left = (size_t)(d->end - d->at);
  if (sizes[0] > left || sizes[1] > left || sizes[0] > INT32_MAX ||
      sizes[1] > INT32_MAX)
    malformed(d);
  lua_createtable(d->L, (int)sizes[0], (int)sizes[1]);
  remember(d);
}

static void push_function(decoding *d) {
  const lgort_code *code = get_ref(d, LGORT_REF_CODE)->ptr;
  lgort_push_factory(d->L, d->vm, code);
  lua_call(d->L, 0, 1);
  remember(d);
}

static void push_handle(decoding *d) {
  gort_object *obj = get_ref(d, LGORT_REF_OBJECT)->ptr;
  int view = get_byte(d);
  if (view > LGORT_RECEIVER) malformed(d);
  gort_object_retain(obj);
  lgort_push_object(d->L, obj, (lgort_view)view);
}

static void push_env(decoding *d) {
  uint64_t n = get_number(d);
  if (n >= d->m->nenvs) malformed(d);
  lua_pushvalue(d->L, d->envs + (int)n);
}

static void push_known(decoding *d) {
  uint64_t n = get_number(d);
  if (n >= d->nobjects) malformed(d);
  lua_rawgeti(d->L, d->objects, (lua_Integer)n + 1);
}

static void push_value(decoding *d, int tag) {
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
      uint64_t n = get_number(d);
      lua_pushinteger(L, (lua_Integer)((n >> 1) ^ (~(n & 1) + 1)));
      return;
    }
    case LGORT_T_FLOAT: {
      lua_Number n;
      memcpy(&n, get_bytes(d, sizeof n), sizeof n);
      lua_pushnumber(L, n);
      return;
    }
    case LGORT_T_STRING:
    case LGORT_T_MODULE: {
      uint64_t len = get_number(d);
      if (len > (size_t)(d->end - d->at)) malformed(d);
      const char *s = get_bytes(d, (size_t)len);
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
      memcpy(&p, get_bytes(d, sizeof p), sizeof p);
      lua_pushlightuserdata(L, p);
      return;
    }
    case LGORT_T_CFUNC: {
      lua_CFunction f;
      memcpy(&f, get_bytes(d, sizeof f), sizeof f);
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
    case LGORT_T_TABLE:
      push_table(d);
      return;
    case LGORT_T_FUNCTION:
      push_function(d);
      return;
    default:
      malformed(d);
  }
}

/* The value on top is neither nil nor NaN. */
static bool can_be_key(lua_State *L) {
  int type = lua_type(L, -1);
  if (type != LUA_TNUMBER) return type != LUA_TNIL;
  return lua_rawequal(L, -1, -1);
}

/* The table on top of the stack gets its content. */
static void fill_table(decoding *d) {
  lua_State *L = d->L;
  uint32_t sizes[2];
  memcpy(sizes, get_bytes(d, sizeof sizes), sizeof sizes);
  int table = lua_gettop(L);
  for (uint32_t i = 1; i <= sizes[0]; i++) {
    push_value(d, get_byte(d));
    lua_rawseti(L, table, (lua_Integer)i);
  }
  for (uint32_t i = 0; i < sizes[1]; i++) {
    push_value(d, get_byte(d));
    if (!can_be_key(L)) malformed(d);
    push_value(d, get_byte(d));
    lua_rawset(L, table);
  }
}

/* So does the function: its upvalues. */
static void fill_function(decoding *d) {
  lua_State *L = d->L;
  int func = lua_gettop(L);
  for (int i = 1; lua_getupvalue(L, func, i); i++) {
    lua_pop(L, 1);
    int tag = get_byte(d);
    if (tag != LGORT_T_JOIN) {
      push_value(d, tag);
      lua_setupvalue(L, func, i);
      continue;
    }
    push_known(d);
    uint64_t n = get_number(d);
    if (!lua_isfunction(L, -1) || lua_iscfunction(L, -1) || n > 255 ||
        !lua_upvalueid(L, -1, (int)n))
      malformed(d);
    lua_upvaluejoin(L, func, i, lua_gettop(L), (int)n);
    lua_pop(L, 1);
  }
}

static void fill_next(decoding *d) {
  lua_State *L = d->L;
  if (d->done == d->nobjects) malformed(d);
  lua_rawgeti(L, d->objects, (lua_Integer)++d->done);
  if (lua_istable(L, -1))
    fill_table(d);
  else
    fill_function(d);
  lua_pop(L, 1);
}

static void set_global(decoding *d) {
  push_env(d);
  uint64_t len = get_number(d);
  if (len > (size_t)(d->end - d->at)) malformed(d);
  const char *s = get_bytes(d, (size_t)len);
  lua_pushlstring(d->L, s, (size_t)len);
  int tag = get_byte(d);
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
static void add_to_library(decoding *d) {
  lua_State *L = d->L;
  uint64_t len = get_number(d);
  if (len > (size_t)(d->end - d->at)) malformed(d);
  const char *s = get_bytes(d, (size_t)len);
  lua_pushlstring(L, s, (size_t)len);
  lgort_push_library(L, lua_tostring(L, -1));
  push_value(d, get_byte(d));
  push_value(d, get_byte(d));
  if (!lua_istable(L, -3) || lua_isnil(L, -2)) malformed(d);
  lua_settable(L, -3); /* noted here too, when new */
  lua_pop(L, 2);
}

/* Pushes the roots; the tables of the decoding stay below them. */
static void decode_message(decoding *d) {
  lua_State *L = d->L;
  const lgort_message *m = d->m;
  luaL_checkstack(L, 24 + (int)m->nroots, "too many values");
  use_paths(L, m);
  for (uint32_t i = 0; i < m->nenvs; i++)
    lgort_push_env(L, d->vm, m->env_kind[i]);
  bool rooted = false;
  for (;;) {
    int mark = get_byte(d);
    if (mark == LGORT_T_ADDITION && !rooted) {
      add_to_library(d);
      continue;
    }
    if (mark == LGORT_T_ROOTS && !rooted) {
      for (uint32_t i = 0; i < m->nroots; i++) push_value(d, get_byte(d));
      rooted = true;
      continue;
    }
    if (!rooted) malformed(d);
    if (mark == LGORT_T_BODY)
      fill_next(d);
    else if (mark == LGORT_T_GLOBAL)
      set_global(d);
    else if (mark == LGORT_T_END && d->done == d->nobjects)
      return;
    else
      malformed(d);
  }
}

static int decode_data(lua_State *L, lgort_vm *vm, gort_buf *b) {
  decoding d = {.L = L, .vm = vm};
  d.m = (const lgort_message *)(const void *)gort_buf_bytes(b);
  d.at = (const char *)(d.m->refs + d.m->nrefs);
  d.end = gort_buf_bytes(b) + gort_buf_len(b);
  int base = lua_gettop(L), n = (int)d.m->nroots;
  lua_createtable(L, d.m->nobjects < INT32_MAX ? (int)d.m->nobjects : 0, 0);
  d.objects = base + 1;
  d.envs = base + 2;
  decode_message(&d);
  if (vm->starting && d.m->nenvs && d.m->env_kind[0] != LGORT_ENV_BASE) {
    lua_pushvalue(L, d.envs);
    lgort_set_task_env(L, vm, vm->starting);
  }
  /* What is below the roots goes. */
  lua_rotate(L, base + 1, n);
  lua_settop(L, base + n);
  return n;
}

bool lgort_push_missing_module(lua_State *L, const gort_value *v) {
  if (v->type != GORT_DATA) return false;
  const lgort_message *m =
      (const lgort_message *)(const void *)gort_buf_bytes(v->u.buf);
  use_paths(L, m);
  for (uint32_t i = 0; i < m->nrefs; i++) {
    if (m->refs[i].kind != LGORT_REF_MODULE) continue;
    const char *name = gort_buf_bytes(m->refs[i].ptr);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    bool loaded = lua_getfield(L, -1, name) != LUA_TNIL;
    lua_pop(L, 2);
    if (loaded) continue;
    lua_pushstring(L, name);
    return true;
  }
  return false;
}

int lgort_decode(lua_State *L, lgort_vm *vm, gort_value *v) {
  switch (v->type) {
    case GORT_NIL:
      lua_pushnil(L);
      return 1;
    case GORT_BOOLEAN:
      lua_pushboolean(L, v->u.b);
      return 1;
    case GORT_INTEGER:
      lua_pushinteger(L, v->u.i);
      return 1;
    case GORT_FLOAT:
      lua_pushnumber(L, v->u.n);
      return 1;
    case GORT_POINTER:
      lua_pushlightuserdata(L, v->u.p);
      return 1;
    case GORT_OBJECT: {
      gort_object *obj = v->u.obj;
      v->type = GORT_NIL;
      lgort_push_object(L, obj, (lgort_view)v->kind);
      return 1;
    }
    default:
      break;
  }
  gort_value outer = vm->incoming;
  vm->incoming = *v;
  v->type = GORT_NIL;
  gort_buf *b = vm->incoming.u.buf;
  int n = 1;
  if (vm->incoming.type == GORT_STRING)
    lua_pushlstring(L, gort_buf_bytes(b), gort_buf_len(b));
  else
    n = decode_data(L, vm, b);
  gort_buf_release(b);
  vm->incoming = outer;
  return n;
}
