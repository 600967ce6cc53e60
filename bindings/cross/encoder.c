/* encoder.c - Lua values to runtime values (message.h has the form).
 *
 * SPDX-License-Identifier: MIT
 *
 * Objects (tables, Lua functions) are numbered when met and written in that
 * order. Roots are found on the Lua stack, the others in the queue by number.
 *
 * Invariants (between objects):
 *   I1. objects[0 .. done) are written; the rest were announced (NEW_...).
 *   I2. every reference in refs is owned by the encoder until the message is
 *       built. */
#include "cross/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "cross/call.h"
#include "cross/env.h"
#include "cross/handles.h"
#include "cross/message.h"
#include "cross/modules.h"
#include "cross/why.h"
#include "vm/park.h"

struct lgort_seen {
  const void *key;
  uint32_t number;  /* of an object, or of the function that has a cell */
  uint16_t upvalue; /* of a cell */
  unsigned epoch;
};

struct lgort_pending {
  lgort_code *code; /* functions */
  size_t sizes_at;  /* tables: where narr and nhash go */
  uint32_t parent;
  int stack; /* of a root; 0: in the queue */
};

/* A global that a function names; strings are borrowed from its code. */
struct lgort_env_name {
  lgort_global global;
  const lgort_code *code; /* that writes it, or the first to read it */
};

struct lgort_env_names {
  const void *env;
  int ref; /* of the table, into the queue at -ref */
  int kind;
  bool custom; /* a table of the script's own, named _ENV */
  struct lgort_env_name *names;
  size_t n, room, written;
};

typedef struct encoding {
  lua_State *L;
  lgort_vm *vm;
  lgort_encoder *e;
  const lgort_subject *subject;
  int first;     /* the first root */
  int queue;     /* stack index of the table of objects; 0: not there yet */
  uint32_t here; /* the object being written */
  bool adding;   /* an addition: it has no name on the other side */
} encoding;

/* ---- memory ------------------------------------------------------------ */

/* An error is raised on purpose: the encoder is free for the next encoding,
 * which releases what is in it. */
static void abandon(encoding *x) { x->e->busy = false; }

_Noreturn static void no_memory(encoding *x) {
  abandon(x);
  luaL_error(x->L, "cannot %s: not enough memory", x->subject->verb);
  abort();
}

static char *reserve(encoding *x, size_t n) {
  lgort_encoder *e = x->e;
  if (e->room - e->len < n) {
    size_t room = (e->len + n) * 2;
    char *bytes = gort_realloc(e->bytes, room);
    if (!bytes) no_memory(x);
    e->bytes = bytes;
    e->room = room;
  }
  return e->bytes + e->len;
}

static void put_bytes(encoding *x, const void *s, size_t n) {
  memcpy(reserve(x, n), s, n);
  x->e->len += n;
}

static void put_byte(encoding *x, int b) {
  *reserve(x, 1) = (char)b;
  x->e->len++;
}

static void put_number(encoding *x, uint64_t n) {
  char *p = reserve(x, 10);
  int i = 0;
  for (; n >= 0x80; n >>= 7) p[i++] = (char)(n | 0x80);
  p[i++] = (char)n;
  x->e->len += (size_t)i;
}

static void put_string(encoding *x, int tag, const char *s, size_t len) {
  put_byte(x, tag);
  put_number(x, len);
  put_bytes(x, s, len);
}

static uint32_t put_ref(encoding *x, int kind, void *ptr) {
  lgort_encoder *e = x->e;
  if (e->nrefs == e->refs_room) {
    size_t room = e->refs_room ? e->refs_room * 2 : 16;
    lgort_ref *refs = gort_realloc(e->refs, room * sizeof *refs);
    if (!refs) no_memory(x);
    e->refs = refs;
    e->refs_room = room;
  }
  e->refs[e->nrefs] = (lgort_ref){kind, ptr};
  return (uint32_t)e->nrefs++;
}

static void drop_ref(lgort_ref *r) {
  if (r->kind == LGORT_REF_OBJECT) gort_object_release(r->ptr);
  if (r->kind == LGORT_REF_PATHS || r->kind == LGORT_REF_MODULE)
    gort_buf_release(r->ptr);
}

static void encoder_reset(lgort_encoder *e) {
  for (size_t i = 0; i < e->nrefs; i++) drop_ref(&e->refs[i]);
  for (unsigned i = 0; i < e->nenvs; i++) gort_free(e->envs[i].names);
  e->len = e->nrefs = e->nobjects = e->done = 0;
  e->nenvs = 0;
  e->has_paths = false;
  if (e->nseen) { /* forgets all by a new epoch */
    e->nseen = 0;
    e->epoch++;
  }
  if (e->room > 1 << 20) { /* a big message's memory goes back */
    gort_free(e->bytes);
    e->bytes = NULL;
    e->room = 0;
  }
  if (e->seen_size > 1 << 16 || e->epoch == 0) {
    gort_free(e->seen);
    gort_free(e->objects);
    e->seen = NULL;
    e->objects = NULL;
    e->seen_size = e->objects_room = 0;
    e->epoch = 1;
  }
}

void lgort_encoder_unwind(lgort_encoder *e) {
  for (; e && e->busy; e = e->inner) e->busy = false;
}

/* The encoder of the level that begins now. */
static lgort_encoder *begin(lua_State *L, lgort_vm *vm) {
  lgort_encoder *e = &vm->encoder;
  for (; e->busy; e = e->inner)
    if (!e->inner) {
      e->inner = gort_malloc(sizeof *e);
      if (!e->inner) lgort_raise(L, GORT_ENOMEM);
      memset(e->inner, 0, sizeof *e);
    }
  if (!e->queue) {
    lua_newtable(L);
    e->queue = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  e->busy = true;
  encoder_reset(e);
  return e;
}

void lgort_encoder_fini(lgort_encoder *e) {
  encoder_reset(e);
  if (e->inner) lgort_encoder_fini(e->inner);
  gort_free(e->inner);
  gort_free(e->bytes);
  gort_free(e->refs);
  gort_free(e->seen);
  gort_free(e->objects);
  gort_free(e->envs);
}

/* ---- what was met before ----------------------------------------------- */

static struct lgort_seen *probe(const lgort_encoder *e, const void *key) {
  uint64_t h = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u;
  size_t i = (size_t)(h >> 20) & (e->seen_size - 1);
  while (e->seen[i].epoch == e->epoch && e->seen[i].key != key)
    i = (i + 1) & (e->seen_size - 1);
  return &e->seen[i];
}

static void grow_seen(encoding *x) {
  lgort_encoder *e = x->e;
  lgort_encoder old = *e;
  size_t size = old.seen_size ? old.seen_size * 2 : 64;
  struct lgort_seen *seen = gort_malloc(size * sizeof *seen);
  if (!seen) no_memory(x);
  memset(seen, 0, size * sizeof *seen);
  e->seen = seen;
  e->seen_size = size;
  for (size_t i = 0; i < old.seen_size; i++)
    if (old.seen[i].epoch == e->epoch) *probe(e, old.seen[i].key) = old.seen[i];
  gort_free(old.seen);
}

/* The entry of key; fresh tells whether it was just made. */
static struct lgort_seen *see(encoding *x, const void *key, bool *fresh) {
  lgort_encoder *e = x->e;
  if ((e->nseen + 1) * 2 > e->seen_size) grow_seen(x);
  struct lgort_seen *s = probe(e, key);
  *fresh = s->epoch != e->epoch;
  if (*fresh) {
    *s = (struct lgort_seen){.key = key, .epoch = e->epoch};
    e->nseen++;
  }
  return s;
}

/* Numbers the object at idx. */
static struct lgort_pending *announce(encoding *x, int idx) {
  lgort_encoder *e = x->e;
  if (e->nobjects == e->objects_room) {
    size_t room = e->objects_room ? e->objects_room * 2 : 64;
    struct lgort_pending *p = gort_realloc(e->objects, room * sizeof *p);
    if (!p) no_memory(x);
    e->objects = p;
    e->objects_room = room;
  }
  struct lgort_pending *p = &e->objects[e->nobjects++];
  *p = (struct lgort_pending){.parent = x->here};
  if (idx >= x->first && idx < x->queue)
    p->stack = idx;
  else {
    lua_pushvalue(x->L, idx);
    lua_rawseti(x->L, x->queue, (lua_Integer)e->nobjects);
  }
  return p;
}

/* ---- failing ----------------------------------------------------------- */

static void push_object(encoding *x, uint32_t number) {
  const struct lgort_pending *p = &x->e->objects[number];
  if (p->stack)
    lua_pushvalue(x->L, p->stack);
  else
    lua_rawgeti(x->L, x->queue, (lua_Integer)number + 1);
}

enum { NO_PARENT = UINT32_MAX };

/* The captured global that holds the value at idx. */
static const char *global_name(encoding *x, int idx) {
  lua_State *L = x->L;
  for (unsigned i = 0; i < x->e->nenvs; i++) {
    lua_rawgeti(L, x->queue, -1 - (lua_Integer)i);
    for (size_t j = 0; j < x->e->envs[i].n; j++) {
      const char *name = x->e->envs[i].names[j].global.name;
      lua_getfield(L, -1, name);
      if (lua_rawequal(L, -1, idx)) return name;
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  return "?";
}

/* Raises "cannot send: value.items[3] is <what>" for the value at idx. */
_Noreturn static void refuse(encoding *x, int idx, const char *what) {
  lua_State *L = x->L;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 40, NULL);
  abandon(x);
  /* From the culprit up; each step says how its parent names it. */
  lua_pushliteral(L, "");
  lua_pushvalue(L, idx); /* path, child */
  uint32_t at = x->here;
  for (int steps = 0; at != NO_PARENT && steps < 1000; steps++) {
    push_object(x, at);
    lgort_push_step(L, -1, -2); /* path, child, parent, step */
    lua_pushvalue(L, -4);
    lua_concat(L, 2); /* path, child, parent, step .. path */
    lua_replace(L, -4);
    lua_replace(L, -2); /* path, parent */
    at = x->e->objects[at].parent;
  }
  int root = 0;
  for (int i = x->first; i < x->queue && !root; i++)
    if (lua_rawequal(L, i, -1)) root = i;
  const char *path = lua_tostring(L, -2);
  const char *verb = x->subject->verb;
  if (!root)
    luaL_error(L, "cannot %s: global '%s'%s is %s", verb,
               global_name(x, lua_gettop(L)), path, what);
  if (!x->subject->is_call)
    luaL_error(L, "cannot %s: %s%s is %s", verb, x->subject->root, path, what);
  if (root == x->first)
    luaL_error(L, "cannot %s: the function%s is %s", verb, path, what);
  luaL_error(L, "cannot %s: argument %d%s is %s", verb, root - x->first, path,
             what);
  abort();
}

/* ---- values ------------------------------------------------------------ */

static void put_value(encoding *x, int idx);

/* Where the other side looks for modules. */
static void put_paths(encoding *x) {
  if (x->e->has_paths) return;
  gort_buf *paths = lgort_paths(x->L);
  if (!paths) return;
  x->e->has_paths = true;
  put_ref(x, LGORT_REF_PATHS, paths);
}

/* Names a module up front, so that a task can load it before it starts (and
 * block while it does). */
static void note_module(encoding *x, const char *name) {
  size_t size = strlen(name) + 1;
  for (size_t i = 0; i < x->e->nrefs; i++)
    if (x->e->refs[i].kind == LGORT_REF_MODULE &&
        strcmp(gort_buf_bytes(x->e->refs[i].ptr), name) == 0)
      return;
  gort_buf *b = gort_buf_new(size, NULL);
  if (!b) no_memory(x);
  memcpy(gort_buf_bytes(b), name, size);
  put_ref(x, LGORT_REF_MODULE, b);
}

static bool put_module(encoding *x, int idx) {
  if (x->adding || !lgort_push_module_of(x->L, x->vm, idx)) return false;
  size_t len;
  const char *name = lua_tolstring(x->L, -1, &len);
  put_paths(x);
  note_module(x, name);
  put_string(x, LGORT_T_MODULE, name, len);
  lua_pop(x->L, 1);
  return true;
}

/* The environment with this table; numbered when new. */
static unsigned env_number(encoding *x, int idx) {
  lgort_encoder *e = x->e;
  const void *p = lua_topointer(x->L, idx);
  for (unsigned i = 0; i < e->nenvs; i++)
    if (e->envs[i].env == p) return i;
  if (!e->envs) {
    e->envs = gort_malloc(LGORT_MAX_ENVS * sizeof *e->envs);
    if (!e->envs) no_memory(x);
  }
  if (e->nenvs == LGORT_MAX_ENVS) abandon(x);
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

static void put_env(encoding *x, int idx, int kind) {
  unsigned i = env_number(x, idx);
  need_env(&x->e->envs[i], kind);
  if (kind == LGORT_ENV_FULL) put_paths(x); /* it may require */
  put_byte(x, LGORT_T_ENV);
  put_number(x, i);
}

static void put_table(encoding *x, int idx) {
  bool fresh;
  if (put_module(x, idx)) return;
  if (lgort_is_env(x->L, x->vm, idx)) {
    put_env(x, idx, LGORT_ENV_FULL);
    return;
  }
  struct lgort_seen *s = see(x, lua_topointer(x->L, idx), &fresh);
  if (!fresh) {
    put_byte(x, LGORT_T_REF);
    put_number(x, s->number);
    return;
  }
  if (lua_getmetatable(x->L, idx)) refuse(x, idx, "a table with a metatable");
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = announce(x, idx);
  put_byte(x, LGORT_T_TABLE);
  memset(reserve(x, 8), 0, 8);
  p->sizes_at = x->e->len;
  x->e->len += 8;
}

static void put_function(encoding *x, int idx) {
  lua_State *L = x->L;
  bool fresh;
  if (lua_iscfunction(L, idx)) {
    if (lua_getupvalue(L, idx, 1)) {
      lua_pop(L, 1);
      if (!put_module(x, idx)) refuse(x, idx, "a C function with upvalues");
      return;
    }
    lua_CFunction f = lua_tocfunction(L, idx);
    put_byte(x, LGORT_T_CFUNC);
    put_bytes(x, &f, sizeof f);
    return;
  }
  if (put_module(x, idx)) return;
  struct lgort_seen *s = see(x, lua_topointer(L, idx), &fresh);
  if (!fresh) {
    put_byte(x, LGORT_T_REF);
    put_number(x, s->number);
    return;
  }
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = announce(x, idx);
  int env_up = lgort_find_env(L, x->vm, idx, NULL);
  p->code = lgort_code_of(L, x->vm, idx, env_up);
  put_byte(x, LGORT_T_FUNCTION);
  put_number(x, put_ref(x, LGORT_REF_CODE, p->code));
}

static void put_handle(encoding *x, int idx) {
  lgort_handle *h = lgort_to_handle(x->L, idx);
  if (!h) refuse(x, idx, lgort_push_kind(x->L, idx));
  if (!h->obj) refuse(x, idx, "collected");
  uint32_t n = put_ref(x, LGORT_REF_OBJECT, h->obj);
  gort_object_retain(h->obj);
  put_byte(x, LGORT_T_HANDLE);
  put_number(x, n);
  put_byte(x, h->view);
}

static void put_float(encoding *x, lua_Number n) {
  put_byte(x, LGORT_T_FLOAT);
  put_bytes(x, &n, sizeof n);
}

static void put_integer(encoding *x, lua_Integer i) {
  put_byte(x, LGORT_T_INT);
  put_number(x, ((uint64_t)i << 1) ^ (uint64_t)(i >> 63));
}

static void put_value(encoding *x, int idx) {
  lua_State *L = x->L;
  size_t len;
  switch (lua_type(L, idx)) {
    case LUA_TNIL:
      put_byte(x, LGORT_T_NIL);
      return;
    case LUA_TBOOLEAN:
      put_byte(x, lua_toboolean(L, idx) ? LGORT_T_TRUE : LGORT_T_FALSE);
      return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx))
        put_integer(x, lua_tointeger(L, idx));
      else
        put_float(x, lua_tonumber(L, idx));
      return;
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, idx, &len);
      put_string(x, LGORT_T_STRING, s, len);
      return;
    }
    case LUA_TLIGHTUSERDATA: {
      void *p = lua_touserdata(L, idx);
      put_byte(x, LGORT_T_POINTER);
      put_bytes(x, &p, sizeof p);
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
      refuse(x, idx, lgort_push_kind(L, idx));
  }
}

/* ---- bodies ------------------------------------------------------------ */

static void put_table_body(encoding *x, int table, size_t sizes_at) {
  lua_State *L = x->L;
  uint32_t sizes[2] = {0, 0}; /* narr, nhash: here and where announced */
  size_t here = x->e->len;
  put_bytes(x, sizes, sizeof sizes);
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

static void add_name(encoding *x, struct lgort_env_names *n,
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
    if (!names) no_memory(x);
    n->names = names;
    n->room = room;
  }
  n->names[n->n++] = (struct lgort_env_name){*g, code};
}

static void put_function_body(encoding *x, int func, uint32_t number,
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
    struct lgort_seen *s = see(x, lua_upvalueid(L, func, i), &fresh);
    if (fresh) {
      s->number = number;
      s->upvalue = (uint16_t)i;
      put_value(x, lua_gettop(L));
    } else {
      put_byte(x, LGORT_T_JOIN);
      put_number(x, s->number);
      put_number(x, s->upvalue);
    }
    lua_pop(L, 1);
  }
}

static void put_body(encoding *x, uint32_t number) {
  lua_State *L = x->L;
  struct lgort_pending p = x->e->objects[number];
  x->here = number;
  put_byte(x, LGORT_T_BODY);
  push_object(x, number);
  int idx = lua_gettop(L);
  if (p.code)
    put_function_body(x, idx, number, p.code);
  else
    put_table_body(x, idx, p.sizes_at);
  lua_settop(L, idx - 1);
}

_Noreturn static void refuse_assignment(encoding *x,
                                        const struct lgort_env_name *n) {
  abandon(x);
  lgort_refuse_assignment(x->L, "global", n->global.name, n->code,
                          n->global.line);
}

/* Writes a global of environment number i, if the other side lacks it. Stack:
 * the environment. */
static bool put_global(encoding *x, unsigned i, struct lgort_env_name *n) {
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
  put_byte(x, LGORT_T_GLOBAL);
  put_number(x, i);
  put_number(x, n->global.len);
  put_bytes(x, n->global.name, n->global.len);
  x->here = NO_PARENT;
  if (standard)
    put_byte(x, LGORT_T_STANDARD);
  else
    put_value(x, lua_gettop(L));
  return true;
}

/* Writes the captured globals found so far; true if there were any. */
static bool put_globals(encoding *x) {
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
static void put_additions(encoding *x) {
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
    put_string(x, LGORT_T_ADDITION, library, len);
    x->here = NO_PARENT;
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
  for (uint32_t i = 0; i < m->nrefs; i++) drop_ref(&m->refs[i]);
}

static void build(encoding *x, uint32_t nroots, gort_value *out) {
  lgort_encoder *e = x->e;
  size_t head = sizeof(lgort_message) + e->nrefs * sizeof(lgort_ref);
  gort_buf *b = gort_buf_new(head + e->len, message_drop);
  if (!b) no_memory(x);
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
static void clear_queue(encoding *x) {
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
  encoding x = {L, vm, begin(L, vm), subject, first, 0, NO_PARENT, false};
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, x.e->queue);
  x.queue = lua_gettop(L);
  if (subject->is_call && vm->nadditions) put_additions(&x);
  put_byte(&x, LGORT_T_ROOTS);
  for (int i = 0; i < n; i++) {
    x.here = NO_PARENT;
    put_value(&x, first + i);
  }
  do
    while (x.e->done < x.e->nobjects) put_body(&x, (uint32_t)x.e->done++);
  while (put_globals(&x) || x.e->done < x.e->nobjects);
  put_byte(&x, LGORT_T_END);
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
