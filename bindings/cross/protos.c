/* protos.c - finding the codes of a vm's functions fast, and their factories.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/protos.h"

#include <string.h>

#include "cross/factory.h"
#include "vm/registry.h"
#include "vm/vm.h"

/* ---- prototypes -------------------------------------------------------- */

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

/* How many entries there should be room for. */
static size_t wanted_size(lua_State *L, lgort_vm *vm) {
  const lgort_protos *ps = &vm->protos;
  size_t size = ps->size ? ps->size : 64, live = 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->anchors);
  for (size_t i = 0; i < ps->size; i++) {
    if (!ps->slot[i].proto) continue;
    live += lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNIL;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  while (live * 4 >= size) size *= 2;
  return size;
}

/* Pushes a table for the anchors and returns how many it has room for: none of
 * them needs memory. Making it may run finalizers that come here, too. */
static size_t push_anchors(lua_State *L, lgort_vm *vm) {
  for (;;) {
    size_t size = wanted_size(L, vm);
    lua_createtable(L, (int)size, 0);
    lgort_make_weak(L, "v");
    if (wanted_size(L, vm) <= size) return size;
    lua_pop(L, 1);
  }
}

/* Entries of functions that were collected go when the table is rebuilt. */
static int rehash(lua_State *L, lgort_vm *vm) {
  lgort_protos *ps = &vm->protos;
  luaL_checkstack(L, 8, NULL);
  size_t size = push_anchors(L, vm);
  lgort_proto *slot = gort_malloc(size * sizeof *slot);
  if (!slot) return GORT_ENOMEM;
  memset(slot, 0, size * sizeof *slot);
  memset(ps->recent, 0, sizeof ps->recent);
  lgort_protos old = *ps;
  int fresh = lua_gettop(L);
  ps->slot = slot;
  ps->size = size;
  ps->used = 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->anchors);
  for (size_t i = 0; i < old.size; i++) {
    if (!old.slot[i].proto) continue;
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNIL) {
      size_t to = slot_of(ps, old.slot[i].proto);
      ps->slot[to] = old.slot[i];
      ps->used++;
      lua_rawseti(L, fresh, (lua_Integer)to + 1);
    } else {
      lua_pop(L, 1);
      if (old.slot[i].of_module) ps->lost_module = true;
      lgort_code_release(old.slot[i].code);
    }
  }
  gort_free(old.slot);
  lua_settop(L, fresh);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->anchors);
  return 0;
}

/* The same where it was not looked up lately. */
static lgort_proto *find_entry(lua_State *L, lgort_vm *vm, int idx,
                               const void *proto) {
  lgort_protos *ps = &vm->protos;
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
      bool of_module = ps->lost_module || (known && ps->slot[i].of_module);
      if (known) lgort_code_release(ps->slot[i].code);
      ps->slot[i] = (lgort_proto){.proto = proto, .of_module = of_module};
      return &ps->slot[i];
    }
    lua_pop(L, 1);
  }
  if (rehash(L, vm) < 0) luaL_error(L, "not enough memory");
  return find_entry(L, vm, idx, proto);
}

/* The entry for the prototype of the function at idx (absolute). NULL when
 * prototypes cannot be told apart here. */
static lgort_proto *entry_of(lua_State *L, lgort_vm *vm, int idx) {
  if (!vm->host->codes.layout.protos) return NULL;
  lgort_protos *ps = &vm->protos;
  const void *proto = lgort_layout_proto(lua_topointer(L, idx));
  size_t i = lgort_recent_slot(proto);
  if (ps->recent[i].proto == proto) return ps->recent[i].entry;
  lgort_proto *entry = find_entry(L, vm, idx, proto);
  if (vm != vm->host->adopted) { /* else its memory is not seen to go */
    ps->recent[i].proto = proto;
    ps->recent[i].entry = entry;
  }
  return entry;
}

/* ---- codes of functions ------------------------------------------------ */

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
  lgort_code *code = NULL;
  bytes b = {0};
  luaL_checkstack(L, 2, NULL);
  lua_pushvalue(L, idx);
  int rc = lua_dump(L, write_dump, &b, 0);
  lua_pop(L, 1);
  if (rc == 0)
    rc = lgort__codes_intern(&vm->host->codes, b.s, b.len, env_up, &code);
  gort_free(b.s);
  if (rc == GORT_EINVAL)
    luaL_error(L,
               "a function with more than %d captured variables cannot "
               "cross",
               LGORT_FACTORY_MAXUPS);
  if (rc != 0) luaL_error(L, "not enough memory");
  return code;
}

const lgort_proto *lgort_proto_of(lua_State *L, lgort_vm *vm, int idx) {
  return entry_of(L, vm, lua_absindex(L, idx));
}

lgort_code *lgort_code_of(lua_State *L, lgort_vm *vm, int idx, int env_up) {
  luaL_checkstack(L, 8, NULL);
  idx = lua_absindex(L, idx);
  lgort_proto *p = entry_of(L, vm, idx);
  if (p && p->code && p->code->env_up == env_up) return p->code;
  lgort_code *code = dump_code(L, vm, idx, env_up);
  if (p) {
    lgort_code_release(p->code);
    p->code = code;
  } else { /* the purse keeps it for the caller */
    lgort_code_put(vm, code);
  }
  return code;
}

void lgort_mark_module(lua_State *L, lgort_vm *vm, int idx) {
  luaL_checkstack(L, 8, NULL);
  lgort_proto *p = entry_of(L, vm, lua_absindex(L, idx));
  if (p) p->of_module = true;
}

/* The interned name of the chunk of the function on top of the stack. */
static const char *source_of(lua_State *L, lgort_vm *vm, lgort_proto *p) {
  if (p && p->source) return p->source;
  lua_Debug ar;
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">S", &ar);
  const char *source = lgort__codes_source(&vm->host->codes, ar.short_src);
  if (p) p->source = source;
  return source;
}

/* Stack: the Lua function of ar. */
static bool find_line(lua_State *L, lgort_vm *vm, lua_Debug *ar,
                      const char **source, int *line) {
  const void *pc = NULL;
  lgort_proto *p = entry_of(L, vm, lua_gettop(L));
  *source = source_of(L, vm, p);
  if (vm->host->codes.layout.calls && p) {
    pc = lgort_layout_pc(ar);
    *line = p->line;
    if (p->pc == pc) return true;
  }
  lua_getinfo(L, "l", ar);
  *line = ar->currentline;
  if (pc && *line > 0) {
    p->line = *line;
    p->pc = pc;
  }
  return *line > 0;
}

/* The same where both the function and its instruction are the last ones seen. */
static bool is_last_line(lgort_vm *vm, const lua_Debug *ar, const char **source,
                         int *line) {
  const lgort_layout *layout = &vm->host->codes.layout;
  const void *closure = lgort_layout_closure(layout, ar);
  if (!closure || !layout->protos || !layout->calls) return false;
  const void *proto = lgort_layout_proto(closure);
  size_t i = lgort_recent_slot(proto);
  if (vm->protos.recent[i].proto != proto) return false;
  const lgort_proto *p = vm->protos.recent[i].entry;
  if (p->pc != lgort_layout_pc(ar) || !p->source) return false;
  *source = p->source;
  *line = p->line;
  return true;
}

bool lgort_find_site(lua_State *L, lgort_vm *vm, const char **source,
                     int *line) {
  lua_Debug ar;
  bool found = lua_getstack(L, 1, &ar) && is_last_line(vm, &ar, source, line);
  for (int level = 1; !found && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "f", &ar);
    found = !lua_iscfunction(L, -1) && find_line(L, vm, &ar, source, line);
    lua_pop(L, 1);
  }
  return found;
}

/* ---- factories --------------------------------------------------------- */

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

/* Keeps the function on top of the stack under that key, as one of the young. */
static void keep(lua_State *L, lgort_vm *vm, lua_Integer key) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->factories);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, key);
  lua_pop(L, 1);
  if (++vm->nfactories >= MANY_FACTORIES) age_factories(L, vm);
}

/* Pushes what is kept under that key; false: nothing is. */
static bool push_kept(lua_State *L, lgort_vm *vm, lua_Integer key) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->factories);
  bool young = lua_rawgeti(L, -1, key) == LUA_TFUNCTION;
  if (!young) {
    lua_pop(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->old_factories);
    if (lua_rawgeti(L, -1, key) != LUA_TFUNCTION) {
      lua_pop(L, 2);
      return false;
    }
  }
  lua_remove(L, -2);
  if (!young) keep(L, vm, key);
  return true;
}

void lgort_push_factory(lua_State *L, lgort_vm *vm, const lgort_code *code) {
  if (push_kept(L, vm, code->id)) return;
  if (luaL_loadbufferx(L, code->factory, code->factory_len, "=(factory)",
                       "b") != LUA_OK)
    lua_error(L);
  keep(L, vm, code->id);
}

void lgort_push_pure(lua_State *L, lgort_vm *vm, const lgort_code *code) {
  int n = code->info->nups;
  luaL_checkstack(L, n + 6, "too many captured variables");
  if (push_kept(L, vm, -code->id)) return;
  lgort_push_factory(L, vm, code);
  int func = lua_gettop(L);
  for (int i = 0; i < n; i++)
    if (i == code->env_up)
      lua_rawgeti(L, LUA_REGISTRYINDEX, vm->base);
    else
      lua_pushnil(L);
  lua_call(L, n, 1);
  for (int i = 0; i < n; i++) {
    if (i == code->env_up) continue;
    lua_pushvalue(L, func);
    lua_setupvalue(L, func, i + 1);
  }
  keep(L, vm, -code->id);
}
