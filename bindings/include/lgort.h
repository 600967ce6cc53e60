/* lgort.h - gort for C code that has Lua.
 *
 * SPDX-License-Identifier: MIT
 *
 * For C modules: how their userdata crosses to other tasks. A module needs this
 * header and nothing to link. */
#ifndef LGORT_H
#define LGORT_H

#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- userdata that crosses ---------------------------------------------
 *
 * A userdata can be sent, captured or passed to go when its metatable has the
 * field __gort_transfer. That is one of two things:
 *
 * - A Lua (or C) function. It is called with the userdata and returns a
 *   function and arguments, which cross as other values do; the other side has
 *   what that function returns for these arguments:
 *
 *     mt.__gort_transfer = function(re) return regex.compile, re:source() end
 *
 * - A light userdata with the address of an lgort_transfer, for what cannot be
 *   made anew from Lua values: something that both sides share, or that moves
 *   from one to the other. It lives as long as the process.
 *
 * For a userdata that is met twice in a message the other side has one, too.
 */
#define LGORT_TRANSFER "__gort_transfer"
#define LGORT_TRANSFER_VERSION 1

typedef struct lgort_transfer {
  int version; /* LGORT_TRANSFER_VERSION */
  /* The module to require on the other side before unpack (which makes the
   * metatable there); NULL: none. */
  const char *module;
  /* Sender: returns owned what goes on the way for the userdata at idx. It
   * may raise, and then nothing is sent; NULL: "cannot cross now". The call
   * that sends may still fail, or the message never be received: then comes
   * drop without unpack, and something that moves is to be the sender's again.
   * Must not block. */
  void *(*pack)(lua_State *L, int idx);
  /* Receiver: pushes the userdata made from packed, which it borrows. May be
   * called again for the same packed, in several vms at a time, when a message
   * has several receivers (the results of a future); something that can be
   * had only once then raises. Must not block. */
  void (*unpack)(lua_State *L, void *packed);
  /* Releases packed, after the last unpack or without any. Any thread; has no
   * lua_State. */
  void (*drop)(void *packed);
} lgort_transfer;

#ifdef __cplusplus
}
#endif

#endif
