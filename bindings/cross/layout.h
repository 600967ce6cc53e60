/* layout.h - where Lua keeps what its interface does not tell.
 *
 * SPDX-License-Identifier: MIT
 *
 * A closure's prototype, and a call's function and next instruction: lines
 * and codes of functions are found by them where Lua would be asked at length.
 * Each place is that of Lua 5.4, and used only where a trial with functions
 * whose places are known agreed; else the caller asks Lua. */
#ifndef LGORT_CROSS_LAYOUT_H
#define LGORT_CROSS_LAYOUT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lgort_layout {
  bool protos;     /* lgort_layout_proto can be used ... */
  bool calls;      /* ... and lgort_layout_pc */
  uint8_t lua_tag; /* of a Lua function in a slot of the stack; 0: unknown */
} lgort_layout;

/* The heads of a Lua closure and of a call; a slot of the stack. */
struct lgort__closure {
  void *next;
  unsigned char tt, marked, nupvalues;
  void *gclist;
  const void *proto;
};
struct lgort__slot {
  const void *value;
  uint8_t tag;
};
struct lgort__call {
  const struct lgort__slot *func;
  void *top, *previous, *next;
  const void *pc;
};

/* The prototype of a Lua closure (lua_topointer). */
static inline const void *lgort_layout_proto(const void *closure) {
  return ((const struct lgort__closure *)closure)->proto;
}

/* The instruction that comes next in the call of a Lua function. */
static inline const void *lgort_layout_pc(const lua_Debug *ar) {
  return ((const struct lgort__call *)(const void *)ar->i_ci)->pc;
}

/* The closure that the call is of; NULL: of a C function, or unknown. */
static inline const void *lgort_layout_closure(const lgort_layout *layout,
                                               const lua_Debug *ar) {
  const struct lgort__call *call = (const void *)ar->i_ci;
  return layout->lua_tag && call->func->tag == layout->lua_tag
             ? call->func->value
             : NULL;
}

/* Makes the trials. Leaves the stack as it was; raises on memory. */
void lgort_layout_probe(lua_State *L, lgort_layout *layout);

#endif
