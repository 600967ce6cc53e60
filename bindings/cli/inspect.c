/* inspect.c - values as people like to read them.
 *
 * SPDX-License-Identifier: MIT
 *
 * A table goes in one row if it fits, else each of its fields in a row of its
 * own. The one-row form is tried first, without writing, and given up as soon
 * as it gets too long: no table costs more than a row's length per level.
 * Fields are read raw; of a metatable only __tostring and __name count. */
#include "cli/inspect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gort.h"

enum {
  DEEPEST = 8,      /* tables in tables */
  MOST_FIELDS = 64, /* of one table */
  MOST_KEYS = 1000, /* of one table, looked at and sorted */
  LONGEST = 240,    /* bytes of a string */
  LONGEST_TEXT = 4000,
  MOST_TEXT = 20000 /* bytes in all */
};

typedef enum style { KEY, STRING, NUMBER, WORD, OTHER, PLAIN } style;

static const char *const colors[] = {"\033[36m", "\033[32m", "\033[33m",
                                     "\033[35m", "\033[2m",  ""};

typedef struct printer {
  lua_State *L;
  gort_text *out; /* NULL: only measured */
  bool color;
  size_t total; /* bytes written */
  int columns;
  int column; /* how long the row is */
  bool full;  /* measuring: it does not fit */
  int depth;
  const void *path[DEEPEST]; /* the tables that this one is in */
} printer;

/* ---- writing ----------------------------------------------------------- */

static void put(printer *p, style st, const char *s, size_t len) {
  for (size_t i = 0; i < len; i++) p->column += (s[i] & 0xc0) != 0x80;
  if (p->column > p->columns) p->full = true;
  if (!p->out) return;
  p->total += len;
  bool colored = p->color && st != PLAIN;
  if (colored) gort_text_add(p->out, colors[st], strlen(colors[st]));
  gort_text_add(p->out, s, len);
  if (colored) gort_text_add(p->out, "\033[0m", 4);
}

static void puts_as(printer *p, style st, const char *s) {
  put(p, st, s, strlen(s));
}

static void new_row(printer *p) {
  static const char blank[] = "                                ";
  int indent = 2 * p->depth;
  gort_text_add(p->out, "\n", 1);
  gort_text_add(p->out, blank, (size_t)indent);
  p->column = indent;
}

/* ---- what is no table -------------------------------------------------- */

/* The length of the UTF-8 sequence at s, at most left long; 0: it is none. */
static size_t utf8_length(const unsigned char *s, size_t left) {
  size_t n = s[0] < 0x80                    ? 1
             : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
             : (s[0] & 0xf0) == 0xe0        ? 3
             : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                            : 0;
  if (n > left) return 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  return n;
}

/* The escape for the byte, or NULL: it is shown as it is. */
static const char *escape(unsigned char c, bool digit_follows, char out[8]) {
  static const char letters[] = "abtnvfr"; /* from 7 on */
  if (c == '"') return "\\\"";
  if (c == '\\') return "\\\\";
  if (c >= 7 && c <= 13) {
    snprintf(out, 8, "\\%c", letters[c - 7]);
    return out;
  }
  if (c >= 32 && c != 127 && c < 0x80) return NULL;
  snprintf(out, 8, digit_follows ? "\\%03d" : "\\%d", c);
  return out;
}

static void put_string(printer *p, int idx) {
  size_t len, most = p->depth ? LONGEST : LONGEST_TEXT;
  const char *s = lua_tolstring(p->L, idx, &len);
  size_t end = len > most ? most : len;
  gort_text *t = gort_text_new();
  if (!t) return;
  gort_text_add(t, "\"", 1);
  for (size_t i = 0, n; i < end; i += n) {
    char room[8];
    n = utf8_length((const unsigned char *)s + i, len - i);
    const char *escaped =
        n > 1 ? NULL
              : escape((unsigned char)s[i],
                       i + 1 < len && isdigit((unsigned char)s[i + 1]), room);
    if (n == 0) n = 1;
    gort_text_add(t, escaped ? escaped : s + i, escaped ? strlen(escaped) : n);
  }
  gort_text_add(t, "\"", 1);
  char *text = gort_text_take(t);
  if (text) puts_as(p, STRING, text);
  gort_free(text);
  if (end == len) return;
  char more[64];
  snprintf(more, sizeof more, "... (%zu bytes)", len);
  puts_as(p, OTHER, more);
}

static int to_string(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* As print shows it; an error of its __tostring does not spread. */
static void put_tostring(printer *p, int idx, style st) {
  lua_State *L = p->L;
  lua_pushcfunction(L, to_string);
  lua_pushvalue(L, idx);
  bool good = lua_pcall(L, 1, 1, 0) == LUA_OK;
  size_t len;
  const char *s = lua_tolstring(L, -1, &len);
  if (!good) puts_as(p, OTHER, "error in __tostring: ");
  if (s) put(p, good ? st : OTHER, s, len);
  lua_pop(L, 1);
}

static void put_function(printer *p, int idx) {
  lua_Debug ar;
  char place[LUA_IDSIZE + 32];
  put_tostring(p, idx, OTHER);
  lua_pushvalue(p->L, idx);
  lua_getinfo(p->L, ">S", &ar);
  if (*ar.what == 'C') return;
  snprintf(place, sizeof place, " (%s:%d)", ar.short_src, ar.linedefined);
  puts_as(p, OTHER, place);
}

/* ---- tables ------------------------------------------------------------ */

typedef struct key {
  int rank;  /* numbers, strings, the others in the order they come */
  int index; /* in the table of keys */
  lua_Number number;
  const char *name;
  size_t len;
} key;

static int by_order(const void *a, const void *b) {
  const key *x = a, *y = b;
  if (x->rank != y->rank) return x->rank - y->rank;
  if (x->rank == 0 && x->number != y->number)
    return x->number < y->number ? -1 : 1;
  if (x->rank == 1) {
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->name, y->name, n);
    if (order) return order;
    return (x->len > y->len) - (x->len < y->len);
  }
  return x->index - y->index;
}

static bool is_name(const char *s, size_t len) {
  static const char *const words[] = {
      "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
      "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
      "repeat",   "return", "then", "true", "until",  "while"};
  if (len == 0 || isdigit((unsigned char)*s)) return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)s[i]) && s[i] != '_') return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0) return false;
  return true;
}

static size_t count_keys(lua_State *L, int idx) {
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) n++;
  return n;
}

/* Pushes a table with the keys of the table at idx that come after the first
 * n positions, and a block with what they are sorted by. */
static key *collect_keys(lua_State *L, int idx, lua_Integer n, int *count,
                         size_t *more) {
  int nkeys = 0;
  *more = 0;
  lua_newtable(L);
  int table = lua_gettop(L);
  size_t total = count_keys(L, idx);
  if (total > MOST_KEYS) total = MOST_KEYS;
  key *keys = lua_newuserdatauv(L, sizeof *keys * total, 0);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
        lua_tointeger(L, -2) <= n)
      continue;
    if (nkeys == MOST_KEYS) {
      ++*more;
      continue;
    }
    key *k = &keys[nkeys++];
    *k = (key){.rank = 2, .index = nkeys};
    if (lua_type(L, -2) == LUA_TNUMBER) {
      k->rank = 0;
      k->number = lua_tonumber(L, -2);
    } else if (lua_type(L, -2) == LUA_TSTRING) {
      k->rank = 1;
      k->name = lua_tolstring(L, -2, &k->len);
    }
    lua_pushvalue(L, -2);
    lua_rawseti(L, table, nkeys);
  }
  qsort(keys, (size_t)nkeys, sizeof *keys, by_order);
  *count = nkeys;
  return keys;
}

static void put_value(printer *p, int idx, int reserve);

/* Between fields; first: before the first one. */
static void separate(printer *p, bool rows, bool first) {
  if (!first) puts_as(p, PLAIN, rows ? "," : ", ");
  if (rows) new_row(p);
}

static void put_key(printer *p, int idx) {
  size_t len;
  const char *s = lua_type(p->L, idx) == LUA_TSTRING
                      ? lua_tolstring(p->L, idx, &len)
                      : NULL;
  if (s && is_name(s, len)) {
    put(p, KEY, s, len);
  } else {
    puts_as(p, PLAIN, "[");
    put_value(p, idx, 1);
    puts_as(p, PLAIN, "]");
  }
  puts_as(p, PLAIN, " = ");
}

static bool enough(const printer *p) {
  return p->out ? p->total > MOST_TEXT : p->full;
}

static void put_more(printer *p, bool rows, bool first, size_t n) {
  char text[64];
  if (n == 0) return;
  separate(p, rows, first);
  snprintf(text, sizeof text, "... %zu more", n);
  puts_as(p, OTHER, text);
}

/* The fields of the table at idx, one after the other. */
static void put_fields(printer *p, int idx, bool rows) {
  lua_State *L = p->L;
  lua_Integer length = (lua_Integer)lua_rawlen(L, idx), i = 1;
  int shown = 0, nkeys, at = 0;
  size_t more;
  int top = lua_gettop(L);
  key *keys = collect_keys(L, idx, length, &nkeys, &more);
  for (; i <= length && shown < MOST_FIELDS && !enough(p); i++, shown++) {
    separate(p, rows, shown == 0);
    lua_rawgeti(L, idx, i);
    put_value(p, lua_gettop(L), 1);
    lua_pop(L, 1);
  }
  for (; at < nkeys && shown < MOST_FIELDS && !enough(p); at++, shown++) {
    separate(p, rows, shown == 0);
    lua_rawgeti(L, top + 1, keys[at].index);
    put_key(p, lua_gettop(L));
    lua_pushvalue(L, -1);
    lua_rawget(L, idx);
    put_value(p, lua_gettop(L), 1);
    lua_pop(L, 2);
  }
  more += (size_t)(length - i + 1) + (size_t)(nkeys - at);
  put_more(p, rows, shown == 0, more);
  lua_settop(L, top);
}

/* Would the table fit in what is left of the row but `reserve`? */
static bool fits(printer *p, int idx, int reserve) {
  printer probe = *p;
  probe.out = NULL;
  probe.full = false;
  probe.columns = p->columns - reserve - 2;
  put_fields(&probe, idx, false);
  return !probe.full;
}

static bool is_empty(lua_State *L, int idx) {
  lua_pushnil(L);
  if (!lua_next(L, idx)) return true;
  lua_pop(L, 2);
  return false;
}

static void put_table(printer *p, int idx, int reserve) {
  lua_State *L = p->L;
  const void *self = lua_topointer(L, idx);
  for (int i = 0; i < p->depth; i++) {
    if (p->path[i] != self) continue;
    puts_as(p, OTHER, "<cycle>");
    return;
  }
  if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING) {
    puts_as(p, OTHER, lua_tostring(L, -1));
    puts_as(p, PLAIN, " ");
  }
  if (is_empty(L, idx)) {
    puts_as(p, PLAIN, "{}");
    return;
  }
  if (p->depth == DEEPEST || !lua_checkstack(L, 40)) {
    puts_as(p, OTHER, "{...}");
    return;
  }
  p->path[p->depth++] = self;
  if (!p->out || fits(p, idx, reserve)) {
    puts_as(p, PLAIN, "{");
    put_fields(p, idx, false);
  } else {
    puts_as(p, PLAIN, "{");
    put_fields(p, idx, true);
    p->depth--;
    new_row(p);
    p->depth++;
  }
  p->depth--;
  puts_as(p, PLAIN, "}");
}

/* reserve: columns that what follows in the row needs. */
static void put_value(printer *p, int idx, int reserve) {
  lua_State *L = p->L;
  if (!p->out && p->full) return;
  int top = lua_gettop(L);
  switch (lua_type(L, idx)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
      put_tostring(p, idx, WORD);
      break;
    case LUA_TNUMBER:
      put_tostring(p, idx, NUMBER);
      break;
    case LUA_TSTRING:
      put_string(p, idx);
      break;
    case LUA_TFUNCTION:
      put_function(p, idx);
      break;
    case LUA_TTABLE:
      if (luaL_getmetafield(L, idx, "__tostring") == LUA_TNIL)
        put_table(p, idx, reserve);
      else
        put_tostring(p, idx, PLAIN);
      break;
    default:
      put_tostring(p, idx, OTHER);
  }
  lua_settop(L, top);
}

void inspect_push(lua_State *L, int idx, int columns, bool color) {
  printer p = {.L = L, .out = gort_text_new(), .color = color};
  if (!p.out) luaL_error(L, "not enough memory");
  p.columns = columns;
  luaL_checkstack(L, 40, NULL);
  put_value(&p, lua_absindex(L, idx), 0);
  char *text = gort_text_take(p.out);
  if (!text) luaL_error(L, "not enough memory");
  lua_pushstring(L, text);
  gort_free(text);
}
