/* handles.c - runtime objects as userdata.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/handles.h"

#include "cross/message.h"

static const struct {
  const char *name;
  const gort_class *(*cls)(void);
} types[LGORT_NTYPES] = {
    [LGORT_CHAN] = {"channel", gort_chan_class},
    [LGORT_WAITGROUP] = {"wait group", gort_waitgroup_class},
    [LGORT_TIMER] = {"timer", gort_timer_class},
    [LGORT_CONTEXT] = {"context", gort_context_class},
    [LGORT_CANCEL] = {"cancel function", gort_context_class},
    [LGORT_DONE] = {"context's end", gort_context_class},
    [LGORT_CANCEL_CAUSE] = {"cancel function", gort_context_class},
    [LGORT_AFTER] = {"after_func", gort_after_class},
    [LGORT_MUTEX] = {"mutex", gort_mutex_class},
    [LGORT_RWMUTEX] = {"rwmutex", gort_rwmutex_class},
    [LGORT_COND] = {"cond", gort_cond_class},
    [LGORT_SEMAPHORE] = {"semaphore", gort_semaphore_class},
    [LGORT_ATOMIC] = {"atomic", gort_atomic_class},
    [LGORT_MAP] = {"map", gort_map_class},
    [LGORT_FUTURE] = {"future", gort_future_class},
    [LGORT_ONCE] = {"once", gort_once_class},
    [LGORT_SINGLEFLIGHT] = {"singleflight", gort_singleflight_class},
    [LGORT_GROUP] = {"error group", gort_group_class},
};
_Static_assert((int)LGORT_NTYPES <= (int)LGORT_TYPES, "vm.h has room for all");

/* The collector keeps what has a finalizer for another cycle, takes it for
 * live meanwhile and waits until there is twice as much: a program that only
 * makes handles would grow for ever. So from MANY_NEW in one cycle on, every
 * HURRY_EACH are as good as that much memory. */
enum { MANY_NEW = 16384, HURRY_EACH = 64, HURRY_KB = 64 };

/* Its address tells handles from other userdata. */
const char lgort_handle_mark = 0;

static lgort_type_index type_of(const gort_object *obj, lgort_view view) {
  const gort_class *cls = gort_object_class(obj);
  if (cls == gort_context_class()) return LGORT_CONTEXT + view;
  int i = 0;
  while (types[i].cls() != cls) i++;
  return (lgort_type_index)i;
}

/* Not an rwmutex, which has two sides, nor a cond, whose wait is more than one
 * step, nor what cancels a context. */
bool lgort_can_receive(const lgort_handle *h) {
  return gort_object_class(h->obj)->source && h->type != LGORT_RWMUTEX &&
         h->type != LGORT_COND && h->type != LGORT_CANCEL &&
         h->type != LGORT_CANCEL_CAUSE;
}

static int handle_gc(lua_State *L) {
  lgort_handle *h = lua_touserdata(L, 1);
  if (h && h->obj) {
    lgort_handle **known = lgort_known_slot(lgort_vm_of(L), h);
    if (*known == h) *known = NULL;
    gort_object_release_many(h->obj, 1 + h->spare);
    h->obj = NULL;
  }
  return 0;
}

static int handle_tostring(lua_State *L) {
  lgort_handle *h = lgort_to_handle(L, 1);
  if (!h) return luaL_error(L, "not a handle");
  static const char *const sides[] = {"", " sender", " receiver"};
  static const char *const guards[] = {"", " guard", " read guard"};
  const char *view = h->type == LGORT_CHAN ? sides[h->view]
                     : h->type == LGORT_MUTEX || h->type == LGORT_RWMUTEX
                         ? guards[h->view]
                         : "";
  lua_pushfstring(L, "%s%s: %p", types[h->type].name, view, (void *)h->obj);
  return 1;
}

/* Every call of a method looks into two tables: with so much room few of their
 * names collide. */
enum { ROOMY = 32 };

void lgort_type_new(lua_State *L, lgort_type_index type,
                    const luaL_Reg *methods, const luaL_Reg *meta) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_createtable(L, 0, ROOMY);
  if (meta) luaL_setfuncs(L, meta, 0);
  lua_createtable(L, 0, ROOMY);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, types[type].name);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, handle_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, handle_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushboolean(L, 0); /* scripts cannot take __gc and call it */
  lua_setfield(L, -2, "__metatable");
  vm->metaref[type] = luaL_ref(L, LUA_REGISTRYINDEX);
}

void lgort_push_new(lua_State *L, gort_object *obj, lgort_view view) {
  lgort_vm *vm = lgort_vm_of(L);
  size_t held = vm->held.n;
  if (!lgort_hold(&vm->held, LGORT_REF_OBJECT, obj))
    luaL_error(L, "not enough memory");
  lgort_handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  lgort_take_back(&vm->held, held);
  lgort_type_index type = type_of(obj, view);
  *h = (lgort_handle){&lgort_handle_mark, obj,   (uint8_t)view,
                      (uint8_t)type,      false, 0};
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->metaref[type]);
  lua_setmetatable(L, -2);
  if (++vm->new_handles > MANY_NEW && vm->new_handles % HURRY_EACH == 0)
    lua_gc(L, LUA_GCSTEP, HURRY_KB);
}

/* Objects are aligned: each of their views has an address of its own. (As a
 * number it is found faster than as a pointer.) */
static lua_Integer key_of(const gort_object *obj, unsigned view) {
  return (lua_Integer)(uintptr_t)((const char *)obj + view);
}

void lgort_push_object(lua_State *L, gort_object *obj, lgort_view view) {
  gort_object_arrived(obj);
  lua_rawgeti(L, LUA_REGISTRYINDEX, lgort_vm_of(L)->handles);
  if (lua_rawgeti(L, -1, key_of(obj, view)) != LUA_TNIL) {
    lgort_give_count(lua_touserdata(L, -1));
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  lgort_push_new(L, obj, view);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, key_of(obj, view));
  ((lgort_handle *)lua_touserdata(L, -1))->listed = true;
  lua_remove(L, -2);
}

/* Protected. Stack: the handle. */
static int list(lua_State *L) {
  lgort_handle *h = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, lgort_vm_of(L)->handles);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, key_of(h->obj, h->view));
  h->listed = true;
  return 0;
}

bool lgort_list_handle(lua_State *L, int idx, lgort_handle *h) {
  if (h->listed) return true;
  if (!lua_checkstack(L, 4)) return false;
  idx = lua_absindex(L, idx);
  lua_pushcfunction(L, list);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}

/* The size is looked at first: a light userdata has none, and a full one of
 * this size can be read. (A light userdata that points to a known handle is as
 * good as the handle.) */
lgort_handle *lgort_to_handle(lua_State *L, int idx) {
  lgort_handle *h = lua_touserdata(L, idx);
  if (!h) return NULL;
  lgort_handle **known = lgort_known_slot(lgort_vm_of(L), h);
  /* Its mark tells, too: with debug.setmetatable its __gc may never have run. */
  if (*known == h && h->mark == &lgort_handle_mark) return h;
  if (lua_rawlen(L, idx) != sizeof *h || h->mark != &lgort_handle_mark)
    return NULL;
  if (h->obj) *known = h;
  return h;
}

const char *lgort_handle_name(const lgort_handle *h) {
  return types[h->type].name;
}

lgort_handle *lgort__check_handle(lua_State *L, int idx,
                                  lgort_type_index type) {
  lgort_handle *h = lgort_to_handle(L, idx);
  if (!h || h->type != type) {
    luaL_typeerror(L, idx, types[type].name);
    return NULL;
  }
  if (!h->obj) /* in a finalizer, after the handle's own */
    luaL_error(L, "this %s has been collected", types[type].name);
  return h;
}
