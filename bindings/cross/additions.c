/* additions.c - what a script adds to standard tables, for its tasks to see.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/additions.h"

#include <string.h>

#include "cross/decoder.h"
#include "cross/encoding.h"
#include "vm/registry.h"

static const char *const libraries[] = {
    "string", "table",     "math",           "os", "io", "utf8",
    "debug",  "coroutine", "package.preload"};

void lgort_push_library(lua_State *L, const char *name) {
  const char *dot = strchr(name, '.');
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, dot ? LUA_LOADLIBNAME : name);
  if (dot && lua_istable(L, -1)) {
    lua_getfield(L, -1, dot + 1);
    lua_remove(L, -2);
  }
  lua_remove(L, -2);
}

/* ---- noting ------------------------------------------------------------ */

static char mark;
void *const lgort_watch_mark = &mark;

/* __newindex of a standard table: notes the key for the tasks to come.
 * Upvalue: the table's name. */
static int note_addition(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->added);
  int at = vm->nadded * 2;
  for (int i = 1; i < at; i += 2) { /* set, removed, set again */
    lua_rawgeti(L, 4, i);
    lua_rawgeti(L, 4, i + 1);
    bool known =
        lua_rawequal(L, -1, 2) && lua_rawequal(L, -2, lua_upvalueindex(1));
    lua_settop(L, 4);
    if (known) return 0;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawseti(L, 4, at + 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, 4, at + 2);
  vm->nadded++;
  vm->added_more = true;
  return 0;
}

/* Pushes the name of the table, the table, the key and the value of an
 * addition. */
static void push_addition(lua_State *L, lgort_vm *vm, int i) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->added);
  lua_rawgeti(L, -1, 2 * i + 1);
  lgort_push_library(L, lua_tostring(L, -1));
  lua_rawgeti(L, -3, 2 * i + 2);
  lua_remove(L, -4);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
}

/* ---- the bundle -------------------------------------------------------- */

/* Pushes a list of all values as they are now. */
static void push_values(lua_State *L, lgort_vm *vm) {
  lua_createtable(L, vm->nadded, 0);
  for (int i = 0; i < vm->nadded; i++) {
    push_addition(L, vm, i);
    lua_rawseti(L, -5, i + 1);
    lua_pop(L, 3);
  }
}

/* Have what was added and what it holds stayed as in vm->additions? Many are
 * looked at once in a turn: a field that is set anew after that is seen by the
 * tasks of the next. */
static bool unchanged(lua_State *L, lgort_vm *vm) {
  enum { FEW = 8 };
  if (!vm->additions || vm->added_more) return false;
  if (vm->nadded > FEW && vm->added_turn == vm->turns) return true;
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->added_values);
  bool same = (int)lua_rawlen(L, -1) >= vm->nadded;
  for (int i = 0; i < vm->nadded && same; i++) {
    lua_rawgeti(L, top + 1, i + 1);
    push_addition(L, vm, i);
    same = lua_rawequal(L, -1, top + 2);
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  vm->added_turn = vm->turns;
  return same;
}

/* cls holds what this vm's tables hold now. Takes its count. */
static void is_in_use(lua_State *L, lgort_vm *vm, lgort_class *cls) {
  lgort_class_release(vm->additions);
  vm->additions = cls;
  vm->added_more = false;
  push_values(L, vm);
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->added_values);
}

void lgort__put_additions(lgort_encoding *x) {
  lua_State *L = x->L;
  for (int i = 0; i < x->vm->nadded; i++) {
    int top = lua_gettop(L);
    push_addition(L, x->vm, i); /* name, table, key, value */
    size_t len;
    const char *name = lua_tolstring(L, top + 1, &len);
    x->here = LGORT_NO_PARENT;
    lgort__put_string(x, LGORT_T_ADDITION, name, len);
    lgort__put_value(x, top + 3);
    lgort__put_value(x, top + 4);
    lua_settop(L, top);
  }
}

const char *lgort__addition_name(lgort_encoding *x, int idx) {
  lua_State *L = x->L;
  for (int i = 0; i < x->vm->nadded; i++) {
    int top = lua_gettop(L);
    push_addition(L, x->vm, i);
    if (lua_rawequal(L, -1, idx))
      return lua_pushfstring(L, "%s.%s", lua_tostring(L, top + 1),
                             luaL_tolstring(L, top + 3, NULL));
    lua_settop(L, top);
  }
  return NULL;
}

lgort_class *lgort_additions(lua_State *L, lgort_vm *vm,
                             const lgort_subject *subject) {
  if (vm->nadded == 0) return NULL;
  luaL_checkstack(L, 24, NULL);
  if (unchanged(L, vm)) return vm->additions;
  lgort_encoding x = {.L = L,
                      .vm = vm,
                      .subject = subject,
                      .first = lua_gettop(L) + 1,
                      .is_bundle = true,
                      .is_additions = true};
  gort_buf *bundle = lgort__encode_message(&x, 0);
  lgort__commit_bundle(&x, bundle);
  unsigned version = atomic_fetch_add(&vm->host->additions, 1) + 1;
  lgort_class *cls = lgort_class_new(0, version, bundle);
  lgort__encode_end(&x);
  if (!cls) luaL_error(L, "cannot %s: not enough memory", subject->verb);
  is_in_use(L, vm, cls);
  return cls;
}

void lgort_use_additions(lua_State *L, lgort_vm *vm, lgort_class *additions) {
  bool own = vm->nadded > 0 && !unchanged(L, vm);
  lgort_decode_bundle(L, vm, additions->bundle);
  lgort_class_retain(additions);
  is_in_use(L, vm, additions);
  if (!own) return;
  lua_newtable(L); /* this vm's own are in no bundle yet: to be made */
  lua_rawseti(L, LUA_REGISTRYINDEX, vm->added_values);
}

/* What was in the table on top before a state was adopted counts, too: sets
 * again what no other state has. Not for package.preload: that is full of
 * loaders. */
static void note_earlier(lua_State *L, lgort_vm *vm, const char *library) {
  lua_State *pristine = vm->host->pristine;
  if (!pristine || vm != vm->host->adopted || strchr(library, '.')) return;
  int lib = lua_gettop(L), n = 0;
  lgort_push_library(pristine, library);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, lib); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    if (lua_getfield(pristine, -1, lua_tostring(L, -2)) == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_rawseti(L, lib + 1, ++n);
    }
    lua_pop(pristine, 1);
  }
  lua_pop(pristine, 1);
  for (; n > 0; n--) {
    lua_rawgeti(L, lib + 1, n);
    lua_pushvalue(L, -1);
    lua_rawget(L, lib); /* key, value */
    lua_pushvalue(L, -2);
    lua_pushnil(L);
    lua_rawset(L, lib);
    lua_settable(L, lib);
  }
  lua_settop(L, lib);
}

void lgort_open_additions(lua_State *L, lgort_vm *vm) {
  vm->added = lgort_ref_table(L, NULL);
  vm->added_values = lgort_ref_table(L, NULL);
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    lgort_push_library(L, libraries[i]);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, libraries[i]);
    lua_pushcclosure(L, note_addition, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushlightuserdata(L, lgort_watch_mark);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    note_earlier(L, vm, libraries[i]);
    lua_pop(L, 1);
  }
}
