/* protos.h - what a vm remembers of its functions: which prototype has which
 * code (codes.h), and the factories made of codes (vm->factories).
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_PROTOS_H
#define LGORT_CROSS_PROTOS_H

#include <lua.h>

#include "cross/codes.h"

/* What a vm knows of a prototype at an address. The address may be reused
 * after a collection; so each entry has an anchor, a function held weakly
 * (vm->anchors[index]): while that lives its prototype does. */
typedef struct lgort_proto {
  const void *proto; /* NULL: free */
  lgort_code *code;  /* NULL until the function crosses */
  const char *source;
  bool of_module; /* a loaded module may hold a function of this prototype */
  int line;       /* where a task was last started in it ... */
  const void *pc; /* ... and the instruction that stands for it */
} lgort_proto;

enum { LGORT_RECENT = 8 };

typedef struct lgort_protos {
  lgort_proto *slot; /* owned; size is a power of two */
  size_t size, used;
  /* Entries that were looked up lately, by their prototypes' addresses; none
   * whose prototype's memory has been given back (lgort_proto_freed). */
  struct {
    const void *proto;
    lgort_proto *entry;
  } recent[LGORT_RECENT];
  /* An entry of a module's prototype has gone with its anchor; other functions
   * of the prototype may be left: any new entry may be of one. */
  bool lost_module;
} lgort_protos;

static inline size_t lgort_recent_slot(const void *proto) {
  return ((uintptr_t)proto >> 7) % LGORT_RECENT;
}

/* The vm gives back a block that may be a prototype. */
static inline void lgort_proto_freed(lgort_protos *ps, const void *block) {
  size_t i = lgort_recent_slot(block);
  if (ps->recent[i].proto == block) ps->recent[i].proto = NULL;
}

/* The code of the Lua function at idx; env_up: which of its upvalues is a
 * globals table. Borrowed, until something allocates in this vm: a collection
 * may take from the vm what it remembers. Raises when memory is out or the
 * function has too many captures. */
lgort_code *lgort_code_of(lua_State *L, struct lgort_vm *vm, int idx,
                          int env_up);
/* What this vm knows of the Lua function at idx (borrowed, as above); NULL where
 * prototypes cannot be told apart. The code's env_up may be that of another
 * closure. Needs three slots of the stack; raises on memory. */
const lgort_proto *lgort_proto_of(lua_State *L, struct lgort_vm *vm, int idx);
/* Where the Lua function is that called the running C function, or called who
 * did: its interned chunk name and the line. False: there is none with lines. */
bool lgort_find_site(lua_State *L, struct lgort_vm *vm, const char **source,
                     int *line);
/* Notes that the function at idx is a loaded module's. */
void lgort_mark_module(lua_State *L, struct lgort_vm *vm, int idx);
/* Pushes the function that makes closures of code. Raises on memory. */
void lgort_push_factory(lua_State *L, struct lgort_vm *vm,
                        const lgort_code *code);
/* Pushes the closure that all tasks of this vm share: of a function that captures
 * nothing but itself and the pristine globals. Raises on memory. */
void lgort_push_pure(lua_State *L, struct lgort_vm *vm, const lgort_code *code);
void lgort_protos_fini(lgort_protos *ps);

#endif
