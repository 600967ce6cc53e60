/* classes.c - tables that cross by identity.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/classes.h"

#include <string.h>

#include "vm/registry.h"

/* ---- versions ---------------------------------------------------------- */

lgort_class *lgort_class_new(uint64_t id, unsigned version, gort_buf *bundle) {
  lgort_class *cls = gort_malloc(sizeof *cls);
  if (!cls) return NULL;
  *cls = (lgort_class){.version = version, .id = id, .bundle = bundle};
  atomic_init(&cls->refs, 1);
  if (bundle) gort_buf_retain(bundle);
  return cls;
}

void lgort_class_retain(lgort_class *cls) {
  atomic_fetch_add_explicit(&cls->refs, 1, memory_order_relaxed);
}

void lgort_class_release(lgort_class *cls) {
  if (!cls) return;
  if (atomic_fetch_sub_explicit(&cls->refs, 1, memory_order_acq_rel) != 1)
    return;
  if (cls->bundle) gort_buf_release(cls->bundle);
  gort_free(cls);
}

/* ---- what a vm knows --------------------------------------------------- */

static int info_gc(lua_State *L) {
  lgort_class_info *info = lua_touserdata(L, 1);
  lgort_class_release(info->current);
  info->current = NULL;
  return 0;
}

lgort_class_info *lgort_class_of(lua_State *L, lgort_vm *vm, int idx) {
  if (!vm->has_classes) return NULL;
  idx = lua_absindex(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->class_info);
  lua_pushvalue(L, idx);
  lua_rawget(L, -2);
  lgort_class_info *info = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return info;
}

static lgort_class_info *enter(lua_State *L, lgort_vm *vm, uint64_t id,
                               int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 6, NULL);
  lgort_class_info *info = lua_newuserdatauv(L, sizeof *info, 1);
  *info = (lgort_class_info){.id = id};
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->class_info_meta);
  lua_setmetatable(L, -2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->classes);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->class_info);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, -4);
  lua_rawset(L, -3);
  lua_pop(L, 3);
  vm->has_classes = true;
  lgort_special_add(&vm->special, lua_topointer(L, idx));
  return info;
}

lgort_class_info *lgort_class_adopt(lua_State *L, lgort_vm *vm, int idx) {
  lgort_class_info *info = lgort_class_of(L, vm, idx);
  if (info) return info;
  info = enter(L, vm, atomic_fetch_add(&vm->host->class_ids, 1) + 1, idx);
  info->made_here = true;
  return info;
}

void lgort_class_enter(lua_State *L, lgort_vm *vm, uint64_t id, int idx) {
  enter(L, vm, id, idx);
}

void lgort_class_push(lua_State *L, lgort_vm *vm, uint64_t id) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->classes);
  lua_rawgeti(L, -1, (lua_Integer)id);
  lua_remove(L, -2);
}

bool lgort_class_is_current(lua_State *L, lgort_vm *vm, int idx,
                            const lgort_class *cls) {
  lgort_class_info *info = lgort_class_of(L, vm, idx);
  if (!info) return false;
  /* The original is always as new as it can be. */
  return info->made_here ||
         (info->current && info->current->version >= cls->version);
}

void lgort_class_entered(lua_State *L, lgort_vm *vm, int idx, unsigned version,
                         gort_buf *bundle) {
  lgort_class_info *info = lgort_class_of(L, vm, idx);
  if (!info || info->made_here) return;
  lgort_class *cls = lgort_class_new(info->id, version, bundle);
  if (!cls) luaL_error(L, "not enough memory");
  lgort_class_release(info->current);
  info->current = cls;
}

/* ---- has it changed? --------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

/* What the value at idx is, as a number: its type and identity. */
static uint64_t identity(lua_State *L, int idx) {
  union {
    lua_Number n;
    uint64_t word;
  } u = {.word = 0};
  int type = lua_type(L, idx);
  if (type == LUA_TBOOLEAN)
    u.word = (uint64_t)lua_toboolean(L, idx);
  else if (type != LUA_TNUMBER)
    u.word = (uint64_t)(uintptr_t)lua_topointer(L, idx);
  else if (lua_isinteger(L, idx))
    u.word = (uint64_t)lua_tointeger(L, idx);
  else
    u.n = lua_tonumber(L, idx), type = -1;
  return mix((uint64_t)type, u.word);
}

/* The identities of all its fields, in any order, and of its metatable. */
static uint64_t looks_of(lua_State *L, int idx) {
  uint64_t h = 0;
  if (lua_getmetatable(L, idx)) {
    h = identity(L, -1);
    lua_pop(L, 1);
  }
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
    h += mix(identity(L, -2), identity(L, -1));
  return h;
}

bool lgort_class_changed(lua_State *L, const lgort_class_info *info, int idx) {
  return info->made_here &&
         (!info->current || looks_of(L, lua_absindex(L, idx)) != info->looks);
}

/* ---- encoding ---------------------------------------------------------- */

lgort_class *lgort_class_begin(lgort_class_info *info) {
  return lgort_class_new(info->id, info->versions++, NULL);
}

/* Keeps what the fields hold, so that no address of theirs is used again while
 * their looks are remembered. */
static void anchor_fields(lua_State *L, lgort_vm *vm, int idx) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->class_info);
  lua_pushvalue(L, idx);
  lua_rawget(L, -2);
  lua_newtable(L);
  lua_Integer n = 0;
  if (lua_getmetatable(L, idx)) lua_rawseti(L, -2, ++n);
  for (lua_pushnil(L); lua_next(L, idx);) {
    lua_rawseti(L, -3, ++n);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, ++n);
  }
  lua_setiuservalue(L, -2, 1);
  lua_pop(L, 2);
}

void lgort_class_commit(lua_State *L, lgort_vm *vm, int idx, lgort_class *cls,
                        gort_buf *bundle) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, NULL);
  lgort_class_info *info = lgort_class_of(L, vm, idx);
  if (info->current && info->current->version > cls->version) return;
  anchor_fields(L, vm, idx);
  info->looks = looks_of(L, idx);
  gort_buf_retain(bundle);
  cls->bundle = bundle;
  lgort_class_retain(cls);
  lgort_class_release(info->current);
  info->current = cls;
}

/* ---- names ------------------------------------------------------------- */

bool lgort_is_class_field(lua_State *L, int key, int value) {
  static const char *const keys[] = {
      "index", "newindex", "call", "tostring", "eq",    "gc",  "close",
      "len",   "lt",       "le",   "add",      "sub",   "mul", "div",
      "mod",   "pow",      "unm",  "idiv",     "band",  "bor", "bxor",
      "shl",   "shr",      "bnot", "pairs",    "concat"};
  if (lua_type(L, key) != LUA_TSTRING) return false;
  const char *s = lua_tostring(L, key);
  if (s[0] != '_' || s[1] != '_') return false;
  if (!lua_isfunction(L, value) &&
      (!lua_istable(L, value) || strcmp(s + 2, keys[0]) != 0))
    return false;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(s + 2, keys[i]) == 0) return true;
  return false;
}

void lgort_open_classes(lua_State *L, lgort_vm *vm) {
  vm->classes = lgort_ref_table(L, "v");
  vm->class_info = lgort_ref_table(L, "k");
  vm->class_info_meta = lgort_ref_meta(L, "__gc", info_gc);
}
