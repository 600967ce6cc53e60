/* modules.c - what crosses by name.
 *
 * SPDX-License-Identifier: MIT
 *
 * When a module has loaded, what it holds is noted in a weak table, with the
 * way there: its fields, the metatables, and the classes and local functions
 * that its functions use. Another vm has the same only if loading makes it: so
 * not what a module has got from the script (functions that are no part of
 * its chunk, tables that globals hold), nor what is put into it later. That
 * crosses by value.
 *
 * A way is the module's name, a zero byte and steps: 'f' field and a zero byte,
 * 'u' and the number of an upvalue, 'm' for the metatable. */
#include "cross/modules.h"

#include <string.h>

#include "cross/classes.h"
#include "cross/env.h"
#include "vm/registry.h"

enum {
  MAX_NOTED = 2000, /* of one module; a data table is not for names */
  MAX_FIELDS = 1000,
  MAX_DEPTH = 5
};

typedef struct walk {
  lua_State *L;
  lgort_vm *vm;
  int names;     /* stack index of the weak table */
  int queue;     /* stack index of a list: value, way, depth, value ... */
  int strangers; /* stack index: a set of tables that were there before */
  lua_Integer head, tail;
  int noted;
  lua_Debug loader; /* of the chunk that was run; source NULL: none of Lua's */
} walk;

/* Is the function at idx part of the module's chunk? */
static bool is_of_chunk(walk *w, int idx) {
  lua_Debug ar;
  const lua_Debug *chunk = &w->loader;
  if (!chunk->source) return false;
  lua_pushvalue(w->L, idx);
  lua_getinfo(w->L, ">S", &ar);
  return strcmp(ar.source, chunk->source) == 0 &&
         (*chunk->what == 'm' ||
          (ar.linedefined >= chunk->linedefined &&
           ar.lastlinedefined <= chunk->lastlinedefined));
}

/* May the value at idx be noted? */
static bool is_its_own(walk *w, int idx) {
  lua_State *L = w->L;
  if (lua_iscfunction(L, idx)) return true;
  if (lua_isfunction(L, idx)) return is_of_chunk(w, idx);
  if (!lua_istable(L, idx) || lgort_is_env(L, w->vm, idx)) return false;
  lua_pushvalue(L, idx);
  bool stranger = lua_rawget(L, w->strangers) != LUA_TNIL;
  lua_pop(L, 1);
  return !stranger;
}

/* Has the value at idx a name? A module that others hold has one as soon as it
 * is a module: is_root asks for that. */
static bool has_name(walk *w, int idx, bool is_root) {
  size_t len;
  lua_pushvalue(w->L, idx);
  lua_rawget(w->L, w->names);
  const char *way = lua_tolstring(w->L, -1, &len);
  bool has = way && (!is_root || strlen(way) + 1 == len);
  lua_pop(w->L, 1);
  return has;
}

/* Stack: a value and the step to it from the way at index from (0: it is the
 * whole way). Pops both; notes the value and queues it if it is new. */
static void note(walk *w, int from, int depth) {
  lua_State *L = w->L;
  int value = lua_gettop(L) - 1;
  int type = lua_type(L, value);
  if (w->noted < MAX_NOTED && is_its_own(w, value)) {
    if (!has_name(w, value, !from)) {
      if (from) {
        lua_pushvalue(L, from);
        lua_insert(L, -2);
        lua_concat(L, 2);
      }
      if (type == LUA_TFUNCTION && !lua_iscfunction(L, value))
        lgort_mark_module(L, w->vm, value);
      lua_pushvalue(L, value);
      lua_pushvalue(L, -2);
      lua_rawset(L, w->names);
      lgort_special_add(&w->vm->special, lua_topointer(L, value));
      w->noted++;
      if (depth < MAX_DEPTH) {
        lua_pushvalue(L, value);
        lua_rawseti(L, w->queue, ++w->tail);
        lua_rawseti(L, w->queue, ++w->tail);
        lua_pushinteger(L, depth);
        lua_rawseti(L, w->queue, ++w->tail);
      }
    }
  }
  lua_settop(L, value - 1);
}

static void walk_table(walk *w, int table, int way, int depth) {
  lua_State *L = w->L;
  int n = 0;
  for (lua_pushnil(L); lua_next(L, table);) {
    size_t len;
    const char *key =
        lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &len) : NULL;
    if (++n > MAX_FIELDS) {
      lua_pop(L, 2);
      break;
    }
    if (key && strlen(key) == len && lua_type(L, -1) >= LUA_TTABLE) {
      lua_pushliteral(L, "f");
      lua_pushvalue(L, -3);
      lua_pushlstring(L, "", 1);
      lua_concat(L, 3);
      note(w, way, depth + 1);
    } else {
      lua_pop(L, 1);
    }
  }
  if (lua_getmetatable(L, table)) {
    lua_pushliteral(L, "m");
    note(w, way, depth + 1);
  }
}

static bool is_class(lua_State *L, int idx) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    int top = lua_gettop(L);
    bool is = lgort_is_class_field(L, top - 1, top);
    if (!is && ++n <= MAX_FIELDS) continue;
    lua_pop(L, 2);
    return is;
  }
  return false;
}

static void walk_function(walk *w, int func, int way, int depth) {
  lua_State *L = w->L;
  for (int i = 1; lua_getupvalue(L, func, i); i++) {
    int value = lua_gettop(L);
    char step[2] = {'u', (char)i};
    if (lua_isfunction(L, value) ||
        (lua_istable(L, value) && is_class(L, value))) {
      lua_pushlstring(L, step, 2);
      note(w, way, depth + 1);
    } else {
      lua_pop(L, 1);
    }
  }
}

/* Adds the tables in the fields of the table at idx to the set at strangers. */
static void add_tables(lua_State *L, int idx, int strangers) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    if (++n > MAX_FIELDS) {
      lua_pop(L, 2);
      return;
    }
    if (!lua_istable(L, -1)) continue;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, strangers);
  }
}

void lgort_push_strangers(lua_State *L, lgort_vm *vm) {
  luaL_checkstack(L, 12, NULL);
  lua_newtable(L);
  int strangers = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  for (lua_pushnil(L); lua_next(L, strangers + 1); lua_pop(L, 1)) {
    int value = lua_gettop(L);
    if (!lua_istable(L, value) || lgort_is_env(L, vm, value)) continue;
    if (lgort_push_module_of(L, vm, value)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, value);
    lua_pushboolean(L, 1);
    lua_rawset(L, strangers);
    add_tables(L, value, strangers);
  }
  lua_pop(L, 1);
}

/* Stack: the set of strangers, the module's name, the module. Pops the last
 * two. loader: as in lgort_note_module. */
static void note_module(lua_State *L, lgort_vm *vm, int loader) {
  luaL_checkstack(L, 24, NULL);
  int name = lua_gettop(L) - 1;
  walk w = {.L = L,
            .vm = vm,
            .names = name + 2,
            .queue = name + 3,
            .strangers = name - 1};
  if (loader && !lua_iscfunction(L, loader)) {
    lua_pushvalue(L, loader);
    lua_getinfo(L, ">S", &w.loader);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->modules);
  lua_newtable(L);
  lua_pushvalue(L, name + 1);
  lua_pushvalue(L, name);
  lua_pushlstring(L, "", 1);
  lua_concat(L, 2);
  note(&w, 0, 0);
  int top = lua_gettop(L);
  while (w.head < w.tail) {
    lua_rawgeti(L, w.queue, ++w.head);
    lua_rawgeti(L, w.queue, ++w.head);
    lua_rawgeti(L, w.queue, ++w.head);
    int depth = (int)lua_tointeger(L, -1);
    if (lua_istable(L, top + 1))
      walk_table(&w, top + 1, top + 2, depth);
    else if (!lua_iscfunction(L, top + 1))
      walk_function(&w, top + 1, top + 2, depth);
    lua_settop(L, top);
  }
  lua_settop(L, name - 1);
}

void lgort_note_module(lua_State *L, lgort_vm *vm, int name, int module,
                       int loader, int strangers) {
  int top = lua_gettop(L);
  lua_pushvalue(L, strangers);
  lua_pushvalue(L, name);
  lua_pushvalue(L, module);
  note_module(L, vm, loader);
  lua_settop(L, top);
}

bool lgort_push_module_of(lua_State *L, lgort_vm *vm, int idx) {
  idx = lua_absindex(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->modules);
  lua_pushvalue(L, idx);
  bool found = lua_rawget(L, -2) != LUA_TNIL;
  if (found)
    lua_remove(L, -2);
  else
    lua_pop(L, 2);
  return found;
}

static void require(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, "gort.require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

/* Raises: the steps from at on lead nowhere. */
_Noreturn static void no_way(lua_State *L, const char *name, const char *at,
                             const char *end) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (bool first = true; at < end; first = false) {
    if (*at == 'f') {
      if (!first) luaL_addchar(&b, '.');
      luaL_addstring(&b, at + 1);
      at += strlen(at) + 1;
    } else {
      luaL_addstring(&b, *at == 'u' ? " (an upvalue)" : " (the metatable)");
      at += *at == 'u' ? 2 : 1;
    }
  }
  luaL_pushresult(&b);
  luaL_error(L, "module '%s' has no '%s' in this task", name,
             lua_tostring(L, -1));
  __builtin_unreachable();
}

/* Replaces the value on top of the stack by what a step leads to; false: there
 * is nothing. *at moves on. */
static bool take_step(lua_State *L, const char **at) {
  bool there = false;
  const char *step = *at;
  if (*step == 'f') {
    *at += strlen(step) + 1;
    if (!lua_istable(L, -1)) return false;
    lua_pushstring(L, step + 1);
    there = lua_rawget(L, -2) != LUA_TNIL;
  } else if (*step == 'u') {
    *at += 2;
    there = lua_isfunction(L, -1) &&
            lua_getupvalue(L, -1, (unsigned char)step[1]) != NULL;
    there = there && !lua_isnil(L, -1);
  } else {
    *at += 1;
    there = lua_getmetatable(L, -1);
  }
  if (there) lua_remove(L, -2);
  return there;
}

void lgort_push_module(lua_State *L, const char *way, size_t len) {
  luaL_checkstack(L, 10, NULL);
  const char *at = way + strlen(way) + 1, *end = way + len;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  bool loaded = lua_getfield(L, -1, way) != LUA_TNIL;
  lua_remove(L, -2);
  if (!loaded) {
    lua_pop(L, 1);
    require(L, way);
  }
  const char *start = at;
  while (at < end)
    if (!take_step(L, &at)) no_way(L, way, start, end);
}

bool lgort_is_of_module(lua_State *L, lgort_vm *vm, int idx) {
  luaL_checkstack(L, 8, NULL);
  const lgort_proto *p = lgort_proto_of(L, vm, idx);
  if (p && !p->of_module) return false;
  if (!lgort_push_module_of(L, vm, idx)) return false;
  lua_pop(L, 1);
  return true;
}

void lgort_open_modules(lua_State *L, lgort_vm *vm) {
  vm->modules = lgort_ref_table(L, "k");
}

void lgort_note_modules(lua_State *L, lgort_vm *vm) {
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  vm->globals_ptr = lua_topointer(L, -1); /* so that it is no module */
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L); /* nothing was there before */
  /* package last: it holds the others, which have names of their own. */
  for (int pass = 0; pass < 2; pass++)
    for (lua_pushnil(L); lua_next(L, top + 2); lua_pop(L, 1)) {
      if (lua_type(L, -2) != LUA_TSTRING) continue;
      const char *name = lua_tostring(L, -2);
      if (strcmp(name, LUA_GNAME) == 0) continue;
      if ((strcmp(name, LUA_LOADLIBNAME) == 0) != pass) continue;
      lua_pushvalue(L, top + 3);
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -3);
      note_module(L, vm, 0);
      lua_pop(L, 1);
    }
  lua_settop(L, top);
}
