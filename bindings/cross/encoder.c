/* encoder.c - Lua values to runtime values (message.h has the form).
 *
 * SPDX-License-Identifier: MIT
 *
 * Objects (tables, Lua functions) are numbered when met and written in that
 * order. Roots are found on the Lua stack, the others in the queue by number.
 */
#include "cross/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "cross/call.h"
#include "cross/encoding.h"
#include "cross/env.h"
#include "cross/handles.h"
#include "cross/modules.h"
#include "cross/why.h"

/* ---- values ------------------------------------------------------------ */

static void put_value(lgort_encoding *x, int idx);

/* Where the other side looks for modules. */
static void put_paths(lgort_encoding *x) {
  if (x->e->has_paths) return;
  gort_buf *paths = lgort_paths(x->L);
  if (!paths) return;
  x->e->has_paths = true;
  lgort__put_ref(x, LGORT_REF_PATHS, paths);
}

/* Names a module up front, so that a task can load it before it starts (and
 * block while it does). */
static void note_module(lgort_encoding *x, const char *name) {
  size_t size = strlen(name) + 1;
  for (size_t i = 0; i < x->e->nrefs; i++)
    if (x->e->refs[i].kind == LGORT_REF_MODULE &&
        strcmp(gort_buf_bytes(x->e->refs[i].ptr), name) == 0)
      return;
  gort_buf *b = gort_buf_new(size, NULL);
  if (!b) lgort__no_memory(x);
  memcpy(gort_buf_bytes(b), name, size);
  lgort__put_ref(x, LGORT_REF_MODULE, b);
}

static bool put_module(lgort_encoding *x, int idx) {
  if (x->adding || !lgort_push_module_of(x->L, x->vm, idx)) return false;
  size_t len;
  const char *name = lua_tolstring(x->L, -1, &len);
  put_paths(x);
  note_module(x, name);
  lgort__put_string(x, LGORT_T_MODULE, name, len);
  lua_pop(x->L, 1);
  return true;
}

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

static void put_env(lgort_encoding *x, int idx, int kind) {
  unsigned i = env_number(x, idx);
  need_env(&x->e->envs[i], kind);
  if (kind == LGORT_ENV_FULL) put_paths(x); /* it may require */
  lgort__put_byte(x, LGORT_T_ENV);
  lgort__put_number(x, i);
}

static void put_table(lgort_encoding *x, int idx) {
  bool fresh;
  if (put_module(x, idx)) return;
  if (lgort_is_env(x->L, x->vm, idx)) {
    put_env(x, idx, LGORT_ENV_FULL);
    return;
  }
  struct lgort_seen *s = lgort__see(x, lua_topointer(x->L, idx), &fresh);
  if (!fresh) {
    lgort__put_byte(x, LGORT_T_REF);
    lgort__put_number(x, s->number);
    return;
  }
  if (lua_getmetatable(x->L, idx))
    lgort__refuse(x, idx, "a table with a metatable");
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = lgort__announce(x, idx);
  lgort__put_byte(x, LGORT_T_TABLE);
  memset(lgort__reserve(x, 8), 0, 8);
  p->sizes_at = x->e->len;
  x->e->len += 8;
}

static void put_function(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  bool fresh;
  if (lua_iscfunction(L, idx)) {
    if (lua_getupvalue(L, idx, 1)) {
      lua_pop(L, 1);
      if (!put_module(x, idx))
        lgort__refuse(x, idx, "a C function with upvalues");
      return;
    }
    lua_CFunction f = lua_tocfunction(L, idx);
    lgort__put_byte(x, LGORT_T_CFUNC);
    lgort__put_bytes(x, &f, sizeof f);
    return;
  }
  if (put_module(x, idx)) return;
  struct lgort_seen *s = lgort__see(x, lua_topointer(L, idx), &fresh);
  if (!fresh) {
    lgort__put_byte(x, LGORT_T_REF);
    lgort__put_number(x, s->number);
    return;
  }
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = lgort__announce(x, idx);
  int env_up = lgort_find_env(L, x->vm, idx, NULL);
  p->code = lgort_code_of(L, x->vm, idx, env_up);
  lgort__put_byte(x, LGORT_T_FUNCTION);
  lgort__put_number(x, lgort__put_ref(x, LGORT_REF_CODE, p->code));
}

static void put_handle(lgort_encoding *x, int idx) {
  lgort_handle *h = lgort_to_handle(x->L, idx);
  if (!h) lgort__refuse(x, idx, lgort_push_kind(x->L, idx));
  if (!h->obj) lgort__refuse(x, idx, "collected");
  uint32_t n = lgort__put_ref(x, LGORT_REF_OBJECT, h->obj);
  gort_object_retain(h->obj);
  lgort__put_byte(x, LGORT_T_HANDLE);
  lgort__put_number(x, n);
  lgort__put_byte(x, h->view);
}

static void put_float(lgort_encoding *x, lua_Number n) {
  lgort__put_byte(x, LGORT_T_FLOAT);
  lgort__put_bytes(x, &n, sizeof n);
}

static void put_integer(lgort_encoding *x, lua_Integer i) {
  lgort__put_byte(x, LGORT_T_INT);
  lgort__put_number(x, ((uint64_t)i << 1) ^ (uint64_t)(i >> 63));
}

static void put_value(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  size_t len;
  switch (lua_type(L, idx)) {
    case LUA_TNIL:
      lgort__put_byte(x, LGORT_T_NIL);
      return;
    case LUA_TBOOLEAN:
      lgort__put_byte(x, lua_toboolean(L, idx) ? LGORT_T_TRUE : LGORT_T_FALSE);
      return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx))
        put_integer(x, lua_tointeger(L, idx));
      else
        put_float(x, lua_tonumber(L, idx));
      return;
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, idx, &len);
      lgort__put_string(x, LGORT_T_STRING, s, len);
      return;
    }
    case LUA_TLIGHTUSERDATA: {
      void *p = lua_touserdata(L, idx);
      lgort__put_byte(x, LGORT_T_POINTER);
      lgort__put_bytes(x, &p, sizeof p);
      return;
    }
    case LUA_TTABLE:
      put_table(x, idx);
      return;
    case LUA_TFUNCTION:
      put_function(x, idx);
      return;
    case LUA_TUSERDATA:
      put_handle(x, idx);
      return;
    default:
      lgort__refuse(x, idx, lgort_push_kind(L, idx));
  }
}

/* ---- bodies ------------------------------------------------------------ */

static void put_table_body(lgort_encoding *x, int table, size_t sizes_at) {
  lua_State *L = x->L;
  uint32_t sizes[2] = {0, 0}; /* narr, nhash: here and where announced */
  size_t here = x->e->len;
  lgort__put_bytes(x, sizes, sizeof sizes);
  bool run = true; /* 1, 2, 3 ... come first and need no keys */
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int key = lua_gettop(L) - 1;
    if (run && (!lua_isinteger(L, key) ||
                lua_tointeger(L, key) != (lua_Integer)sizes[0] + 1))
      run = false;
    if (run) {
      sizes[0]++;
    } else {
      sizes[1]++;
      put_value(x, key);
    }
    put_value(x, key + 1);
    lua_settop(L, key);
  }
  memcpy(x->e->bytes + sizes_at, sizes, sizeof sizes);
  memcpy(x->e->bytes + here, sizes, sizeof sizes);
}

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

static void put_function_body(lgort_encoding *x, int func, uint32_t number,
                              const lgort_code *code) {
  lua_State *L = x->L;
  for (int i = 1; lua_getupvalue(L, func, i); i++) {
    bool fresh;
    if (i - 1 == code->env_up) {
      int env = lua_gettop(L);
      put_env(x, env, lgort_env_needed(code));
      struct lgort_env_names *n = &x->e->envs[env_number(x, env)];
      for (size_t g = 0; g < code->info->nglobals; g++)
        add_name(x, n, &code->info->globals[g], code);
      for (size_t f = 0; f < code->info->nfields; f++) {
        const lgort_field *field = &code->info->fields[f];
        if (strcmp(field->global, "_G") != 0) continue;
        lgort_global named = {
            field->field, field->field_len, true, false, false, 0};
        add_name(x, n, &named, code); /* _G.name is the global name */
      }
      lua_pop(L, 1);
      continue;
    }
    struct lgort_seen *s = lgort__see(x, lua_upvalueid(L, func, i), &fresh);
    if (fresh) {
      s->number = number;
      s->upvalue = (uint16_t)i;
      put_value(x, lua_gettop(L));
    } else {
      lgort__put_byte(x, LGORT_T_JOIN);
      lgort__put_number(x, s->number);
      lgort__put_number(x, s->upvalue);
    }
    lua_pop(L, 1);
  }
}

static void put_body(lgort_encoding *x, uint32_t number) {
  lua_State *L = x->L;
  struct lgort_pending p = x->e->objects[number];
  x->here = number;
  lgort__put_byte(x, LGORT_T_BODY);
  lgort__push_object(x, number);
  int idx = lua_gettop(L);
  if (p.code)
    put_function_body(x, idx, number, p.code);
  else
    put_table_body(x, idx, p.sizes_at);
  lua_settop(L, idx - 1);
}

_Noreturn static void refuse_assignment(lgort_encoding *x,
                                        const struct lgort_env_name *n) {
  lgort__abandon(x);
  lgort_refuse_assignment(x->L, "global", n->global.name, n->code,
                          n->global.line);
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
    if (!e->custom) return false;
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
    put_value(x, lua_gettop(L));
  return true;
}

/* Writes the captured globals found so far; true if there were any. */
static bool put_globals(lgort_encoding *x) {
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

/* What the script added to the standard tables goes with every call. */
static void put_additions(lgort_encoding *x) {
  lua_State *L = x->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->vm->additions);
  int list = lua_gettop(L);
  for (int i = 1; i < x->vm->nadditions * 2; i += 2) {
    lua_rawgeti(L, list, i);
    lua_rawgeti(L, list, i + 1); /* library, key */
    size_t len;
    const char *library = lua_tolstring(L, -2, &len);
    lgort_push_library(L, library);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2); /* library, key, table, value */
    lgort__put_string(x, LGORT_T_ADDITION, library, len);
    x->here = LGORT_NO_PARENT;
    put_value(x, lua_gettop(L) - 2);
    x->adding = true; /* by value, though it has a name by now */
    put_value(x, lua_gettop(L));
    x->adding = false;
    lua_settop(L, list);
  }
  lua_settop(L, list - 1);
}

/* ---- messages ---------------------------------------------------------- */

static void message_drop(gort_buf *b) {
  lgort_message *m = (lgort_message *)(void *)gort_buf_bytes(b);
  for (uint32_t i = 0; i < m->nrefs; i++) lgort__drop_ref(&m->refs[i]);
}

static void build(lgort_encoding *x, uint32_t nroots, gort_value *out) {
  lgort_encoder *e = x->e;
  size_t head = sizeof(lgort_message) + e->nrefs * sizeof(lgort_ref);
  gort_buf *b = gort_buf_new(head + e->len, message_drop);
  if (!b) lgort__no_memory(x);
  lgort_message *m = (lgort_message *)(void *)gort_buf_bytes(b);
  *m = (lgort_message){.nrefs = (uint32_t)e->nrefs,
                       .nobjects = (uint32_t)e->nobjects,
                       .nroots = nroots,
                       .nenvs = e->nenvs};
  for (unsigned i = 0; i < e->nenvs; i++)
    m->env_kind[i] =
        e->envs[i].custom ? LGORT_ENV_BARE : (uint8_t)e->envs[i].kind;
  if (e->nrefs) memcpy(m->refs, e->refs, e->nrefs * sizeof(lgort_ref));
  memcpy((char *)m + head, e->bytes, e->len);
  e->nrefs = 0; /* they are the message's now */
  *out = (gort_value){.type = GORT_DATA, .u.buf = b};
}

/* An object stays reachable through the roots, but for the names in the
 * queue: those go, so that it keeps nothing alive. */
static void clear_queue(lgort_encoding *x) {
  lua_State *L = x->L;
  size_t n = x->e->nobjects;
  if (n > 256 || x->e->nenvs) {
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, x->e->queue);
    return;
  }
  for (size_t i = 0; i < n; i++)
    if (!x->e->objects[i].stack) {
      lua_pushnil(L);
      lua_rawseti(L, x->queue, (lua_Integer)i + 1);
    }
}

void lgort_encode_many(lua_State *L, lgort_vm *vm, int first, int n,
                       const lgort_subject *subject, gort_value *out) {
  luaL_checkstack(L, 24, "too many values");
  lgort_encoding x = {L,
                      vm,
                      lgort__encoding_begin(L, vm),
                      subject,
                      first,
                      0,
                      LGORT_NO_PARENT,
                      false};
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, x.e->queue);
  x.queue = lua_gettop(L);
  if (subject->is_call && vm->nadditions) put_additions(&x);
  lgort__put_byte(&x, LGORT_T_ROOTS);
  for (int i = 0; i < n; i++) {
    x.here = LGORT_NO_PARENT;
    put_value(&x, first + i);
  }
  do
    while (x.e->done < x.e->nobjects) put_body(&x, (uint32_t)x.e->done++);
  while (put_globals(&x) || x.e->done < x.e->nobjects);
  lgort__put_byte(&x, LGORT_T_END);
  build(&x, (uint32_t)n, out);
  x.e->busy = false;
  clear_queue(&x);
  lua_settop(L, top);
}

bool lgort_encode_simple(lua_State *L, int idx, gort_value *out) {
  size_t len;
  switch (lua_type(L, idx)) {
    case LUA_TNIL:
      *out = (gort_value){.type = GORT_NIL};
      return true;
    case LUA_TBOOLEAN:
      *out = (gort_value){.type = GORT_BOOLEAN, .u.b = lua_toboolean(L, idx)};
      return true;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx))
        *out = (gort_value){.type = GORT_INTEGER, .u.i = lua_tointeger(L, idx)};
      else
        *out = (gort_value){.type = GORT_FLOAT, .u.n = lua_tonumber(L, idx)};
      return true;
    case LUA_TLIGHTUSERDATA:
      *out = (gort_value){.type = GORT_POINTER, .u.p = lua_touserdata(L, idx)};
      return true;
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, idx, &len);
      gort_buf *b = gort_buf_new(len, NULL);
      if (!b) return false;
      memcpy(gort_buf_bytes(b), s, len);
      *out = (gort_value){.type = GORT_STRING, .u.buf = b};
      return true;
    }
    case LUA_TUSERDATA: {
      lgort_handle *h = lgort_to_handle(L, idx);
      if (!h || !h->obj) return false;
      gort_object_retain(h->obj);
      *out =
          (gort_value){.type = GORT_OBJECT, .kind = h->view, .u.obj = h->obj};
      return true;
    }
    default:
      return false;
  }
}

void lgort_encode(lua_State *L, lgort_vm *vm, int idx,
                  const lgort_subject *subject, gort_value *out) {
  if (lgort_encode_simple(L, idx, out)) return;
  idx = lua_absindex(L, idx);
  if (idx != lua_gettop(L)) { /* roots lie right below the queue */
    lua_pushvalue(L, idx);
    lgort_encode_many(L, vm, lua_gettop(L), 1, subject, out);
    lua_pop(L, 1);
  } else {
    lgort_encode_many(L, vm, idx, 1, subject, out);
  }
}
