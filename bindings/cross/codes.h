/* codes.h - the code of functions that cross, known to all vms by number.
 *
 * SPDX-License-Identifier: MIT
 *
 * A code is the dump of one prototype with what was found out about it. It is
 * interned by content in the host's table: the same function captured in two
 * vms, or twice in one, is the same code. Each vm remembers the codes of its
 * own prototypes (protos) and the factories made of codes (vm->factories).
 *
 * Ownership: codes are counted. Counts are held by the protos of vms, by
 *   messages and records, and by purses; the table holds none. A code whose
 *   last count goes leaves the table, so that code that is made again and
 *   again does not pile up.
 * Locking: the table's mutex; a code is immutable once it is in the table but
 *   for its count, which goes from 1 to 0 only under the mutex. */
#ifndef LGORT_CROSS_CODES_H
#define LGORT_CROSS_CODES_H

#include <lua.h>
#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "cross/analysis.h"

struct lgort_vm;

typedef struct lgort_code {
  struct lgort_code *next; /* in its bucket */
  struct lgort_codes *table;
  uint64_t hash;
  atomic_uint refs; /* release on drop, acquire on the last */
  int64_t id;       /* from 1, never used again */
  int env_up;       /* the upvalue that is the globals table, -1: none */
  int needs_env;    /* enum lgort_env_kind that it needs at least */
  bool named;       /* its upvalues have names: it was not stripped */
  bool reusable;    /* a closure of it is nobody's when its call has ended */
  int bad_up;       /* first captured variable that it assigns, -1: none */
  size_t len, factory_len;
  void *dump, *factory; /* owned */
  lgort_analysis *info; /* owned */
} lgort_code;

/* An interned string: a chunk's name in "created by". */
typedef struct lgort_chunkname {
  struct lgort_chunkname *next;
  char name[];
} lgort_chunkname;

enum { LGORT_CHUNKNAMES = 256 }; /* buckets */

typedef struct lgort_codes {
  uv_mutex_t mutex; /* guards all */
  lgort_code **bucket;
  size_t nbuckets, count;
  int64_t last_id;
  lgort_chunkname *sources[LGORT_CHUNKNAMES];
  size_t nsources;
  char **standard; /* owned, as the strings; set by the first vm (standard.h) */
  int nstandard, standard_room;
  size_t proto_offset; /* where a closure keeps its prototype; 0: unknown */
} lgort_codes;

int lgort_codes_init(lgort_codes *cs);
void lgort_codes_fini(lgort_codes *cs);

/* What a vm knows of a prototype at an address. The address may be reused
 * after a collection; so each entry has an anchor, a function held weakly
 * (vm->anchors[index]): while that lives its prototype does. */
typedef struct lgort_proto {
  const void *proto; /* NULL: free */
  lgort_code *code;  /* NULL until the function crosses */
  const char *source;
  bool of_module; /* a loaded module holds a function of this prototype */
} lgort_proto;

typedef struct lgort_protos {
  lgort_proto *slot; /* owned; size is a power of two */
  size_t size, used;
} lgort_protos;

/* Counts of one code that a vm has in hand: a record takes its count from here
 * and gives it back where it starts, so that spawning one function a million
 * times does not make the vms fight for its counter. */
typedef struct lgort_purse {
  lgort_code *code; /* NULL: empty */
  unsigned n;
} lgort_purse;

void lgort_code_retain(lgort_code *code);
void lgort_code_release(lgort_code *code);
/* A count of code for a record, out of the vm's purse; and back. */
void lgort_code_take(struct lgort_vm *vm, lgort_code *code);
void lgort_code_give(struct lgort_vm *vm, lgort_code *code);
void lgort_purse_fini(lgort_purse *p);

/* The code of the Lua function at idx; env_up: which of its upvalues is a
 * globals table. Borrowed, until something allocates in this vm: a collection
 * may take from the vm what it remembers. Raises when memory is out or the
 * function has too many captures. */
lgort_code *lgort_code_of(lua_State *L, struct lgort_vm *vm, int idx,
                          int env_up);
/* The code of the function at idx as far as this vm remembers it, or NULL
 * (borrowed, as above); its env_up may be that of another closure. Raises on memory. */
lgort_code *lgort_code_known(lua_State *L, struct lgort_vm *vm, int idx);
/* The interned chunk name of the Lua function at idx; ar's source is asked
 * for when it is new. */
const char *lgort_source_of(lua_State *L, struct lgort_vm *vm, int idx);
/* Notes that the function at idx is a loaded module's; whether one of the same
 * prototype is (true too where prototypes cannot be told apart). */
void lgort_mark_module(lua_State *L, struct lgort_vm *vm, int idx);
bool lgort_is_marked_module(lua_State *L, struct lgort_vm *vm, int idx);
/* Pushes the function that makes closures of code. Raises on memory. */
void lgort_push_factory(lua_State *L, struct lgort_vm *vm,
                        const lgort_code *code);
void lgort_protos_fini(lgort_protos *ps);
/* Finds out where closures keep their prototypes, by trial: the only thing
 * here that Lua's interface does not give. Falls back to dumping each time. */
void lgort_codes_probe(lua_State *L, lgort_codes *cs);

#endif
