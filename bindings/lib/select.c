/* select.c - select { cases }, beside Lua's select(n, ...).
 *
 * SPDX-License-Identifier: MIT
 *
 * Passes: the table is read and checked whole; then values are encoded; then
 * the runtime chooses. Nothing is held while something can raise. What is
 * waited for stays on the stack: others may change the table meanwhile. */
#include <stdio.h>
#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "lib/lib.h"
#include "vm/bound.h"
#include "vm/names.h"

enum { INLINE_CASES = 16 };

/* The keys that there are, by their places in vm->case_names. */
enum { RECV, SEND, VALUE, AFTER, DEFAULT, NNAMES };
static const char *const names[NNAMES] = {"recv", "send", "value", "after",
                                          "default"};
_Static_assert((int)NNAMES == (int)LGORT_CASE_NAMES, "vm.h has room for all");

typedef struct choice {
  gort_case *cases;
  int n;     /* cases; case i is t[i + 1] */
  int after; /* the case that is due first, 1-based; 0: none */
  int64_t deadline;
  bool has_default, has_send;
} choice;

_Noreturn static void bad_key(lua_State *L, int number, int key) {
  const char *name = luaL_tolstring(L, key, NULL);
  if (number)
    luaL_error(L,
               "select: case %d: unknown key '%s' (known are recv, send, "
               "value, after, and a function)",
               number, name);
  luaL_error(L, "select: unknown key '%s' (known are cases and default)", name);
  __builtin_unreachable();
}

/* The handle at idx if it is of something that still exists. */
static lgort_handle *live_handle(lua_State *L, int idx) {
  lgort_handle *h = lgort_to_handle(L, idx);
  if (h && !h->obj) luaL_error(L, "select: a channel has been collected");
  return h;
}

/* What to call the value at idx, whose handle h may be NULL. */
static const char *name_of(lua_State *L, int idx, const lgort_handle *h) {
  return h ? lgort_handle_name(h) : luaL_typename(L, idx);
}

/* A source to receive from at idx; false or nil: none. */
static gort_source *recv_source(lua_State *L, int idx, int number) {
  lgort_handle *h = live_handle(L, idx);
  if (h && h->type == LGORT_CHAN && h->view != LGORT_SENDER)
    return lgort_source(h);
  if (!h && !lua_toboolean(L, idx)) return NULL;
  if (!h || !lgort_can_receive(h)) {
    const char *name = name_of(L, idx, h);
    luaL_error(L, "select: case %d: cannot receive from %s %s", number,
               lgort_article(name), name);
    return NULL;
  }
  if (h->type == LGORT_CHAN) lgort_check_chan(L, idx, GORT_RECV);
  return lgort_source(h);
}

/* A channel to send to at idx; false or nil: none. */
static gort_source *send_source(lua_State *L, int idx, int number) {
  lgort_handle *h = live_handle(L, idx);
  if (!h && !lua_toboolean(L, idx)) return NULL;
  if (!h || h->type != LGORT_CHAN) {
    const char *name = name_of(L, idx, h);
    luaL_error(L, "select: case %d: cannot send to %s %s", number,
               lgort_article(name), name);
    return NULL;
  }
  lgort_check_chan(L, idx, GORT_SEND);
  return lgort_source(h);
}

static void read_after(lua_State *L, choice *ch, int idx, int number) {
  if (!lua_toboolean(L, idx)) return;
  if (lua_type(L, idx) != LUA_TNUMBER)
    luaL_error(L, "select: case %d: 'after' takes seconds, not a %s", number,
               luaL_typename(L, idx));
  if (lua_tonumber(L, idx) != lua_tonumber(L, idx))
    luaL_error(L, "select: case %d: 'after' is not a number (NaN)", number);
  int64_t d = lgort_check_duration(L, idx);
  int64_t when = d <= 0 ? 1 : lgort_after(d);
  if (!ch->after || when < ch->deadline) {
    ch->after = number;
    ch->deadline = when;
  }
}

/* Reads the case on top of the stack. True: two values stay above it, the upper
 * one is what it waits for. Its keys are told by their addresses: a state has
 * each short string once. */
static bool read_case(lua_State *L, const lgort_vm *vm, choice *ch,
                      int number) {
  gort_case *c = &ch->cases[number - 1];
  *c = (gort_case){.source = NULL, .op = GORT_RECV};
  int at = lua_gettop(L), kinds = 0;
  int key = at + 1;
  if (!lua_istable(L, at)) {
    if (!lua_toboolean(L, at)) return false; /* switched off as a whole */
    luaL_error(L, "select: case %d is a %s, not a table", number,
               luaL_typename(L, at));
  }
  bool has_value = false, waits = false;
  for (lua_pushnil(L); lua_next(L, at);) {
    const void *name = lua_topointer(L, key);
    if (name == vm->case_names[RECV] || name == vm->case_names[SEND]) {
      if (name == vm->case_names[RECV]) {
        c->source = recv_source(L, key + 1, number);
      } else {
        c->source = send_source(L, key + 1, number);
        c->op = GORT_SEND;
        ch->has_send = true;
      }
      kinds++;
      waits = true;
      lua_pushvalue(L, key); /* the pair stays */
      key += 2;
      continue;
    }
    if (name == vm->case_names[AFTER]) {
      read_after(L, ch, key + 1, number);
      kinds++;
    } else if (name == vm->case_names[VALUE]) {
      has_value = true;
    } else if (lua_isinteger(L, key) && lua_tointeger(L, key) == 1) {
      if (!lua_isfunction(L, key + 1))
        luaL_error(L,
                   "select: case %d: its first element is a %s, not a "
                   "function",
                   number, luaL_typename(L, key + 1));
    } else {
      bad_key(L, number, key);
    }
    lua_settop(L, key);
  }
  if (kinds > 1)
    luaL_error(L, "select: case %d has more than one of recv, send, after",
               number);
  if (has_value && kinds && c->op != GORT_SEND)
    luaL_error(L, "select: case %d has a value but nothing to send it to",
               number);
  return waits;
}

/* The pair on top of the stack, not a case, is the table's own. */
static void read_default(lua_State *L, const lgort_vm *vm, choice *ch) {
  if (lua_topointer(L, -2) != vm->case_names[DEFAULT])
    bad_key(L, 0, lua_gettop(L) - 1);
  ch->has_default = lua_toboolean(L, -1);
  if (!lua_isboolean(L, -1) && !lua_isfunction(L, -1))
    luaL_error(L, "select: default is a %s, not a function or true",
               luaL_typename(L, -1));
}

/* Reads all cases into the room there is; false: there are more. */
static bool read_few(lua_State *L, const lgort_vm *vm, choice *ch) {
  enum { AT_FIRST = 10, MORE = 12 }; /* slots; a C function has twenty */
  int key = 2;
  for (lua_pushnil(L); lua_next(L, 1);) {
    bool waits = false;
    if (lua_isinteger(L, key)) {
      lua_Integer i = lua_tointeger(L, key);
      if (i < 1) bad_key(L, 0, key);
      if (i > INLINE_CASES) return false;
      while (ch->n < i)
        ch->cases[ch->n++] = (gort_case){.source = NULL, .op = GORT_RECV};
      if (key > AT_FIRST) luaL_checkstack(L, MORE, NULL);
      waits = read_case(L, vm, ch, (int)i);
    } else {
      read_default(L, vm, ch);
    }
    if (waits) {
      lua_pushvalue(L, key);
      key += 4; /* the case's own, and itself */
    } else {
      lua_settop(L, key);
    }
  }
  return true;
}

/* The same for any number. */
static void read_many(lua_State *L, const lgort_vm *vm, choice *ch) {
  lua_Integer n = 0;
  lua_settop(L, 1);
  *ch = (choice){.deadline = GORT_FOREVER};
  for (lua_pushnil(L); lua_next(L, 1); lua_settop(L, 2))
    if (!lua_isinteger(L, 2))
      read_default(L, vm, ch);
    else if (lua_tointeger(L, 2) < 1)
      bad_key(L, 0, 2);
    else if (lua_tointeger(L, 2) > n)
      n = lua_tointeger(L, 2);
  if (n > 1 << 20) luaL_error(L, "select: too many cases");
  ch->n = (int)n;
  ch->cases = lua_newuserdatauv(L, (size_t)n * sizeof *ch->cases, 0);
  lua_createtable(L, ch->n, 0); /* what is waited for */
  for (int i = 1; i <= ch->n; i++) {
    lua_rawgeti(L, 1, i);
    if (read_case(L, vm, ch, i)) lua_rawseti(L, 3, i);
    lua_settop(L, 3);
  }
}

/* ---- the values of send cases ------------------------------------------ */

static void drop_values(choice *ch) {
  for (int i = 0; i < ch->n; i++) gort_value_drop(&ch->cases[i].value);
}

/* Protected: encodes all values. Stack: the table of cases, the choice. */
static int encode_values(lua_State *L) {
  choice *ch = lua_touserdata(L, 2);
  lgort_vm *vm = lgort_vm_of(L);
  for (int i = 0; i < ch->n; i++) {
    gort_case *c = &ch->cases[i];
    if (c->op != GORT_SEND) continue;
    char root[40];
    lgort_subject subject = {"send", root, false};
    snprintf(root, sizeof root, "case %d: value", i + 1);
    lua_rawgeti(L, 1, i + 1);
    lua_getfield(L, -1, "value");
    if (c->source)
      lgort_check_tag(L, -1, gort_chan_tag((gort_chan *)(void *)c->source));
    gort_value v;
    lgort_encode(L, vm, -1, &subject, &v);
    c->value = v;
    lua_pop(L, 2);
  }
  return 0;
}

static void take_values(lua_State *L, choice *ch) {
  lua_pushcfunction(L, encode_values);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, ch);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
  drop_values(ch);
  luaL_where(L, 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
  lua_error(L);
}

/* ---- the outcome ------------------------------------------------------- */

static int handler_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return lua_gettop(L) - (int)ctx;
}

/* Calls the function at stack index base + 1 with what is above it, or
 * returns the number of the case and what is above. */
static int outcome(lua_State *L, int base, bool has_function) {
  if (!has_function) return lua_gettop(L) - base;
  lua_callk(L, lua_gettop(L) - base - 1, LUA_MULTRET, base, handler_k);
  return handler_k(L, LUA_OK, base);
}

/* The case that was chosen, 1-based; 0: default. */
static int finish(lua_State *L, int number, gort_result *res, bool received) {
  luaL_checkstack(L, 8, NULL);
  int base = lua_gettop(L);
  if (!number)
    lua_getfield(L, 1, "default");
  else if (lua_rawgeti(L, 1, number) == LUA_TTABLE) { /* still */
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
  bool has_function = lua_isfunction(L, -1);
  if (!has_function) {
    lua_pop(L, 1);
    if (number)
      lua_pushinteger(L, number);
    else
      lua_pushliteral(L, "default");
  }
  if (received) {
    lgort_decode_one(L, lgort_vm_of(L), &res->value);
    lua_pushboolean(L, res->ok);
  }
  return outcome(L, base, has_function);
}

static int decided(lua_State *L, gort_result *res, int after, bool sent) {
  if (res->status == GORT_ETIMEOUT) return finish(L, after, res, false);
  if (res->status < 0) lgort_raise(L, res->status);
  return finish(L, res->index + 1, res, !sent);
}

/* Which cases send, for select_k: the first ones as bits, the others are in
 * read_many's memory. */
static void push_senders(lua_State *L, const choice *ch) {
  lua_Integer bits = 0;
  for (int i = 0; i < ch->n && i < INLINE_CASES; i++)
    if (ch->cases[i].op == GORT_SEND) bits |= (lua_Integer)1 << i;
  lua_pushinteger(L, bits);
}

static bool is_sender(lua_State *L, int i) {
  if (i < INLINE_CASES) return lua_tointeger(L, -1) >> i & 1;
  const gort_case *cases = lua_touserdata(L, 2);
  return cases[i].op == GORT_SEND;
}

/* ctx: the case that is due first, and whether one sends. */
static int select_k(lua_State *L, int status, lua_KContext ctx) {
  gort_result res;
  (void)status;
  lgort_wait_finish(L, &res);
  bool sent = ctx % 2 && res.status == 0 && is_sender(L, res.index);
  return decided(L, &res, (int)(ctx / 2), sent);
}

static int select_cases(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_case few[INLINE_CASES];
  choice ch = {.cases = few, .deadline = GORT_FOREVER};
  lua_settop(L, 1);
  luaL_checkstack(L, 16, NULL);
  if (!read_few(L, vm, &ch)) read_many(L, vm, &ch);
  gort_task *self = gort_vm_current(vm->vm);
  if (!self) return luaL_error(L, "select: no task runs any more");
  gort_limit limit = {ch.deadline, NULL};
  if (ch.has_default)
    ch.after = 0;
  else
    lgort_check_end(L, vm, &limit);
  if (ch.has_send) take_values(L, &ch);
  bool can_park = lgort_can_park(L, vm);
  if (ch.has_default || !can_park) limit.deadline = 0;
  gort_result res;

  int rc = gort_select(self, ch.cases, (size_t)ch.n, &limit, &res);
  if (rc == GORT_PARKED) {
    if (ch.has_send) push_senders(L, &ch);
    return lgort_park(L, 2 * (lua_KContext)ch.after + ch.has_send, select_k);
  }
  drop_values(&ch); /* those that were not sent */
  if (rc < 0) lgort_raise(L, rc);
  if (res.status < 0) lgort_after_wait(L, vm, &res);
  if (!can_park && res.status == GORT_ETIMEOUT && !ch.has_default &&
      ch.deadline > 1)
    lgort_cannot_park(L);
  return decided(L, &res, ch.after,
                 res.status == 0 && ch.cases[res.index].op == GORT_SEND);
}

static int lib_select(lua_State *L) {
  int n = lua_gettop(L);
  if (lua_type(L, 1) == LUA_TTABLE) return select_cases(L);
  if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) == '#') {
    lua_pushinteger(L, n - 1);
    return 1;
  }
  lua_Integer i = luaL_checkinteger(L, 1);
  if (i < 0)
    i = n + i;
  else if (i > n)
    i = n;
  luaL_argcheck(L, 1 <= i, 1, "index out of range");
  return n - (int)i;
}

int lgort_open_select(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  for (int i = 0; i < NNAMES; i++) {
    lua_pushstring(L, names[i]);
    vm->case_names[i] = lua_topointer(L, -1);
    luaL_ref(L, LUA_REGISTRYINDEX); /* for as long as the state lives */
  }
  lua_pushcfunction(L, lib_select);
  return 1;
}
