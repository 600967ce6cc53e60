/* hooks.c - debug.sethook and debug.gethook beside preemption.
 *
 * SPDX-License-Identifier: MIT
 *
 * Lua has one hook for a coroutine, and preemption needs it now and then. So
 * what the script asked for is kept beside it: the weak table vm->hooks maps
 * a coroutine to a script_hook whose user value is the script's function.
 * Preemption may add count events (preempt.c); those that the script did not
 * ask for are not shown to it.
 *
 * A count event that the script asked for comes in pieces of at most PIECE
 * instructions, so that a turn can end in between without Lua's counter being
 * set back each time. */
#include "vm/hooks.h"

#include <string.h>

#include "vm/preempt.h"
#include "vm/registry.h"

enum { PIECE = 1000 };

typedef struct script_hook {
  int mask, count;
  int left;  /* instructions until the script's next count event ... */
  int piece; /* ... and until ours */
} script_hook;

/* Pushes the script_hook of the coroutine on top, in its place; NULL: none. */
static script_hook *hook_of(lua_State *L, lgort_vm *vm) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->hooks);
  lua_insert(L, -2);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

static void call_script(lua_State *L, lua_Debug *ar) {
  static const char *const names[] = {"call", "return", "line", "count",
                                      "tail call"};
  if (lua_getiuservalue(L, -1, 1) != LUA_TFUNCTION) return;
  lua_pushstring(L, names[ar->event]);
  if (ar->currentline >= 0)
    lua_pushinteger(L, ar->currentline);
  else
    lua_pushnil(L);
  lua_call(L, 2, 0);
}

static void on_event(lua_State *L, lua_Debug *ar);

static void arm(lua_State *L, script_hook *h) {
  h->piece = h->left < PIECE ? h->left : PIECE;
  lua_sethook(L, on_event, h->mask, h->piece);
}

/* True when the script is to hear of this count event. */
static bool counted(lua_State *L, script_hook *h) {
  if (!(h->mask & LUA_MASKCOUNT)) return false;
  if (h->count <= PIECE) return true;
  h->left -= h->piece;
  bool due = h->left <= 0;
  if (due) h->left = h->count;
  arm(L, h);
  return due;
}

static void on_event(lua_State *L, lua_Debug *ar) {
  lgort_vm *vm = lgort_vm_of(L);
  lua_pushthread(L);
  script_hook *h = hook_of(L, vm);
  if (!h) { /* a new coroutine has its creator's hook, but no function */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  /* A line event would find the coroutine already yielded by the count event
   * of the same instruction: with lines the turn ends after it. */
  int last = h->mask & LUA_MASKLINE ? LUA_HOOKLINE : LUA_HOOKCOUNT;
  bool counts = lua_gethookmask(L) & LUA_MASKCOUNT;
  if (ar->event == last && !(h->mask & LUA_MASKCOUNT))
    lua_sethook(L, on_event, h->mask, 0); /* takes preemption's count off */
  if (ar->event != LUA_HOOKCOUNT || counted(L, h)) call_script(L, ar);
  if (ar->event == last && counts) lgort_end_hook(L, vm);
}

bool lgort_is_script_hook(lua_Hook hook) { return hook == on_event; }

/* ---- the functions ----------------------------------------------------- */

/* The coroutine that the arguments name; *arg: how many came before. */
static lua_State *thread_arg(lua_State *L, int *arg) {
  *arg = lua_isthread(L, 1);
  return *arg ? lua_tothread(L, 1) : L;
}

static int mask_of(const char *letters, int count) {
  int mask = 0;
  if (strchr(letters, 'c')) mask |= LUA_MASKCALL;
  if (strchr(letters, 'r')) mask |= LUA_MASKRET;
  if (strchr(letters, 'l')) mask |= LUA_MASKLINE;
  if (count > 0) mask |= LUA_MASKCOUNT;
  return mask;
}

static void push_thread(lua_State *L, lua_State *co) {
  if (co != L && !lua_checkstack(co, 1)) luaL_error(L, "stack overflow");
  lua_pushthread(co);
  if (co != L) lua_xmove(co, L, 1);
}

static int db_sethook(lua_State *L) {
  int arg, mask = 0, count = 0;
  lgort_vm *vm = lgort_vm_of(L);
  lua_State *co = thread_arg(L, &arg);
  bool off = lua_isnoneornil(L, arg + 1);
  if (!off) {
    const char *letters = luaL_checkstring(L, arg + 2);
    luaL_checktype(L, arg + 1, LUA_TFUNCTION);
    count = (int)luaL_optinteger(L, arg + 3, 0);
    mask = mask_of(letters, count);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->hooks);
  push_thread(L, co);
  if (off) {
    lua_sethook(co, NULL, 0, 0);
    lua_pushnil(L);
  } else {
    script_hook *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (script_hook){mask, count, count, 0};
    lua_pushvalue(L, arg + 1);
    lua_setiuservalue(L, -2, 1);
    if (!mask) /* kept, and never called */
      lua_sethook(co, NULL, 0, 0);
    else if (count > 0)
      arm(co, h);
    else
      lua_sethook(co, on_event, mask, count);
  }
  lua_rawset(L, -3);
  return 0;
}

static int db_gethook(lua_State *L) {
  int arg;
  lua_State *co = thread_arg(L, &arg);
  lua_Hook hook = lua_gethook(co);
  int mask = lua_gethookmask(co), count = lua_gethookcount(co);
  if (!hook || lgort_is_turn_hook(hook)) {
    luaL_pushfail(L);
    return 1;
  }
  if (hook != on_event) {
    lua_pushliteral(L, "external hook");
  } else {
    push_thread(L, co);
    script_hook *h = hook_of(L, lgort_vm_of(L));
    if (h) {
      mask = h->mask;
      count = h->count;
      lua_getiuservalue(L, -1, 1);
    }
  }
  char letters[4], *end = letters;
  if (mask & LUA_MASKCALL) *end++ = 'c';
  if (mask & LUA_MASKRET) *end++ = 'r';
  if (mask & LUA_MASKLINE) *end++ = 'l';
  lua_pushlstring(L, letters, (size_t)(end - letters));
  lua_pushinteger(L, count);
  return 3;
}

void lgort_open_hooks(lua_State *L) {
  lgort_vm_of(L)->hooks = lgort_ref_table(L, "k");
  lua_getglobal(L, LUA_DBLIBNAME);
  lua_pushcfunction(L, db_sethook);
  lua_setfield(L, -2, "sethook");
  lua_pushcfunction(L, db_gethook);
  lua_setfield(L, -2, "gethook");
  lua_pop(L, 1);
}
