/* commands.c - what a person asks of the session itself: lines with a colon.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/locals.h"
#include "cross/handles.h"

static const char *const names[] = {"chans", "help",  "load",
                                    "quit",  "tasks", "time"};
enum { NAMES = sizeof names / sizeof *names };

const char *commands_name(int i) { return i < NAMES ? names[i] : NULL; }

command commands_find(char *text, char **rest) {
  static const char blank[] = " \t\r\n";
  text += strspn(text, blank) + 1;
  size_t len = strcspn(text, blank);
  *rest = text + len + strspn(text + len, blank);
  char *end = *rest + strlen(*rest);
  while (end > *rest && strchr(blank, end[-1])) *--end = '\0';
  int found = -1;
  for (int i = 0; i < NAMES; i++) {
    if (len == 0 || strncmp(names[i], text, len) != 0) continue;
    if (names[i][len] == '\0') return (command)i;
    if (found >= 0) return COMMAND_AMBIGUOUS;
    found = i;
  }
  return found < 0 ? COMMAND_UNKNOWN : (command)found;
}

/* ---- :tasks ------------------------------------------------------------ */

void tasks_push(lua_State *L, const char *text, unsigned long long self) {
  char head[48];
  luaL_Buffer b;
  snprintf(head, sizeof head, "task %llu [", self);
  luaL_buffinit(L, &b);
  while (*text) {
    const char *end = strstr(text, "\n\ntask "); /* tasks: a line between */
    size_t len = end ? (size_t)(end - text) : strlen(text);
    if (strncmp(text, head, strlen(head)) != 0) {
      luaL_addlstring(&b, text, len);
      luaL_addstring(&b, end || text[len - 1] != '\n' ? "\n" : "");
      if (end) luaL_addchar(&b, '\n');
    }
    text += len + (end ? 2 : 0);
  }
  if (luaL_bufflen(&b) == 0)
    luaL_addstring(&b, "no tasks but the one that you type in\n");
  luaL_pushresult(&b);
}

/* ---- :chans ------------------------------------------------------------ */

/* Pushes the names by which the session knows the value at idx, "" if none:
 * variables and globals that hold it. */
static void push_names(lua_State *L, int locals, int idx) {
  int count = 0, top = lua_gettop(L);
  lua_pushliteral(L, "");
  for (int i = 1, n = (int)lua_rawlen(L, locals); i <= n; i++) {
    lua_rawgeti(L, locals, i);
    const char *name = lua_tostring(L, -1);
    bool same = locals_push(L, locals, name) && lua_rawequal(L, -1, idx);
    if (same) {
      lua_pushfstring(L, "%s%s%s", lua_tostring(L, top + 1),
                      count++ ? ", " : "", name);
      lua_replace(L, top + 1);
    }
    lua_settop(L, top + 1);
  }
  lua_pushglobaltable(L);
  for (lua_pushnil(L); lua_next(L, top + 2); lua_pop(L, 1)) {
    if (!lua_rawequal(L, -1, idx) || lua_type(L, -2) != LUA_TSTRING ||
        strcmp(lua_tostring(L, -2), "_") == 0)
      continue;
    lua_pushfstring(L, "%s%s%s", lua_tostring(L, top + 1), count++ ? ", " : "",
                    lua_tostring(L, -2));
    lua_replace(L, top + 1);
  }
  lua_settop(L, top + 1);
}

static void add_count(luaL_Buffer *b, size_t n, const char *what) {
  char text[64];
  if (n == 0) return;
  snprintf(text, sizeof text, ", %zu task%s %s", n, n == 1 ? "" : "s", what);
  luaL_addstring(b, text);
}

/* Replaces the handle on top by a line about its channel. */
static void describe(lua_State *L, int locals) {
  int at = lua_gettop(L);
  gort_chan *c = (gort_chan *)(void *)lgort_to_handle(L, at)->obj;
  gort_chan_info info;
  char text[64];
  luaL_Buffer b;
  gort_chan_look(c, &info);
  push_names(L, locals, at);
  luaL_tolstring(L, at, NULL);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, lua_tostring(L, at + 2));
  if (*lua_tostring(L, at + 1)) {
    luaL_addstring(&b, " (");
    luaL_addstring(&b, lua_tostring(L, at + 1));
    luaL_addchar(&b, ')');
  }
  if (gort_chan_cap(c) == 0)
    luaL_addstring(&b, ": unbuffered");
  else
    luaL_addlstring(&b, text,
                    (size_t)snprintf(text, sizeof text, ": %zu of %zu values",
                                     info.len, gort_chan_cap(c)));
  if (info.closed) luaL_addstring(&b, ", closed");
  add_count(&b, info.receivers, "waiting to receive");
  add_count(&b, info.senders, "waiting to send");
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  lua_replace(L, at);
  lua_settop(L, at);
}

/* Notes the channels in the value on top, which is popped: itself, and what
 * tables hold down to some depth. set: a table of what was seen, channels as
 * true. */
static void collect(lua_State *L, int set, int depth) {
  int at = lua_gettop(L);
  lgort_handle *h = lgort_to_handle(L, at);
  bool chan = h && h->obj && h->type == LGORT_CHAN && h->view == LGORT_BOTH;
  lua_pushvalue(L, at);
  bool seen = lua_isnil(L, at) || lua_rawget(L, set) != LUA_TNIL;
  lua_settop(L, at);
  if (!seen && (chan || (depth > 0 && lua_istable(L, at)))) {
    lua_pushvalue(L, at);
    lua_pushboolean(L, chan);
    lua_rawset(L, set);
    if (!chan && lua_checkstack(L, 10))
      for (lua_pushnil(L); lua_next(L, at);) collect(L, set, depth - 1);
  }
  lua_settop(L, at - 1);
}

/* Pushes the set of all channels that the session's variables lead to, and of
 * those that have been sent here. */
static void push_channels(lua_State *L, int locals) {
  enum { DEPTH = 4 };
  lua_newtable(L);
  int set = lua_gettop(L);
  for (int i = 1, n = (int)lua_rawlen(L, locals); i <= n; i++) {
    lua_rawgeti(L, locals, i);
    if (locals_push(L, locals, lua_tostring(L, -1))) collect(L, set, DEPTH);
    lua_settop(L, set);
  }
  lua_pushglobaltable(L);
  collect(L, set, DEPTH);
  lua_rawgeti(L, LUA_REGISTRYINDEX, lgort_vm_of(L)->handles);
  collect(L, set, 1);
}

void chans_push(lua_State *L, int locals) {
  int top = lua_gettop(L), n = 0;
  luaL_checkstack(L, 30, NULL);
  lua_newtable(L); /* the lines: lua_concat wants them side by side */
  push_channels(L, locals);
  for (lua_pushnil(L); lua_next(L, top + 2);) {
    bool chan = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!chan) continue;
    lua_pushvalue(L, -1);
    describe(L, locals);
    lua_rawseti(L, top + 1, ++n);
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, top + 1, i);
    luaL_addvalue(&b);
  }
  if (n == 0) luaL_addstring(&b, "no channels in this session\n");
  luaL_pushresult(&b);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}
