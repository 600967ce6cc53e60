/* arena.h - small blocks for one owner at a time.
 *
 * SPDX-License-Identifier: MIT
 *
 * A vm's interpreter makes and drops blocks by the million, and its vm moves
 * between threads: an allocator for threads takes each such block for one that
 * another thread gives back, and keeps the pages. This one belongs to the vm.
 * Blocks of up to GORT_ARENA_MOST bytes come from chunks of one size each,
 * chunks from regions of the system; pages go back to it. Larger ones are not
 * the arena's.
 *
 * Invariants:
 *   I1. A chunk is a region's free one (its bit in spare), a size's current
 *       one, in the size's list of those with room, or full.
 *   I2. A region is in the arena's list iff it has a free chunk.
 * Ownership: whoever owns the arena calls; no locks. A block is the caller's
 *   until it is given back to the same arena. */
#ifndef GORT_BASE_ARENA_H
#define GORT_BASE_ARENA_H

#include <string.h>

#include "base/defs.h"
#include "base/list.h"

enum {
  GORT_ARENA_STEP = 16, /* sizes are multiples of it; blocks are aligned so */
  GORT_ARENA_MOST = 1024,
  GORT_ARENA_SIZES = GORT_ARENA_MOST / GORT_ARENA_STEP
};

/* What is known of a chunk; its blocks are elsewhere (arena.c). */
typedef struct gort__chunk {
  void *free; /* blocks given back, each holds the next one's address */
  struct gort__chunk *next, *prev; /* in roomy */
  uint16_t size;                   /* number of the size */
  uint16_t used, fresh, most;      /* blocks: out, never out so far, in all */
  uint16_t gone;                   /* pages without memory (thin) */
  bool listed;                     /* in roomy */
} gort__chunk;

typedef struct gort__arena {
  gort__chunk *current[GORT_ARENA_SIZES]; /* or NULL */
  gort__chunk *roomy[GORT_ARENA_SIZES];   /* linked both ways */
  gort__link regions;
  unsigned empty;        /* regions without a block */
  unsigned taken, dirty; /* chunks: not free; free, but their pages are here */
} gort__arena;

void gort__arena_init(gort__arena *a);
/* Every block must have been given back. */
void gort__arena_fini(gort__arena *a);
/* Where no block of this size that was given back is at hand. */
void *gort__arena_get_slowly(gort__arena *a, unsigned size);
/* bytes is 1 to GORT_ARENA_MOST. NULL without memory. */
static inline void *gort__arena_get(gort__arena *a, size_t bytes) {
  unsigned size = (unsigned)(bytes - 1) / GORT_ARENA_STEP;
  gort__chunk *k = a->current[size];
  void *block = GORT_LIKELY(k != NULL) ? k->free : NULL;
  if (GORT_UNLIKELY(!block)) return gort__arena_get_slowly(a, size);
  memcpy(&k->free, block, sizeof k->free);
  k->used++;
  return block;
}
void gort__arena_give(gort__arena *a, void *block);
/* Whether blocks of a and b bytes, both small, are of one size. */
static inline bool gort__arena_same(size_t a, size_t b) {
  return (a - 1) / GORT_ARENA_STEP == (b - 1) / GORT_ARENA_STEP;
}

/* Gives the system what holds no block. */
void gort__arena_trim(gort__arena *a);

#endif
