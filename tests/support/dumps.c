/* dumps.c - see dumps.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/dumps.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static int add_bytes(lua_State *from, const void *p, size_t n, void *ud) {
  bytes *b = ud;
  (void)from;
  if (b->len + n > b->cap) {
    b->cap = (b->len + n) * 2;
    b->p = realloc(b->p, b->cap);
    assert_non_null(b->p);
  }
  memcpy(b->p + b->len, p, n);
  b->len += n;
  return 0;
}

lua_State *L;

int dumps_setup(void **state) {
  (void)state;
  L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  return 0;
}

int dumps_teardown(void **state) {
  (void)state;
  lua_close(L);
  return 0;
}

void run(const char *code, const char *name) {
  if (luaL_loadbufferx(L, code, strlen(code), name, "t") != 0 ||
      lua_pcall(L, 0, 1, 0) != 0)
    fail_msg("%s", lua_tostring(L, -1));
}

bytes dump_top(int strip) {
  bytes b = {NULL, 0, 0};
  assert_int_equal(lua_type(L, -1), LUA_TFUNCTION);
  assert_int_equal(lua_dump(L, add_bytes, &b, strip), 0);
  b.p = realloc(b.p, b.len); /* exact: ASan sees a read past the end */
  assert_non_null(b.p);
  return b;
}

int env_index(void) {
  int found = -1;
  for (int i = 1; i <= 255 && found < 0; i++) {
    if (lua_getupvalue(L, -1, i) == NULL) break;
    lua_pushglobaltable(L);
    if (lua_rawequal(L, -1, -2)) found = i - 1;
    lua_pop(L, 2);
  }
  return found;
}

void push_sum_function(int n) {
  luaL_Buffer buf;
  luaL_buffinit(L, &buf);
  for (int i = 1; i <= n; i++) {
    if (i == 151) luaL_addstring(&buf, "return (function()\n");
    lua_pushfstring(L, "local v%d = %d\n", i, i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, "return function() return 0");
  for (int i = 1; i <= n; i++) {
    lua_pushfstring(L, "+v%d", i);
    luaL_addvalue(&buf);
  }
  luaL_addstring(&buf, n > 150 ? " end end)()" : " end");
  luaL_pushresult(&buf);
  run(lua_tostring(L, -1), "=sum");
  lua_remove(L, -2);
}
