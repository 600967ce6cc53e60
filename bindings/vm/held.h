/* held.h - what C code owns while an error may take it away.
 *
 * SPDX-License-Identifier: MIT
 *
 * A stack of references for each vm. Who holds something while it calls Lua
 * notes the height, puts it there, and goes back to that height when it is
 * done. What an error leaves above goes when somebody lower does so, and at the
 * latest before the next turn of a task. (Finalizers and metamethods run in
 * the middle of other code: their things lie above.)
 * Threads: the worker that holds the vm. */
#ifndef LGORT_VM_HELD_H
#define LGORT_VM_HELD_H

#include <stdbool.h>
#include <stddef.h>

struct lgort_ref;

typedef struct lgort_held {
  struct lgort_ref *item; /* owned, and what they refer to */
  size_t n, room;
} lgort_held;

/* Holds ptr (its count; a kind of message.h). False, and the count is
 * released: memory is out. */
bool lgort_hold(lgort_held *h, int kind, void *ptr);
/* Releases all above the height n. */
void lgort_unhold(lgort_held *h, size_t n);
/* The same, but what is at n is the caller's again. */
void lgort_take_back(lgort_held *h, size_t n);
void lgort_held_fini(lgort_held *h);

#endif
