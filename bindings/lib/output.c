/* output.c - print, io.write and file:write: one call is one piece.
 *
 * SPDX-License-Identifier: MIT
 *
 * Tasks on several threads write to the same streams. A call holds the
 * stream's lock from its first byte to its last; nothing that could raise or
 * run Lua happens in between. A host may show what goes to the standard
 * streams itself (lgort_host.show): a prompt is to stay whole. */
#include <errno.h>

#include "lib/lib.h"

static bool is_shown(lgort_host *h, FILE *f) {
  return atomic_load_explicit(&h->show, memory_order_acquire) &&
         (f == stdout || f == stderr);
}

static bool show(lgort_host *h, FILE *f, const char *text, size_t len) {
  return is_shown(h, f) && atomic_load(&h->show)(h, f, text, len);
}

bool lgort_write(lgort_host *h, FILE *f, const char *text, size_t len) {
  return show(h, f, text, len) || fwrite(text, 1, len, f) == len;
}

static int lib_print(lua_State *L) {
  luaL_Buffer b;
  int n = lua_gettop(L);
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    if (i > 1) luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t len;
  const char *s = lua_tolstring(L, -1, &len);
  if (show(lgort_vm_of(L)->host, stdout, s, len)) return 0;
  flockfile(stdout);
  fwrite(s, 1, len, stdout);
  fflush(stdout);
  funlockfile(stdout);
  return 0;
}

/* The arguments from first to last that can be written; a bad one ends them
 * and is complained about when those before it have been written. */
static int good_until(lua_State *L, int first, int last) {
  int i = first;
  while (i <= last && lua_isstring(L, i)) i++; /* numbers, too */
  return i - 1;
}

/* What Lua writes for the number at idx, in room for 64. */
static int format_number(lua_State *L, int idx, char *out) {
  return lua_isinteger(L, idx) ? snprintf(out, 64, LUA_INTEGER_FMT,
                                          (LUAI_UACINT)lua_tointeger(L, idx))
                               : snprintf(out, 64, LUA_NUMBER_FMT,
                                          (LUAI_UACNUMBER)lua_tonumber(L, idx));
}

static bool write_one(lua_State *L, FILE *f, int idx) {
  size_t len;
  if (lua_type(L, idx) == LUA_TNUMBER) {
    char text[64];
    len = (size_t)format_number(L, idx, text);
    return fwrite(text, 1, len, f) == len;
  }
  const char *s = lua_tolstring(L, idx, &len);
  return fwrite(s, 1, len, f) == len;
}

/* Through the host; false when it has no use for this stream. */
static bool show_all(lua_State *L, FILE *f, int first, int last) {
  lgort_host *h = lgort_vm_of(L)->host;
  luaL_Buffer b;
  if (!is_shown(h, f)) return false;
  luaL_buffinit(L, &b);
  for (int i = first; i <= last; i++) {
    if (lua_type(L, i) == LUA_TNUMBER) {
      char text[64];
      luaL_addlstring(&b, text, (size_t)format_number(L, i, text));
    } else {
      lua_pushvalue(L, i);
      luaL_addvalue(&b);
    }
  }
  luaL_pushresult(&b);
  size_t len;
  const char *s = lua_tolstring(L, -1, &len);
  bool shown = show(h, f, s, len);
  lua_pop(L, 1);
  return shown;
}

/* Writes the arguments from first on to f; file: what to return. */
static int write_all(lua_State *L, FILE *f, int first, int last, int file) {
  bool ok = true;
  int good = good_until(L, first, last), error = 0;
  luaL_checkstack(L, 8, NULL);
  if (!show_all(L, f, first, good)) {
    flockfile(f);
    for (int i = first; i <= good; i++) {
      if (write_one(L, f, i)) continue;
      ok = false;
      error = errno;
    }
    funlockfile(f);
  }
  if (good < last) luaL_checkstring(L, good + 1); /* raises */
  if (ok) {
    lua_pushvalue(L, file);
    return 1;
  }
  errno = error;
  return luaL_fileresult(L, 0, NULL);
}

static int io_write(lua_State *L) {
  int n = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output");
  luaL_Stream *p = lua_touserdata(L, -1);
  if (!p->closef) return luaL_error(L, "default output file is closed");
  return write_all(L, p->f, 1, n, n + 1);
}

static int file_write(lua_State *L) {
  luaL_Stream *p = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  if (!p->closef) return luaL_error(L, "attempt to use a closed file");
  return write_all(L, p->f, 2, lua_gettop(L), 1);
}

void lgort_open_output(lua_State *L) {
  lua_pushcfunction(L, lib_print);
  lua_setglobal(L, "print");
  lua_getglobal(L, LUA_IOLIBNAME);
  lua_pushcfunction(L, io_write);
  lua_setfield(L, -2, "write");
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  lua_pushcfunction(L, file_write);
  lua_setfield(L, -2, "write");
  lua_pop(L, 3);
}
