/* decoder.c - runtime values to Lua values (message.h has the form).
 *
 * SPDX-License-Identifier: MIT
 *
 * Every read is checked against the bytes that are left, every number against
 * what it counts: a message that is not well formed raises an error.
 * Ownership: the value being decoded is held (held.h) until it is done,
 *   so an error on the way leaks nothing (vm.h). */
#include "cross/decoder.h"

#include <string.h>

#include "cross/additions.h"
#include "cross/classes.h"
#include "cross/env.h"
#include "cross/flat.h"
#include "cross/handles.h"
#include "cross/message.h"
#include "cross/modules.h"
#include "cross/require.h"
#include "cross/standard.h"
#include "cross/transfer.h"

typedef struct decoding {
  lua_State *L;
  lgort_vm *vm;
  const lgort_message *m;
  gort_buf *bundle; /* what m is in, when it is a bundle; else NULL */
  const char *at, *end;
  /* Stack index of the table of objects: by number from 1; classes that are
   * references by -1 - reference. */
  int objects;
  int later; /* the same of a bundle's table of what is set at its end */
  int envs;  /* stack index of the first environment */
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
  if (view >= LGORT_NVIEWS) malformed(d);
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

static int decode_data(lua_State *L, lgort_vm *vm, gort_buf *b);

/* ---- classes ----------------------------------------------------------- */

/* Pushes this vm's table for a class if it is there and new enough. */
static bool push_current(decoding *d, const lgort_class *cls) {
  lgort_class_push(d->L, d->vm, cls->id);
  if (lua_istable(d->L, -1) && lgort_class_is_current(d->L, d->vm, -1, cls))
    return true;
  lua_pop(d->L, 1);
  return false;
}

/* Pushes this vm's table for a class; makes it if there is none, to be filled
 * by a bundle. */
static void push_table_of(decoding *d, uint64_t id) {
  lgort_class_push(d->L, d->vm, id);
  if (lua_istable(d->L, -1)) return;
  lua_pop(d->L, 1);
  lua_newtable(d->L);
  lgort_class_enter(d->L, d->vm, id, lua_gettop(d->L));
}

/* All classes that the message refers to are there before its values are: at
 * first their tables, since bundles name each other's classes. */
static void fetch_classes(decoding *d) {
  lua_State *L = d->L;
  const lgort_ref *refs = d->m->refs;
  for (uint32_t i = 0; i < d->m->nrefs; i++) {
    if (refs[i].kind != LGORT_REF_CLASS) continue;
    push_table_of(d, ((const lgort_class *)refs[i].ptr)->id);
    lua_rawseti(L, d->objects, -1 - (lua_Integer)i);
  }
  for (uint32_t i = 0; i < d->m->nrefs; i++) {
    if (refs[i].kind != LGORT_REF_CLASS) continue;
    const lgort_class *cls = refs[i].ptr;
    int top = lua_gettop(L);
    lua_rawgeti(L, d->objects, -1 - (lua_Integer)i);
    if (!lgort_class_is_current(L, d->vm, -1, cls))
      lgort_decode_bundle(L, d->vm, cls->bundle);
    lua_settop(L, top);
  }
}

static void push_class(decoding *d) {
  uint64_t n = get_number(d);
  if (n >= d->m->nrefs) malformed(d);
  if (d->m->refs[n].kind == LGORT_REF_NEED)
    push_table_of(d, (uint64_t)(uintptr_t)d->m->refs[n].ptr);
  else if (d->m->refs[n].kind == LGORT_REF_CLASS)
    lua_rawgeti(d->L, d->objects, -1 - (lua_Integer)n);
  else
    malformed(d);
}

static void clear_table(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, -4);
  }
  lua_pushnil(L);
  lua_setmetatable(L, -2);
}

/* A class of the bundle: a table, to be filled unless this vm's one is as new.
 * Its version is noted for the end. */
static void push_new_class(decoding *d) {
  lua_State *L = d->L;
  if (!d->bundle) malformed(d);
  lgort_class cls = {.id = get_number(d)};
  cls.version = (unsigned)get_number(d);
  if (!push_current(d, &cls)) {
    push_table_of(d, cls.id);
    clear_table(L);
    lua_pushinteger(L, cls.version);
    lua_rawseti(L, d->later, -1 - (lua_Integer)d->nobjects);
  } else {
    lua_pushboolean(L, 1); /* what comes for it is not wanted */
    lua_rawseti(L, d->later, (lua_Integer)d->nobjects + 1);
  }
  remember(d);
}

/* Everything is there: metatables (with their __gc), and the classes may be
 * found. */
static void end_bundle(decoding *d) {
  lua_State *L = d->L;
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 1; i <= d->nobjects; i++) {
      lua_rawgeti(L, d->objects, (lua_Integer)i);
      if (lua_rawgeti(L, d->later, pass ? -(lua_Integer)i : (lua_Integer)i) ==
              LUA_TTABLE &&
          !pass) {
        lua_setmetatable(L, -2);
        lua_pushnil(L);
      }
      if (pass && lua_isinteger(L, -1))
        lgort_class_entered(L, d->vm, -2, (unsigned)lua_tointeger(L, -1),
                            d->bundle);
      lua_pop(L, 2);
    }
}

/* ---- userdata ---------------------------------------------------------- */

/* Made when it is met first; found by its reference after that. */
static void push_transferred(decoding *d) {
  lua_State *L = d->L;
  const lgort_ref *ref = get_ref(d, LGORT_REF_TRANSFER);
  lua_Integer slot = -1 - (lua_Integer)(ref - d->m->refs);
  if (lua_rawgeti(L, d->objects, slot) != LUA_TNIL) return;
  lua_pop(L, 1);
  const lgort_packed *p = ref->ptr;
  if (p->call) {
    lgort_task *starting = d->vm->starting; /* by the outer message */
    d->vm->starting = NULL;
    lua_call(L, decode_data(L, d->vm, p->call) - 1, 1);
    d->vm->starting = starting;
  } else {
    lgort_unpack(L, p);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, d->objects, slot);
}

/* ---- values ------------------------------------------------------------ */

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
      if (d->m->from_outside) malformed(d);
      memcpy(&p, get_bytes(d, sizeof p), sizeof p);
      lua_pushlightuserdata(L, p);
      return;
    }
    case LGORT_T_CFUNC: {
      lua_CFunction f;
      if (d->m->from_outside) malformed(d);
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
    case LGORT_T_TRANSFER:
      push_transferred(d);
      return;
    case LGORT_T_CLASS:
      push_class(d);
      return;
    case LGORT_T_NEWCLASS:
      push_new_class(d);
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

/* Reads the metatable of the table on top of the stack. */
static void set_metatable(decoding *d, bool wanted) {
  lua_State *L = d->L;
  push_value(d, get_byte(d));
  if (!lua_istable(L, -1)) malformed(d);
  if (!wanted)
    lua_pop(L, 1);
  else if (d->bundle)
    lua_rawseti(L, d->later, (lua_Integer)d->done);
  else
    lua_setmetatable(L, -2);
}

static void fill_next(decoding *d, int mark) {
  lua_State *L = d->L;
  if (d->done == d->nobjects) malformed(d);
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
    if (mark == LGORT_T_OBJECT) malformed(d);
    fill_function(d);
  }
  lua_pop(L, 1);
}

static void set_global(decoding *d) {
  push_env(d);
  lgort_push_own_globals(d->L, d->vm);
  lua_remove(d->L, -2);
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
  use_paths(L, m);
  fetch_classes(d);
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
    if (mark == LGORT_T_BODY || mark == LGORT_T_OBJECT)
      fill_next(d, mark);
    else if (mark == LGORT_T_GLOBAL)
      set_global(d);
    else if (mark == LGORT_T_END && d->done == d->nobjects)
      return;
    else
      malformed(d);
  }
}

/* Each root and object takes a byte of the body at least. */
static void check_head(decoding *d) {
  size_t left = (size_t)(d->end - d->at);
  if (d->m->nobjects > left || d->m->nobjects > INT32_MAX ||
      d->m->nroots > left || d->m->nroots > 1 << 20 ||
      d->m->nenvs > LGORT_MAX_ENVS)
    malformed(d);
  for (uint32_t i = 0; i < d->m->nenvs; i++)
    if (d->m->env_kind[i] > LGORT_ENV_BARE) malformed(d);
}

/* Pushes the table of objects, that of later, and the environments; then the
 * roots. */
static void decode_buffer(decoding *d, gort_buf *b) {
  lua_State *L = d->L;
  d->m = (const lgort_message *)(const void *)gort_buf_bytes(b);
  d->at = (const char *)(d->m->refs + d->m->nrefs);
  d->end = gort_buf_bytes(b) + gort_buf_len(b);
  check_head(d);
  luaL_checkstack(L, 40 + (int)d->m->nroots, "too many values");
  int base = lua_gettop(L);
  lua_createtable(L, (int)d->m->nobjects, 0);
  d->objects = ++base;
  if (d->bundle) {
    lua_newtable(L);
    d->later = ++base;
  }
  d->envs = base + 1;
  decode_message(d);
  if (d->bundle) end_bundle(d);
}

void lgort_decode_bundle(lua_State *L, lgort_vm *vm, gort_buf *b) {
  decoding d = {.L = L, .vm = vm, .bundle = b};
  int top = lua_gettop(L);
  decode_buffer(&d, b);
  lua_settop(L, top + 1);
}

static int decode_data(lua_State *L, lgort_vm *vm, gort_buf *b) {
  decoding d = {.L = L, .vm = vm};
  int base = lua_gettop(L);
  decode_buffer(&d, b);
  int n = (int)d.m->nroots;
  if (vm->starting && d.m->nenvs && d.m->env_kind[0] != LGORT_ENV_BASE) {
    lua_pushvalue(L, d.envs);
    lgort_set_task_env(L, vm, vm->starting);
  }
  /* What is below the roots goes. */
  lua_rotate(L, base + 1, n);
  lua_settop(L, base + n);
  return n;
}

bool lgort_push_missing_module(lua_State *L, gort_buf *b) {
  const lgort_message *m =
      (const lgort_message *)(const void *)gort_buf_bytes(b);
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

static int decode_under_pcall(lua_State *L) {
  gort_buf *b = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return decode_data(L, lgort_vm_of(L), b);
}

/* The number of values, or -1 and the error: a script may go on after it, and
 * then the message must not stay. */
static int decode_safely(lua_State *L, gort_buf *b) {
  luaL_checkstack(L, 4, NULL);
  int top = lua_gettop(L);
  lua_pushcfunction(L, decode_under_pcall);
  lua_pushlightuserdata(L, b);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  return status == LUA_OK ? lua_gettop(L) - top : -1;
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
      if (v->kind == LGORT_KIND_STANDARD)
        lgort_push_standard(L, vm, v);
      else
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
  size_t held = vm->held.n;
  gort_buf *b = v->u.buf;
  bool is_string = v->type == GORT_STRING;
  int kind = v->kind, n = 1;
  v->type = GORT_NIL;
  if (!lgort_hold(&vm->held, LGORT_REF_BUFFER, b))
    luaL_error(L, "not enough memory");
  if (is_string)
    lua_pushlstring(L, gort_buf_bytes(b), gort_buf_len(b));
  else if (kind == LGORT_KIND_FLAT)
    lgort_decode_flat(L, b);
  else if (kind == LGORT_KIND_OBJECT)
    lgort_unpack(L, (const lgort_packed *)(void *)gort_buf_bytes(b));
  else
    n = decode_safely(L, b);
  lgort_unhold(&vm->held, held);
  if (n < 0) lua_error(L);
  return n;
}
