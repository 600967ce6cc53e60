/* complete.c - what a name that was begun may become.
 *
 * SPDX-License-Identifier: MIT
 *
 * The names before the last one are looked up raw, through metatables whose
 * __index is a table: completing a name runs no code of the script. */
#include "cli/complete.h"

#include <ctype.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/locals.h"

enum { DEEPEST = 16 }; /* metatables in a row */

/* What is being completed. */
typedef struct search {
  const char *prefix;
  size_t len;
  int found;    /* index of a table: name to what follows it */
  bool methods; /* behind a colon */
} search;

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool matches(const search *s, const char *name) {
  return strncmp(name, s->prefix, s->len) == 0;
}

static bool is_identifier(const char *s) {
  if (!*s || isdigit((unsigned char)*s)) return false;
  while (is_word(*s)) s++;
  return *s == '\0';
}

/* Notes a name; what follows it when it is the only one. */
static void note(lua_State *L, const search *s, const char *name,
                 const char *tail) {
  if (!matches(s, name)) return;
  lua_pushstring(L, tail);
  lua_setfield(L, s->found, name);
}

/* ---- looking up -------------------------------------------------------- */

/* Replaces the value on top by the next table to look into: its metatable's
 * __index. False, and nothing: there is none. */
static bool go_on(lua_State *L) {
  bool found = luaL_getmetafield(L, -1, "__index") != LUA_TNIL;
  if (!found) {
    lua_pop(L, 1);
    return false;
  }
  lua_remove(L, -2);
  if (lua_istable(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

/* Replaces the value on top by its field; nil when there is none. */
static void get_field(lua_State *L, const char *name, size_t len) {
  for (int i = 0; i < DEEPEST; i++) {
    if (lua_istable(L, -1)) {
      lua_pushlstring(L, name, len);
      if (lua_rawget(L, -2) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
      }
      lua_pop(L, 1);
    }
    if (!go_on(L)) {
      lua_pushnil(L);
      return;
    }
  }
  lua_pop(L, 1);
  lua_pushnil(L);
}

/* Pushes the value of "a.b.c" from start to end. */
static void push_path(lua_State *L, int locals, const char *start,
                      const char *end) {
  const char *s = start;
  while (s < end && is_word(*s)) s++;
  lua_pushlstring(L, start, (size_t)(s - start));
  if (!locals_push(L, locals, lua_tostring(L, -1))) {
    lua_pushglobaltable(L);
    get_field(L, start, (size_t)(s - start));
  }
  lua_remove(L, -2);
  while (s < end) {
    const char *name = ++s; /* behind the dot */
    while (s < end && is_word(*s)) s++;
    get_field(L, name, (size_t)(s - name));
  }
}

/* ---- collecting -------------------------------------------------------- */

/* The names in the table on top. */
static void note_fields(lua_State *L, const search *s) {
  lua_checkstack(L, 6);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    bool callable = lua_isfunction(L, -1);
    if (lua_type(L, -2) != LUA_TSTRING || (s->methods && !callable)) continue;
    const char *name = lua_tostring(L, -2);
    /* What begins with an underscore is shown to those who ask for it. */
    if (!is_identifier(name) || (*name == '_' && *s->prefix != '_')) continue;
    note(L, s, name, callable ? "(" : "");
  }
}

/* The names in the value on top, popped, and where its metatable leads. */
static void note_all(lua_State *L, const search *s) {
  for (int i = 0; i < DEEPEST; i++) {
    if (lua_istable(L, -1)) note_fields(L, s);
    if (!go_on(L)) return;
  }
  lua_pop(L, 1);
}

static void note_names(lua_State *L, int locals, const search *s) {
  static const char *const words[] = {
      "and",    "break",  "do",   "else",     "elseif", "end",  "false", "for",
      "goto",   "if",     "in",   "function", "local",  "nil",  "not",   "or",
      "repeat", "return", "then", "true",     "until",  "while"};
  for (size_t i = 0; s->len > 0 && i < sizeof words / sizeof *words; i++)
    note(L, s, words[i], " ");
  lua_pushglobaltable(L);
  note_all(L, s);
  for (int i = 1, n = (int)lua_rawlen(L, locals); i <= n; i++) {
    lua_rawgeti(L, locals, i);
    const char *name = lua_tostring(L, -1);
    if (locals_push(L, locals, name)) {
      note(L, s, name, lua_isfunction(L, -1) ? "(" : "");
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

static void note_files(lua_State *L, const search *s) {
  glob_t files;
  lua_pushfstring(L, "%s*", s->prefix);
  if (glob(lua_tostring(L, -1), GLOB_MARK, NULL, &files) == 0) {
    for (size_t i = 0; i < files.gl_pathc; i++) {
      const char *path = files.gl_pathv[i];
      note(L, s, path, path[strlen(path) - 1] == '/' ? "" : " ");
    }
    globfree(&files);
  }
  lua_pop(L, 1);
}

/* ---- the outcome ------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many first bytes all names have in common. */
static size_t common(const char **names, int n) {
  size_t len = strlen(names[0]);
  for (int i = 1; i < n; i++) {
    size_t same = 0;
    while (same < len && names[i][same] == names[0][same]) same++;
    len = same;
  }
  return len;
}

static void push_outcome(lua_State *L, const search *s) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, s->found); lua_pop(L, 1)) n++;
  if (n == 0) {
    lua_pushliteral(L, "");
    lua_pushliteral(L, "");
    return;
  }
  const char **names = lua_newuserdatauv(L, sizeof *names * (size_t)n, 0);
  int i = 0;
  for (lua_pushnil(L); lua_next(L, s->found); lua_pop(L, 1))
    names[i++] = lua_tostring(L, -2);
  qsort(names, (size_t)n, sizeof *names, by_name);
  size_t same = common(names, n);
  if (n == 1) {
    lua_getfield(L, s->found, names[0]);
    lua_pushfstring(L, "%s%s", names[0] + s->len, lua_tostring(L, -1));
    lua_remove(L, -2);
    lua_pushliteral(L, "");
  } else if (same > s->len) {
    lua_pushlstring(L, names[0] + s->len, same - s->len);
    lua_pushliteral(L, "");
  } else {
    luaL_Buffer b;
    lua_pushliteral(L, "");
    luaL_buffinit(L, &b);
    for (i = 0; i < n; i++) {
      luaL_addstring(&b, names[i]);
      luaL_addchar(&b, '\n');
    }
    luaL_pushresult(&b);
  }
}

/* The word at the end of text, and the path before it. */
static void search_text(lua_State *L, int locals, search *s, const char *text) {
  const char *end = text + strlen(text), *word = end;
  while (word > text && is_word(word[-1])) word--;
  s->prefix = word;
  s->len = (size_t)(end - word);
  bool field = word > text && (word[-1] == '.' || word[-1] == ':') &&
               !(word - 1 > text && word[-2] == word[-1]);
  if (!field) {
    if (!isdigit((unsigned char)*word)) note_names(L, locals, s);
    return;
  }
  s->methods = word[-1] == ':';
  const char *start = --word;
  while (start > text && (is_word(start[-1]) || start[-1] == '.')) start--;
  if (start == word || !(isalpha((unsigned char)*start) || *start == '_'))
    return; /* behind a call, an index, a literal: unknown */
  if (start > text && strchr(")]}\"'", start[-1])) return;
  push_path(L, locals, start, word);
  note_all(L, s);
}

void complete(lua_State *L, int locals, const char *text) {
  luaL_checkstack(L, 30, NULL);
  int top = lua_gettop(L);
  lua_newtable(L);
  search s = {.found = top + 1};
  const char *start = text + strspn(text, " \t");
  const char *space = strpbrk(start, " \t");
  if (*start == ':' && start[1] != ':' && !space) {
    s.prefix = start + 1;
    s.len = strlen(s.prefix);
    for (int i = 0; commands_name(i); i++) note(L, &s, commands_name(i), " ");
  } else if (strncmp(start, ":load", 5) == 0 && space) {
    s.prefix = space + strspn(space, " \t");
    s.len = strlen(s.prefix);
    note_files(L, &s);
  } else if (strncmp(start, ":help", 5) == 0 && space) {
    s.prefix = space + strspn(space, " \t");
    s.len = strlen(s.prefix);
    for (int i = 0; help_topic(i); i++) note(L, &s, help_topic(i), "");
  } else {
    search_text(L, locals, &s, text);
  }
  push_outcome(L, &s);
  lua_rotate(L, top + 1, 2);
  lua_settop(L, top + 2);
}
