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
#include "cross/flat.h"
#include "cross/handles.h"
#include "cross/modules.h"
#include "cross/require.h"
#include "cross/standard.h"
#include "cross/why.h"
#include "vm/park.h"

/* ---- values ------------------------------------------------------------ */

/* Where the other side looks for modules. */
void lgort__put_paths(lgort_encoding *x) {
  if (x->e->has_paths) return;
  gort_buf *paths = lgort_paths(x->L);
  if (!paths) return;
  x->e->has_paths = true;
  lgort__put_ref(x, LGORT_REF_PATHS, paths);
}

/* Names a module up front, so that a task can load it before it starts (and
 * block while it does). */
void lgort__need_module(lgort_encoding *x, const char *name) {
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
  if (!lgort_push_module_of(x->L, x->vm, idx)) return false;
  size_t len;
  const char *name = lua_tolstring(x->L, -1, &len);
  lgort__put_paths(x);
  lgort__need_module(x, name);
  lgort__put_string(x, LGORT_T_MODULE, name, len);
  lua_pop(x->L, 1);
  return true;
}

bool lgort__put_by_name(lgort_encoding *x, int idx) {
  if (put_module(x, idx)) return true;
  if (!lgort_is_env(x->L, x->vm, idx)) return false;
  lgort__put_env(x, idx, LGORT_ENV_FULL);
  return true;
}

/* Writes a table that has a name or an identity; false: it has none. */
static bool put_special(lgort_encoding *x, int idx) {
  bool light = false;
  if (lua_getmetatable(x->L, idx)) {
    light = lua_topointer(x->L, -1) == x->vm->env_meta_ptr;
    lua_pop(x->L, 1);
  }
  if (!light && !lgort_special_has(&x->vm->special, lua_topointer(x->L, idx)))
    return false;
  if (lgort__put_by_name(x, idx)) return true;
  lgort_class_info *info = lgort_class_of(x->L, x->vm, idx);
  if (info) lgort__put_class(x, idx, info);
  return info != NULL;
}

static void put_table(lgort_encoding *x, int idx) {
  bool fresh;
  struct lgort_seen *s = lgort__find(x, lua_topointer(x->L, idx));
  if (s) {
    lgort__put_seen(x, s);
    return;
  }
  if (put_special(x, idx)) return;
  s = lgort__see(x, lua_topointer(x->L, idx), &fresh);
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
  if (put_module(x, idx)) return; /* a C one, too: its module sets things up */
  if (lua_iscfunction(L, idx)) {
    if (lua_getupvalue(L, idx, 1))
      lgort__refuse(x, idx, "a C function with upvalues");
    lua_CFunction f = lua_tocfunction(L, idx);
    if (lgort_is_require(f)) lgort__put_paths(x);
    lgort__put_byte(x, LGORT_T_CFUNC);
    lgort__put_bytes(x, &f, sizeof f);
    return;
  }
  struct lgort_seen *s = lgort__see(x, lua_topointer(L, idx), &fresh);
  if (!fresh) {
    lgort__put_seen(x, s);
    return;
  }
  s->number = (uint32_t)x->e->nobjects;
  struct lgort_pending *p = lgort__announce(x, idx);
  int env_up = lgort_find_env(L, x->vm, idx, NULL);
  p->code = lgort_code_of(L, x->vm, idx, env_up);
  lgort__put_byte(x, LGORT_T_FUNCTION);
  lgort_code_retain(p->code);
  uint32_t n = lgort__put_ref(x, LGORT_REF_CODE, p->code);
  lgort__put_number(x, n);
}

static void put_userdata(lgort_encoding *x, int idx) {
  lgort_handle *h = lgort_to_handle(x->L, idx);
  if (!h) {
    lgort__put_transfer(x, idx);
    return;
  }
  if (!h->obj) lgort__refuse(x, idx, "collected");
  if (!lgort_list_handle(x->L, idx, h)) lgort__no_memory(x);
  uint32_t n = lgort__put_ref(x, LGORT_REF_OBJECT, lgort_take_count(h));
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

void lgort__put_value(lgort_encoding *x, int idx) {
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
      put_userdata(x, idx);
      return;
    default:
      lgort__refuse(x, idx, lgort_push_kind(L, idx));
  }
}

/* ---- bodies ------------------------------------------------------------ */

/* The fields of the table at idx; sizes_at: where they were announced. */
static void put_fields(lgort_encoding *x, int table, size_t sizes_at) {
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
      if (sizes_at && lgort__looks_like_class(L, table, key, key + 1)) {
        lgort_class_adopt(L, x->vm, table);
        x->again = true;
      }
      if (!sizes_at) lgort__adopt_index(x, key, key + 1);
      lgort__put_value(x, key);
    }
    lgort__put_value(x, key + 1);
    lua_settop(L, key);
  }
  if (sizes_at) memcpy(x->e->bytes + sizes_at, sizes, sizeof sizes);
  memcpy(x->e->bytes + here, sizes, sizeof sizes);
}

static void put_table_body(lgort_encoding *x, int table, size_t sizes_at) {
  if (lua_getmetatable(x->L, table)) {
    lgort__put_byte(x, LGORT_T_OBJECT);
    lgort__put_metatable(x, lua_gettop(x->L));
    lua_pop(x->L, 1);
  } else {
    lgort__put_byte(x, LGORT_T_BODY);
  }
  put_fields(x, table, sizes_at);
}

static void put_function_body(lgort_encoding *x, int func, uint32_t number,
                              const lgort_code *code) {
  lua_State *L = x->L;
  for (int i = 1; lua_getupvalue(L, func, i); i++) {
    bool fresh;
    if (i - 1 == code->env_up) {
      int env = lua_gettop(L);
      lgort__put_env(x, env, lgort_env_needed(code));
      lgort__capture_names(x, env, code);
      lua_pop(L, 1);
      continue;
    }
    struct lgort_seen *s = lgort__see(x, lua_upvalueid(L, func, i), &fresh);
    if (fresh) {
      s->number = number;
      s->upvalue = (uint16_t)i;
      lgort__put_value(x, lua_gettop(L));
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
  lgort__push_object(x, number);
  int idx = lua_gettop(L);
  if (p.code) {
    lgort__put_byte(x, LGORT_T_BODY);
    put_function_body(x, idx, number, p.code);
  } else {
    put_table_body(x, idx, p.sizes_at);
  }
  lua_settop(L, idx - 1);
}

/* ---- messages ---------------------------------------------------------- */

static void message_drop(gort_buf *b) {
  lgort_message *m = (lgort_message *)(void *)gort_buf_bytes(b);
  for (uint32_t i = 0; i < m->nrefs; i++) lgort_ref_drop(&m->refs[i]);
}

/* How the other side makes the environment. */
static int env_kind(const lgort_encoding *x, const struct lgort_env_names *n) {
  if (n->custom) return LGORT_ENV_BARE;
  return lgort__is_shared(x) && n->kind != LGORT_ENV_BASE ? LGORT_ENV_SHARED
                                                          : n->kind;
}

static gort_buf *build(lgort_encoding *x, uint32_t nroots) {
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
    m->env_kind[i] = (uint8_t)env_kind(x, &e->envs[i]);
  if (e->nrefs) memcpy(m->refs, e->refs, e->nrefs * sizeof(lgort_ref));
  memcpy((char *)m + head, e->bytes, e->len);
  e->nrefs = 0; /* they are the message's now */
  return b;
}

/* An object stays reachable through the roots, but for the names in the
 * queue: those go, so that it keeps nothing alive. Allocates nothing. */
static void clear_queue(lgort_encoding *x) {
  lua_State *L = x->L;
  size_t n = x->e->nobjects;
  if (n > 256 || x->e->nenvs) {
    lua_pushboolean(L, 0); /* the next encoding makes a new one */
    lua_rawseti(L, LUA_REGISTRYINDEX, x->e->queue);
    return;
  }
  for (size_t i = 0; i < n; i++)
    if (!x->e->objects[i].stack) {
      lua_pushnil(L);
      lua_rawseti(L, x->queue, (lua_Integer)i + 1);
    }
}

/* Writes the roots and all that hangs on them. */
static void put_message(lgort_encoding *x, int n) {
  lua_State *L = x->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->e->queue);
  x->queue = lua_gettop(L);
  x->again = false;
  if (x->is_additions) lgort__put_additions(x);
  lgort__put_byte(x, LGORT_T_ROOTS);
  for (int i = 0; i < n; i++) {
    x->here = LGORT_NO_PARENT;
    lgort__put_value(x, x->first + i);
  }
  do
    while (x->e->done < x->e->nobjects) put_body(x, (uint32_t)x->e->done++);
  while (lgort__put_globals(x) || x->e->done < x->e->nobjects);
  lgort__put_byte(x, LGORT_T_END);
  if (!x->is_bundle) lgort__put_needed_classes(x);
  if (x->subject->is_call) lgort__share_globals(x);
}

gort_buf *lgort__encode_message(lgort_encoding *x, int n) {
  lua_State *L = x->L;
  int top = lua_gettop(L);
  x->e = lgort__encoding_begin(L, x->vm);
  for (put_message(x, n); x->again; put_message(x, n)) {
    clear_queue(x);
    lua_settop(L, top);
    lgort__encoding_restart(x);
  }
  return build(x, (uint32_t)n);
}

void lgort__encode_end(lgort_encoding *x) {
  x->e->busy = false;
  lgort__drop_refs(x->e);
  clear_queue(x);
  lua_remove(x->L, x->queue);
}

void lgort_need_stack(lua_State *L, int n) {
  if (lua_checkstack(L, n)) return;
  if (lua_gettop(L) + n >= LUAI_MAXSTACK / 2)
    luaL_error(L, "stack overflow (too many values)");
  lua_pushliteral(L, "not enough memory");
  lua_error(L);
}

void lgort_encode_many(lua_State *L, lgort_vm *vm, int first, int n,
                       const lgort_subject *subject, gort_value *out) {
  lgort_need_stack(L, 24);
  lgort_encoding x = {.L = L, .vm = vm, .subject = subject, .first = first};
  *out = (gort_value){.type = GORT_DATA, .u.buf = lgort__encode_message(&x, n)};
  lgort__encode_end(&x);
}

bool lgort_encode_simple(lua_State *L, int idx, gort_value *out) {
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
    case LUA_TSTRING:
      return lgort_encode_string(L, idx, out);
    case LUA_TUSERDATA: {
      lgort_handle *h = lgort_to_handle(L, idx);
      if (!h || !h->obj || !lgort_list_handle(L, idx, h)) return false;
      *out = (gort_value){
          .type = GORT_OBJECT, .kind = h->view, .u.obj = lgort_take_count(h)};
      return true;
    }
    default:
      return false;
  }
}

void lgort__encode(lua_State *L, lgort_vm *vm, int idx,
                   const lgort_subject *subject, gort_value *out) {
  if (lua_type(L, idx) == LUA_TSTRING &&
      lgort_encode_repeat(L, &vm->repeats, idx, out))
    return;
  if (lgort_encode_simple(L, idx, out)) return;
  if (lgort_encode_standard(L, vm, idx, out)) return;
  if (lua_istable(L, idx) && lgort_encode_flat(L, vm, idx, out)) return;
  idx = lua_absindex(L, idx);
  if (idx != lua_gettop(L)) { /* roots lie right below the queue */
    lua_pushvalue(L, idx);
    lgort_encode_many(L, vm, lua_gettop(L), 1, subject, out);
    lua_pop(L, 1);
  } else {
    lgort_encode_many(L, vm, idx, 1, subject, out);
  }
}
