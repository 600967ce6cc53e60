/* decoder.c - the decoder against any bytes (libFuzzer): malformed input is an
 * error, never a crash.
 *
 * SPDX-License-Identifier: MIT
 *
 * The input is a message's head and body; the references, which are never
 * bytes from outside, are those of a message that has one of each kind.
 * `decoder -seeds DIR` writes real messages there, to start from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross/additions.h"
#include "cross/decoder.h"
#include "cross/message.h"
#include "vm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static lgort_host host;
static gort_value sample; /* whose references all inputs use */
static unsigned inputs;

/* ---- values to start from ---------------------------------------------- */

static const char *const values[] = {
    "return {1, 2.5, 'three', true, false, -1, math.mininteger, x = {y = {}}}",
    "local t = {} t.t = t t[t] = {t} return t",
    "local n = 0 return {function() n = n + 1 return n end, "
    "function() return n, print end}",
    "local C = {} C.__index = C C.__call = function(s, ...) return s, ... end "
    "return {setmetatable({1}, C), setmetatable({2, C}, C), C}",
    "local A, B = {}, {} A.__index, B.__index, A.b, B.a = A, B, B, A "
    "return {setmetatable({}, A), setmetatable({}, B), chan(3), "
    "chan():sender()}",
    "function helper(x) return y and x end y = 3 "
    "return function(...) z = helper(...) return _G.y, z, string.format end",
    "local e = {print = print} local _ENV = e function f() return f, g end "
    "return {f, f}",
    "return {string, table.insert, require 'gort.time', math.huge, 0/0, "
    "('x'):rep(300), gort.sync.waitgroup()}",
};
enum { NVALUES = sizeof values / sizeof *values };

/* ---- states ------------------------------------------------------------ */

static gort *make_runtime(void) {
  gort_options options = {.maxprocs = 1, .ops = &lgort_ops, .arg = &host};
  if (gort_new(&options, &host.rt) < 0) abort();
  return host.rt;
}

static lgort_vm *vm(void) { return gort_vm_state(gort_vm_main(host.rt)); }

static int make_value(lua_State *L) {
  static const lgort_subject subject = {"send", "value", false};
  gort_value *out = lua_touserdata(L, 2);
  if (luaL_loadstring(L, lua_touserdata(L, 1)) != LUA_OK) lua_error(L);
  lua_call(L, 0, 1);
  lgort_encode(L, vm(), -1, &subject, out);
  return 0;
}

static gort_value encoded(const char *text) {
  gort_value v = {0};
  lua_State *L = vm()->L;
  lua_pushcfunction(L, make_value);
  lua_pushlightuserdata(L, (void *)(size_t)text);
  lua_pushlightuserdata(L, &v);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    fprintf(stderr, "decoder: %s\n", lua_tostring(L, -1));
    abort();
  }
  return v;
}

static void start(void) {
  make_runtime();
  sample = encoded(
      "local C = {} C.__index = C local n = 1 "
      "local e = {} local f do local _ENV = e function f() return x end end "
      "return {setmetatable({}, C), function() return n, C end, chan(), f, "
      "require 'gort.time'}");
}

static void stop(void) {
  gort_value_drop(&sample);
  gort_destroy(host.rt);
}

/* ---- the input --------------------------------------------------------- */

typedef struct head {
  uint8_t nobjects, nroots, nenvs, bundle;
  uint8_t env_kind[4];
} head;

static gort_buf *message(const uint8_t *data, size_t size) {
  head h;
  const lgort_message *refs =
      (const lgort_message *)(const void *)gort_buf_bytes(sample.u.buf);
  size_t at = sizeof(lgort_message) + refs->nrefs * sizeof(lgort_ref);
  memcpy(&h, data, sizeof h);
  gort_buf *b = gort_buf_new(at + size - sizeof h, NULL); /* refs: borrowed */
  if (!b) abort();
  lgort_message *m = (lgort_message *)(void *)gort_buf_bytes(b);
  memcpy(m, refs, at);
  m->nobjects = h.nobjects;
  m->nroots = h.nroots;
  m->nenvs = h.nenvs;
  m->from_outside = true;
  memcpy(m->env_kind, h.env_kind, sizeof h.env_kind);
  memcpy((char *)m + at, data + sizeof h, size - sizeof h);
  return b;
}

static int decode(lua_State *L) {
  gort_value *v = lua_touserdata(L, 1);
  if (lua_toboolean(L, 2))
    lgort_decode_bundle(L, vm(), v->u.buf);
  else
    lgort_decode(L, vm(), v);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < sizeof(head)) return 0;
  if (++inputs % 20000 == 0) { /* what was added to tables piles up */
    stop();
    start();
  }
  lua_State *L = vm()->L;
  gort_buf *b = message(data, size);
  gort_value v = {.type = GORT_DATA, .u.buf = b};
  gort_buf_retain(b);
  lua_settop(L, 0);
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &v);
  lua_pushboolean(L, ((const head *)(const void *)data)->bundle & 1);
  lua_pcall(L, 2, 0, 0);
  gort_value_drop(&v);
  lgort_unhold(&vm()->held, 0);
  gort_buf_release(b);
  lua_settop(L, 0);
  if (inputs % 64 == 0) lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

/* ---- seeds ------------------------------------------------------------- */

static void write_seed(const char *dir, int i, gort_buf *b, bool bundle) {
  const lgort_message *m =
      (const lgort_message *)(const void *)gort_buf_bytes(b);
  size_t at = sizeof *m + m->nrefs * sizeof(lgort_ref);
  char name[512];
  snprintf(name, sizeof name, "%s/%d%s", dir, i, bundle ? "-bundle" : "");
  FILE *f = fopen(name, "wb");
  if (!f) {
    perror(name);
    exit(1);
  }
  head h = {(uint8_t)m->nobjects,
            (uint8_t)m->nroots,
            (uint8_t)m->nenvs,
            bundle,
            {m->env_kind[0], m->env_kind[1], m->env_kind[2], m->env_kind[3]}};
  fwrite(&h, sizeof h, 1, f);
  fwrite((const char *)m + at, 1, gort_buf_len(b) - at, f);
  fclose(f);
  for (uint32_t r = 0; r < m->nrefs && !bundle; r++)
    if (m->refs[r].kind == LGORT_REF_CLASS)
      write_seed(dir, i, ((const lgort_class *)m->refs[r].ptr)->bundle, true);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  if (lgort_codes_init(&host.codes) < 0) abort();
  start();
  if (*argc == 3 && strcmp((*argv)[1], "-seeds") == 0) {
    for (int i = 0; i < NVALUES; i++) {
      gort_value v = encoded(values[i]);
      write_seed((*argv)[2], i, v.u.buf, false);
      gort_value_drop(&v);
    }
    exit(0);
  }
  return 0;
}
