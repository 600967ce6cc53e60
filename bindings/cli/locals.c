/* locals.c - local variables that outlive their line.
 *
 * SPDX-License-Identifier: MIT
 *
 * A chunk that declares x at its top level gets a last line
 *     return function() return x end
 * and the function that comes out has the variable x as an upvalue. The next
 * chunk becomes the inner function of
 *     local x = ...; return function(...) <the chunk> end
 * whose upvalue x is then joined to that function's: it is the very same
 * variable, also for closures that were made of it before.
 *
 * Which names to list is found by looking for the word `local` in the text:
 * what is listed wrongly (a variable of an inner block) is no local where the
 * list stands, so it does not become an upvalue. A constant that the compiler
 * folds is none either: its value comes from calling the function. */
#include "cli/locals.h"

#include <ctype.h>
#include <string.h>

#include "gort.h"

enum { MOST = 150, LONGEST = 64 };

static const char chunk_name[] = "=stdin";

/* ---- finding declarations ---------------------------------------------- */

typedef struct token {
  const char *at;
  size_t len; /* 0: the end */
  bool is_name;
} token;

/* Behind the long bracket that opens at s; NULL: there is none. */
static const char *skip_long(const char *s) {
  size_t level = strspn(s + 1, "=");
  if (*s != '[' || s[level + 1] != '[') return NULL;
  for (s += level + 2; *s; s++)
    if (*s == ']' && strspn(s + 1, "=") == level && s[level + 1] == ']')
      return s + level + 2;
  return s;
}

static const char *skip_string(const char *s) {
  char quote = *s++;
  for (; *s && *s != quote; s++)
    if (*s == '\\' && s[1]) s++;
  return *s ? s + 1 : s;
}

static const char *skip_blank(const char *s) {
  for (;;) {
    s += strspn(s, " \t\r\n\v\f");
    if (s[0] != '-' || s[1] != '-') return s;
    const char *end = skip_long(s + 2);
    s = end ? end : s + strcspn(s, "\n");
  }
}

/* The token at *s, which moves behind it. */
static token next_token(const char **s) {
  token t = {skip_blank(*s), 0, false};
  const char *end = t.at, *longs = *end == '[' ? skip_long(end) : NULL;
  if (longs) {
    end = longs;
  } else if (*end == '"' || *end == '\'') {
    end = skip_string(end);
  } else if (isalpha((unsigned char)*end) || *end == '_') {
    while (isalnum((unsigned char)*end) || *end == '_') end++;
    t.is_name = true;
  } else if (isdigit((unsigned char)*end)) {
    while (isalnum((unsigned char)*end) || *end == '.') end++;
  } else if (*end) {
    end++;
  }
  t.len = (size_t)(end - t.at);
  *s = end;
  return t;
}

static bool is(const token *t, const char *word) {
  return t->len == strlen(word) && memcmp(t->at, word, t->len) == 0;
}

/* A name that is declared somewhere in the text. */
typedef struct declaration {
  char name[LONGEST];
  bool constant;
} declaration;

typedef struct declarations {
  int n;
  declaration list[MOST];
} declarations;

static void declare(declarations *d, const token *name, bool constant) {
  if (name->len >= LONGEST || is(name, "_") || is(name, "_ENV")) return;
  int i = 0;
  while (i < d->n &&
         !(strlen(d->list[i].name) == name->len && is(name, d->list[i].name)))
    i++;
  if (i == MOST) return;
  if (i == d->n) d->n++;
  memcpy(d->list[i].name, name->at, name->len);
  d->list[i].name[name->len] = '\0';
  d->list[i].constant = constant;
}

/* After `local`: a, b <const>, c */
static void read_names(declarations *d, const char **s) {
  for (;;) {
    token name = next_token(s);
    if (!name.is_name) return;
    const char *before = *s;
    token t = next_token(s), attribute = {0};
    if (is(&t, "<")) {
      attribute = next_token(s);
      next_token(s);
      before = *s;
      t = next_token(s);
    }
    /* A variable that is closed with the chunk is of no use after it. */
    if (!attribute.len || is(&attribute, "const"))
      declare(d, &name, attribute.len > 0);
    if (!is(&t, ",")) {
      *s = before;
      return;
    }
  }
}

static void find_declarations(declarations *d, const char *text) {
  d->n = 0;
  for (token t; (t = next_token(&text)).len;) {
    if (!t.is_name || !is(&t, "local")) continue;
    const char *before = text;
    token next = next_token(&text);
    if (is(&next, "function")) {
      next = next_token(&text);
      if (next.is_name) declare(d, &next, false);
    } else {
      text = before;
      read_names(d, &text);
    }
  }
}

/* ---- the state --------------------------------------------------------- */

void locals_new(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_rawseti(L, -2, 0);
}

/* The number of the upvalue of that name of the function on top; 0: none.
 * Pushes its value, too. */
static int find_upvalue(lua_State *L, const char *name) {
  const char *found;
  for (int i = 1; (found = lua_getupvalue(L, -1, i)); i++) {
    if (strcmp(found, name) == 0) return i;
    lua_pop(L, 1);
  }
  return 0;
}

bool locals_push(lua_State *L, int locals, const char *name) {
  bool found = lua_getfield(L, locals, name) == LUA_TFUNCTION &&
               find_upvalue(L, name) > 0;
  if (found)
    lua_remove(L, -2);
  else
    lua_pop(L, 1);
  return found;
}

static bool is_constant(lua_State *L, int locals, const char *name) {
  lua_rawgeti(L, locals, 0);
  bool yes = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_pop(L, 2);
  return yes;
}

/* state[name] = the function on top, which is popped; the oldest name goes
 * when there are too many. */
static void set_variable(lua_State *L, int locals, const char *name,
                         bool constant) {
  bool known = lua_getfield(L, locals, name) != LUA_TNIL;
  lua_pop(L, 1);
  lua_setfield(L, locals, name);
  lua_rawgeti(L, locals, 0);
  if (constant)
    lua_pushboolean(L, 1);
  else
    lua_pushnil(L);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
  if (known) return;
  int n = (int)lua_rawlen(L, locals);
  if (n == MOST) {
    lua_rawgeti(L, locals, 1);
    lua_pushnil(L);
    lua_rawset(L, locals);
    for (int i = 2; i <= n; i++) {
      lua_rawgeti(L, locals, i);
      lua_rawseti(L, locals, i - 1);
    }
    n--;
  }
  lua_pushstring(L, name);
  lua_rawseti(L, locals, n + 1);
}

/* ---- compiling --------------------------------------------------------- */

static int load(lua_State *L, const char *text) {
  return luaL_loadbufferx(L, text, strlen(text), chunk_name, "t");
}

static void add(gort_text *t, const char *s) { gort_text_add(t, s, strlen(s)); }

/* The function list's line. */
static void add_list(gort_text *out, const declarations *d) {
  if (d->n == 0) return;
  add(out, "return function() return ");
  for (int pass = 0, n = 0; pass < 2; pass++) /* constants first */
    for (int i = 0; i < d->n; i++) {
      if (d->list[i].constant != (pass == 0)) continue;
      if (n++) add(out, ", ");
      add(out, d->list[i].name);
    }
  add(out, " end");
}

/* Loads text inside of the variables; pushes the outer function, or a message
 * and is false. d: NULL, or what to list at its end. */
static bool load_inside(lua_State *L, int locals, const char *before,
                        const char *text, const declarations *d) {
  gort_text *out = gort_text_new();
  int n = (int)lua_rawlen(L, locals);
  if (!out) luaL_error(L, "not enough memory");
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, locals, i);
    const char *name = lua_tostring(L, -1);
    add(out, i == 1 ? "local " : ",");
    add(out, name);
    if (is_constant(L, locals, name)) add(out, "<const>");
    lua_pop(L, 1);
  }
  add(out, n ? " = ...; return function(...) " : "return function(...) ");
  add(out, before);
  add(out, text);
  add(out, "\n");
  if (d) add_list(out, d);
  add(out, " end");
  char *all = gort_text_take(out);
  if (!all) return luaL_error(L, "not enough memory") != 0;
  bool good = load(L, all) == LUA_OK;
  gort_free(all);
  return good;
}

/* The inner function of the outer one on top, with its variables joined. */
static void join(lua_State *L, int locals) {
  lua_call(L, 0, 1);
  int inner = lua_gettop(L);
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, inner, i)); i++) {
    lua_pop(L, 1);
    if (lua_getfield(L, locals, name) == LUA_TFUNCTION) {
      int at = find_upvalue(L, name);
      if (at) {
        lua_pop(L, 1);
        lua_upvaluejoin(L, inner, i, lua_gettop(L), at);
      }
    }
    lua_settop(L, inner);
  }
}

/* The plain function is on top: puts the one that sees the variables in its
 * place, if there are any. It may be wrong where the plain one is right: it
 * assigns a constant. A text that ends with `return` cannot be listed. */
static locals_status make_ready(lua_State *L, int locals, const char *before,
                                const char *text) {
  declarations *d = lua_newuserdatauv(L, sizeof *d, 0);
  int plain = lua_gettop(L) - 1;
  find_declarations(d, *before ? "" : text);
  if (lua_rawlen(L, locals) == 0 && d->n == 0) {
    lua_settop(L, plain);
    return LOCALS_READY;
  }
  bool good = load_inside(L, locals, before, text, d);
  if (!good) {
    lua_pop(L, 1);
    good = load_inside(L, locals, before, text, NULL);
  }
  if (good) join(L, locals);
  lua_replace(L, plain);
  lua_settop(L, plain);
  return good ? LOCALS_READY : LOCALS_WRONG;
}

static bool is_incomplete(lua_State *L) {
  static const char end[] = "<eof>";
  size_t len;
  const char *message = lua_tolstring(L, -1, &len);
  return len >= sizeof end - 1 &&
         strcmp(message + len - (sizeof end - 1), end) == 0;
}

locals_status locals_compile(lua_State *L, int locals, const char *text) {
  if (*text == '=') text++; /* as in older versions of Lua */
  lua_pushfstring(L, "return %s", text);
  int status = load(L, lua_tostring(L, -1));
  lua_remove(L, -2);
  if (status == LUA_OK) return make_ready(L, locals, "return ", text);
  lua_pop(L, 1);
  status = load(L, text);
  if (status == LUA_OK) return make_ready(L, locals, "", text);
  if (!is_incomplete(L)) return LOCALS_WRONG;
  lua_pop(L, 1);
  return LOCALS_INCOMPLETE;
}

/* ---- keeping ----------------------------------------------------------- */

/* Is the value at idx the function that lists the variables of text? */
static bool is_list(lua_State *L, int idx, const char *text) {
  lua_Debug ar;
  int lines = 1;
  if (!lua_isfunction(L, idx) || lua_iscfunction(L, idx)) return false;
  for (; *text; text++) lines += *text == '\n';
  lua_pushvalue(L, idx);
  lua_getinfo(L, ">S", &ar);
  return strcmp(ar.source, chunk_name) == 0 && ar.linedefined == lines + 1;
}

/* Keeps a constant whose value is on top (popped), unless there is a global of
 * that name: then that may be what the list named. */
static void keep_constant(lua_State *L, int locals, const char *name) {
  int value = lua_gettop(L);
  lua_pushglobaltable(L);
  lua_pushstring(L, name);
  lua_rawget(L, -2);
  if (!lua_isnil(L, value) && lua_isnil(L, -1)) {
    lua_pushfstring(L,
                    "local %s <const> = ...; return function() return %s end",
                    name, name);
    if (load(L, lua_tostring(L, -1)) == LUA_OK) {
      lua_pushvalue(L, value);
      lua_call(L, 1, 1);
      set_variable(L, locals, name, true);
    }
  }
  lua_settop(L, value - 1);
}

/* The constants that are no upvalues of the list function at index list. */
static void keep_constants(lua_State *L, int locals, int list,
                           const declarations *d) {
  int top = lua_gettop(L);
  lua_pushvalue(L, list);
  if (lua_pcall(L, 0, LUA_MULTRET, 0) == LUA_OK) {
    luaL_checkstack(L, 10, NULL);
    for (int i = 0, at = top; i < d->n; i++) {
      if (!d->list[i].constant) continue;
      at++;
      lua_pushvalue(L, list);
      bool upvalue = find_upvalue(L, d->list[i].name) > 0;
      lua_pop(L, upvalue ? 2 : 1);
      if (upvalue) continue;
      lua_pushvalue(L, at);
      keep_constant(L, locals, d->list[i].name);
    }
  }
  lua_settop(L, top);
}

void locals_keep(lua_State *L, int locals, const char *text, int base) {
  int list = base + 1;
  if (lua_gettop(L) != list || !is_list(L, list, text)) return;
  declarations *d = lua_newuserdatauv(L, sizeof *d, 0);
  bool constants = false;
  find_declarations(d, text);
  for (int i = 0; i < d->n; i++) {
    const declaration *one = &d->list[i];
    lua_pushvalue(L, list);
    if (find_upvalue(L, one->name)) {
      lua_pop(L, 1);
      set_variable(L, locals, one->name, one->constant);
    } else {
      lua_pop(L, 1);
      constants |= one->constant;
    }
  }
  if (constants) keep_constants(L, locals, list, d);
  lua_settop(L, base);
}
