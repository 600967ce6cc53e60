/* held.c - what C code owns while an error may take it away.
 *
 * SPDX-License-Identifier: MIT */
#include "vm/held.h"

#include "cross/message.h"

__attribute__((cold, noinline)) static bool grow(lgort_held *h) {
  size_t room = h->room ? h->room * 2 : 8;
  lgort_ref *item = gort_realloc(h->item, room * sizeof *item);
  if (!item) return false;
  h->item = item;
  h->room = room;
  return true;
}

bool lgort_hold(lgort_held *h, int kind, void *ptr) {
  if (h->n == h->room && !grow(h)) {
    lgort_ref ref = {kind, ptr};
    lgort_ref_drop(&ref);
    return false;
  }
  lgort_ref *item = &h->item[h->n++];
  item->kind = kind;
  item->ptr = ptr;
  return true;
}

void lgort_unhold(lgort_held *h, size_t n) {
  while (h->n > n) lgort_ref_drop(&h->item[--h->n]);
}

void lgort_take_back(lgort_held *h, size_t n) {
  lgort_unhold(h, n + 1);
  h->n = n;
}

void lgort_held_fini(lgort_held *h) {
  lgort_unhold(h, 0);
  gort_free(h->item);
}
