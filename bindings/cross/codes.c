/* codes.c - interning codes, and finding them again fast.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/codes.h"

#include <string.h>

#include "cross/env.h"
#include "cross/factory.h"
#include "cross/message.h"
#include "vm/registry.h"
#include "vm/vm.h"

/* ---- the host's table -------------------------------------------------- */

int lgort_codes_init(lgort_codes *cs) {
  memset(cs, 0, sizeof *cs);
  return uv_mutex_init(&cs->mutex);
}

static void code_free(lgort_code *c) {
  gort_free(c->dump);
  gort_free(c->factory);
  lgort_analysis_free(c->info);
  gort_free(c);
}

void lgort_codes_fini(lgort_codes *cs) {
  for (size_t i = 0; i < cs->nbuckets; i++)
    while (cs->bucket[i]) {
      lgort_code *c = cs->bucket[i];
      cs->bucket[i] = c->next;
      code_free(c);
    }
  gort_free(cs->bucket);
  for (size_t i = 0; i < LGORT_CHUNKNAMES; i++)
    while (cs->sources[i]) {
      lgort_chunkname *s = cs->sources[i];
      cs->sources[i] = s->next;
      gort_free(s);
    }
  while (cs->nstandard > 0) gort_free(cs->standard[--cs->nstandard]);
  gort_free(cs->standard);
  uv_mutex_destroy(&cs->mutex);
}

static uint64_t hash_bytes(const char *s, size_t len, uint64_t h) {
  for (size_t i = 0; i < len; i++)
    h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
  return h;
}

static int grow_locked(lgort_codes *cs) {
  if (cs->count < cs->nbuckets) return 0;
  size_t n = cs->nbuckets ? cs->nbuckets * 2 : 64;
  lgort_code **bucket = gort_malloc(n * sizeof *bucket);
  if (!bucket) return cs->nbuckets ? 0 : GORT_ENOMEM;
  memset(bucket, 0, n * sizeof *bucket);
  for (size_t i = 0; i < cs->nbuckets; i++)
    while (cs->bucket[i]) {
      lgort_code *c = cs->bucket[i];
      cs->bucket[i] = c->next;
      c->next = bucket[c->hash % n];
      bucket[c->hash % n] = c;
    }
  gort_free(cs->bucket);
  cs->bucket = bucket;
  cs->nbuckets = n;
  return 0;
}

static int code_fill(lgort_code *c, const char *dump, size_t len) {
  c->dump = gort_malloc(len);
  if (!c->dump) return GORT_ENOMEM;
  memcpy(c->dump, dump, len);
  c->len = len;
  int rc = lgort_analyse(dump, len, c->env_up, &c->info);
  if (rc == 0)
    rc = lgort_factory_build(dump, len, &c->factory, &c->factory_len);
  if (rc < 0) return rc;
  c->needs_env = lgort_env_needed(c);
  /* Nothing in it has it as an upvalue's owner, and it cannot ask debug for
   * itself. */
  c->reusable = !c->info->makes_closures && c->needs_env == LGORT_ENV_BASE;
  c->bad_up = -1;
  c->named = true;
  for (int i = 0; i < c->info->nups; i++)
    if (!c->info->ups[i].name) c->named = false;
  for (int i = 0; i < c->info->nups && c->bad_up < 0; i++)
    if (c->info->ups[i].assigned && i != c->env_up) c->bad_up = i;
  return 0;
}

static int intern_locked(lgort_codes *cs, const char *dump, size_t len,
                         int env_up, lgort_code **out) {
  uint64_t hash = hash_bytes(dump, len, 0xCBF29CE484222325u + (unsigned)env_up);
  int rc = grow_locked(cs);
  if (rc < 0) return rc;
  lgort_code **bucket = &cs->bucket[hash % cs->nbuckets];
  for (lgort_code *c = *bucket; c; c = c->next)
    if (c->hash == hash && c->env_up == env_up && c->len == len &&
        memcmp(c->dump, dump, len) == 0) {
      lgort_code_retain(c);
      *out = c;
      return 0;
    }
  lgort_code *c = gort_malloc(sizeof *c);
  if (!c) return GORT_ENOMEM;
  memset(c, 0, sizeof *c);
  c->env_up = env_up;
  c->hash = hash;
  rc = code_fill(c, dump, len);
  if (rc < 0) {
    code_free(c);
    return rc;
  }
  atomic_init(&c->refs, 1);
  c->table = cs;
  c->id = ++cs->last_id;
  cs->count++;
  c->next = *bucket;
  *bucket = c;
  *out = c;
  return 0;
}

/* So many names are kept; a program that makes up more sees this. */
enum { MAX_NAMES = 10000 };
static const char too_many[] = "[string]";

static const char *intern_source(lgort_codes *cs, const char *name) {
  size_t size = strlen(name) + 1;
  uint64_t hash = hash_bytes(name, size, 0xCBF29CE484222325u);
  lgort_chunkname **bucket = &cs->sources[hash % LGORT_CHUNKNAMES];
  const char *found = NULL;
  uv_mutex_lock(&cs->mutex);
  for (lgort_chunkname *s = *bucket; s && !found; s = s->next)
    if (strcmp(s->name, name) == 0) found = s->name;
  if (!found && cs->nsources < MAX_NAMES) {
    lgort_chunkname *s = gort_malloc(sizeof *s + size);
    if (s) {
      memcpy(s->name, name, size);
      s->next = *bucket;
      *bucket = s;
      cs->nsources++;
      found = s->name;
    }
  }
  uv_mutex_unlock(&cs->mutex);
  return found ? found : too_many;
}

/* ---- counts ------------------------------------------------------------ */

void lgort_code_retain(lgort_code *code) {
  atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
}

static void unlink_locked(lgort_codes *cs, lgort_code *code) {
  lgort_code **at = &cs->bucket[code->hash % cs->nbuckets];
  while (*at != code) at = &(*at)->next;
  *at = code->next;
  cs->count--;
}

/* Releases n counts. The last one goes under the mutex: nobody can find the
 * code in the table meanwhile. */
static void release(lgort_code *code, unsigned n) {
  unsigned refs = atomic_load_explicit(&code->refs, memory_order_relaxed);
  while (refs > n)
    if (atomic_compare_exchange_weak_explicit(&code->refs, &refs, refs - n,
                                              memory_order_release,
                                              memory_order_relaxed))
      return;
  lgort_codes *cs = code->table;
  uv_mutex_lock(&cs->mutex);
  bool last =
      atomic_fetch_sub_explicit(&code->refs, n, memory_order_acq_rel) == n;
  if (last) unlink_locked(cs, code);
  uv_mutex_unlock(&cs->mutex);
  if (last) code_free(code);
}

void lgort_code_release(lgort_code *code) {
  if (code) release(code, 1);
}

void lgort_purse_fini(lgort_purse *p) {
  if (p->n) release(p->code, p->n);
  *p = (lgort_purse){0};
}

enum { HANDFUL = 256 };

void lgort_code_take(lgort_vm *vm, lgort_code *code) {
  lgort_purse *p = &vm->purse;
  if (p->code != code) {
    lgort_purse_fini(p);
    p->code = code;
  }
  if (p->n == 0) {
    atomic_fetch_add_explicit(&code->refs, HANDFUL, memory_order_relaxed);
    p->n = HANDFUL;
  }
  p->n--;
}

void lgort_code_give(lgort_vm *vm, lgort_code *code) {
  lgort_purse *p = &vm->purse;
  if (p->n == 0) p->code = code;
  if (p->code != code) {
    release(code, 1);
  } else if (++p->n > 4 * HANDFUL) {
    p->n -= 2 * HANDFUL;
    release(code, 2 * HANDFUL);
  }
}

/* ---- a vm's prototypes ------------------------------------------------- */

void lgort_protos_fini(lgort_protos *ps) {
  for (size_t i = 0; i < ps->size; i++) lgort_code_release(ps->slot[i].code);
  gort_free(ps->slot);
}

static size_t slot_of(const lgort_protos *ps, const void *proto) {
  uint64_t h = (uint64_t)(uintptr_t)proto * 0x9E3779B97F4A7C15u;
  size_t i = (size_t)(h >> 32) & (ps->size - 1);
  while (ps->slot[i].proto && ps->slot[i].proto != proto)
    i = (i + 1) & (ps->size - 1);
  return i;
}

/* Entries of functions that were collected go when the table is rebuilt. */
static int rehash(lua_State *L, lgort_vm *vm) {
  lgort_protos *ps = &vm->protos;
  lgort_push_weak_table(L, "v"); /* the new anchors */
  /* From here on no finalizer runs that may come here, too. */
  lgort_protos old = *ps;
  size_t size = old.size ? old.size : 64, live = 0;
  int fresh = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->anchors);
  for (size_t i = 0; i < old.size; i++) {
    if (!old.slot[i].proto) continue;
    live += lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNIL;
    lua_pop(L, 1);
  }
  while (live * 4 >= size) size *= 2;
  lgort_proto *slot = gort_malloc(size * sizeof *slot);
  if (!slot) return GORT_ENOMEM;
  memset(slot, 0, size * sizeof *slot);
  ps->slot = slot;
  ps->size = size;
  ps->used = live;
  for (size_t i = 0; i < old.size; i++) {
    if (!old.slot[i].proto) continue;
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNIL) {
      size_t to = slot_of(ps, old.slot[i].proto);
      ps->slot[to] = old.slot[i];
      lua_rawseti(L, fresh, (lua_Integer)to + 1);
    } else {
      lua_pop(L, 1);
      lgort_code_release(old.slot[i].code);
    }
  }
  gort_free(old.slot);
  lua_settop(L, fresh);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->anchors);
  return 0;
}

/* The entry for the prototype of the function at idx (absolute). NULL when
 * prototypes cannot be told apart here. */
static lgort_proto *entry_of(lua_State *L, lgort_vm *vm, int idx) {
  size_t offset = vm->host->codes.proto_offset;
  if (!offset) return NULL;
  lgort_protos *ps = &vm->protos;
  const char *closure = lua_topointer(L, idx);
  const void *proto;
  memcpy(&proto, closure + offset, sizeof proto);
  luaL_checkstack(L, 8, NULL);
  if (ps->size) {
    size_t i = slot_of(ps, proto);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->anchors);
    bool known = ps->slot[i].proto == proto;
    bool alive = known && lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNIL;
    if (alive) {
      lua_pop(L, 2);
      return &ps->slot[i];
    }
    if (known || (ps->used + 1) * 2 < ps->size) {
      if (known) lua_pop(L, 1); /* the nil of the dead anchor */
      lua_pushvalue(L, idx);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
      lua_pop(L, 1);
      ps->used += !known;
      if (known) lgort_code_release(ps->slot[i].code);
      ps->slot[i] = (lgort_proto){.proto = proto};
      return &ps->slot[i];
    }
    lua_pop(L, 1);
  }
  if (rehash(L, vm) < 0) luaL_error(L, "not enough memory");
  return entry_of(L, vm, idx);
}

typedef struct bytes {
  char *s;
  size_t len, room;
} bytes;

static int write_dump(lua_State *L, const void *p, size_t size, void *ud) {
  bytes *b = ud;
  (void)L;
  if (b->room - b->len < size) {
    size_t room = (b->len + size) * 2;
    char *grown = gort_realloc(b->s, room);
    if (!grown) return GORT_ENOMEM;
    b->s = grown;
    b->room = room;
  }
  memcpy(b->s + b->len, p, size);
  b->len += size;
  return 0;
}

/* Returns a count of its own. */
static lgort_code *dump_code(lua_State *L, lgort_vm *vm, int idx, int env_up) {
  lgort_codes *cs = &vm->host->codes;
  lgort_code *code = NULL;
  bytes b = {0};
  luaL_checkstack(L, 2, NULL);
  lua_pushvalue(L, idx);
  int rc = lua_dump(L, write_dump, &b, 0);
  lua_pop(L, 1);
  if (rc == 0) {
    uv_mutex_lock(&cs->mutex);
    rc = intern_locked(cs, b.s, b.len, env_up, &code);
    uv_mutex_unlock(&cs->mutex);
  }
  gort_free(b.s);
  if (rc == GORT_EINVAL)
    luaL_error(L,
               "a function with more than %d captured variables cannot "
               "cross",
               LGORT_FACTORY_MAXUPS);
  if (rc != 0) luaL_error(L, "not enough memory");
  return code;
}

lgort_code *lgort_code_known(lua_State *L, lgort_vm *vm, int idx) {
  lgort_proto *p = entry_of(L, vm, lua_absindex(L, idx));
  return p ? p->code : NULL;
}

lgort_code *lgort_code_of(lua_State *L, lgort_vm *vm, int idx, int env_up) {
  idx = lua_absindex(L, idx);
  lgort_proto *p = entry_of(L, vm, idx);
  if (p && p->code && p->code->env_up == env_up) return p->code;
  lgort_code *code = dump_code(L, vm, idx, env_up);
  if (p) {
    lgort_code_release(p->code);
    p->code = code;
  } else { /* the purse keeps it for the caller */
    lgort_purse_fini(&vm->purse);
    vm->purse = (lgort_purse){code, 1};
  }
  return code;
}

void lgort_mark_module(lua_State *L, lgort_vm *vm, int idx) {
  lgort_proto *p = entry_of(L, vm, lua_absindex(L, idx));
  if (p) p->of_module = true;
}

bool lgort_is_marked_module(lua_State *L, lgort_vm *vm, int idx) {
  lgort_proto *p = entry_of(L, vm, lua_absindex(L, idx));
  return !p || p->of_module;
}

const char *lgort_source_of(lua_State *L, lgort_vm *vm, int idx) {
  idx = lua_absindex(L, idx);
  lgort_proto *p = entry_of(L, vm, idx);
  if (p && p->source) return p->source;
  lua_Debug ar;
  lua_pushvalue(L, idx);
  lua_getinfo(L, ">S", &ar);
  const char *source = intern_source(&vm->host->codes, ar.short_src);
  if (p) p->source = source;
  return source;
}

enum { MANY_FACTORIES = 512 };

/* Those that were not used since the last time go. (Not by collections: what
 * one of them finds unused the next would free, and until then it counts as
 * live, so that the heap would double.) */
static void age_factories(lua_State *L, lgort_vm *vm) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->factories);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->factories);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->old_factories);
  vm->nfactories = 0;
}

void lgort_push_factory(lua_State *L, lgort_vm *vm, const lgort_code *code) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->factories);
  if (lua_rawgeti(L, -1, code->id) == LUA_TFUNCTION) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->old_factories);
  if (lua_rawgeti(L, -1, code->id) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    if (luaL_loadbufferx(L, code->factory, code->factory_len, "=(factory)",
                         "b") != LUA_OK)
      lua_error(L);
  }
  lua_remove(L, -2);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, code->id);
  lua_remove(L, -2);
  if (++vm->nfactories >= MANY_FACTORIES) age_factories(L, vm);
}

/* ---- where a closure keeps its prototype ------------------------------- */

/* A Lua closure's head: what Lua 5.4's objects look like. Only its size is
 * used, and only after the trial below agreed. */
struct closure_head {
  void *next;
  unsigned char tt, marked, nupvalues;
  void *gclist;
  void *proto;
};

static const void *word_at(lua_State *L, int idx, size_t offset) {
  const void *word;
  memcpy(&word, (const char *)lua_topointer(L, idx) + offset, sizeof word);
  return word;
}

void lgort_codes_probe(lua_State *L, lgort_codes *cs) {
  size_t offset = offsetof(struct closure_head, proto);
  /* Closures of two functions, each made twice, with one upvalue each. */
  static const char trial[] =
      "local u = ... "
      "local function make(i) if i == 1 then return function() return u end "
      "else return function() return u, u end end end "
      "return make(1), make(2), make(1), make(2)";
  int top = lua_gettop(L);
  if (luaL_loadstring(L, trial) == LUA_OK && lua_pcall(L, 0, 4, 0) == LUA_OK) {
    const void *a = word_at(L, -4, offset), *b = word_at(L, -3, offset);
    if (a == word_at(L, -2, offset) && b == word_at(L, -1, offset) && a != b)
      cs->proto_offset = offset;
  }
  lua_settop(L, top);
}
