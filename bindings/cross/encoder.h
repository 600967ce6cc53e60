/* encoder.h - Lua values to runtime values.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_ENCODER_H
#define LGORT_CROSS_ENCODER_H

#include <lua.h>

#include "gort.h"

struct lgort_vm;

/* The working memory of an encoding: kept for the next one and emptied at its
 * start, so an error on the way leaks nothing. Encodings nest when a
 * metamethod or a finalizer runs in the middle of one: each level has an
 * encoder of its own. One that an error interrupted stays busy until the
 * task's turn ends (lgort_encoder_unwind). */
typedef struct lgort_encoder {
  struct lgort_encoder *inner; /* the next level's, or NULL; owned */
  bool busy;
  int queue; /* registry reference of the table of objects, 0: none yet */
  char *bytes;
  size_t len, room;
  struct lgort_ref *refs;
  size_t nrefs, refs_room;
  struct lgort_seen *seen; /* address to number, open addressing */
  size_t seen_size, nseen;
  unsigned epoch;
  struct lgort_pending *objects;
  size_t nobjects, objects_room, done;
  size_t nversions; /* objects that own a class's new version */
  struct lgort_env_names *envs;
  unsigned nenvs;
  bool has_paths;
} lgort_encoder;

/* As luaL_checkstack; but a stack that is short for want of memory is told
 * from one that has reached its limit. */
void lgort_need_stack(lua_State *L, int n);

/* What is being sent, for messages: "cannot <verb>: <root 1>... is ...". */
typedef struct lgort_subject {
  const char *verb; /* "send", "start task" */
  const char *root; /* the root's name; NULL: by number, below */
  bool is_call;     /* root 1 is the function, the rest arguments */
} lgort_subject;

void lgort__encode(lua_State *L, struct lgort_vm *vm, int idx,
                   const lgort_subject *subject, gort_value *out);
/* Encodes the value at idx into *out (owned by the caller). Raises an error
 * that names the path to what cannot cross. */
static inline void lgort_encode(lua_State *L, struct lgort_vm *vm, int idx,
                                const lgort_subject *subject, gort_value *out) {
  if (lua_isinteger(L, idx))
    *out = (gort_value){.type = GORT_INTEGER, .u.i = lua_tointeger(L, idx)};
  else
    lgort__encode(L, vm, idx, subject, out);
}
/* Only what needs no message: scalars, strings, handles. False: nothing was
 * done, or memory was out for a string (lgort_encode will say). */
bool lgort_encode_simple(lua_State *L, int idx, gort_value *out);
/* The n values from first on, as one message. */
void lgort_encode_many(lua_State *L, struct lgort_vm *vm, int first, int n,
                       const lgort_subject *subject, gort_value *out);
/* Nothing is being encoded: what was left busy is not. */
void lgort_encoder_unwind(lgort_encoder *e);
void lgort_encoder_fini(lgort_encoder *e);

#endif
