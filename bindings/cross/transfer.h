/* transfer.h - userdata of C modules that can cross (lgort.h has the protocol).
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_CROSS_TRANSFER_H
#define LGORT_CROSS_TRANSFER_H

#include "lgort.h"
#include "vm/vm.h"

/* A userdata on its way: what its module packed, or a message that holds a
 * function and the arguments that make it anew. One of the two. */
typedef struct lgort_packed {
  const lgort_transfer *how;
  void *what;     /* owned, by way of how->drop */
  gort_buf *call; /* owned */
} lgort_packed;

/* Pushes what lets the userdata at idx cross: a light userdata (the
 * lgort_transfer) or a function; false: it cannot. Raises when it is neither
 * of them. */
bool lgort_push_transfer(lua_State *L, int idx);
/* Pushes the value that was packed (not that of a call). Raises what the module
 * raises. */
void lgort_unpack(lua_State *L, const lgort_packed *p);
/* Any thread. */
void lgort_packed_drop(lgort_packed *p);

#endif
