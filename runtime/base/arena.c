/* arena.c - small blocks for one owner at a time.
 *
 * SPDX-License-Identifier: MIT
 *
 * A region is aligned to its size, so that a block's address gives its region
 * and its chunk. What a region knows of its chunks stands at its start, for
 * all of them: the pages of a free chunk can go. */
#include "base/arena.h"

#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"

#define REGION ((size_t)1 << 20)
#define CHUNK ((size_t)1 << 16)

enum { CHUNKS = 16 };

enum { PAGE = 4096 };

/* Regions that stay though they are empty, for those who come and go. */
enum { EMPTY_KEPT = 1 };

/* Free chunks that keep their pages: these, and a quarter of the taken ones. */
enum { DIRTY_KEPT = 8 };

typedef struct region {
  gort__link link;
  uint32_t spare; /* which chunks are free */
  uint32_t dirty; /* which of those have had blocks since they were clean */
  gort__chunk chunks[CHUNKS];
} region;

#define ALL ((UINT32_C(1) << CHUNKS) - 1)
#define HEAD ((sizeof(region) + 63) & ~(size_t)63)
_Static_assert(sizeof(region) <= PAGE, "the head is on the first page");

static region *region_of(const void *p) {
  return (region *)((uintptr_t)p & ~(uintptr_t)(REGION - 1));
}

static char *blocks_of(gort__chunk *k) {
  region *r = region_of(k);
  size_t i = (size_t)(k - r->chunks);
  return (char *)r + (i ? i * CHUNK : HEAD);
}

static size_t bytes_of(unsigned size) {
  return ((size_t)size + 1) * GORT_ARENA_STEP;
}

/* ---- regions ----------------------------------------------------------- */

/* Mappings mostly follow one another, so the first try is mostly aligned. */
static void *map_aligned(void) {
  char *p = gort__pages_reserve(REGION);
  if (!p || (uintptr_t)p % REGION == 0) return p;
  gort__pages_give(p, REGION);
  p = gort__pages_reserve(2 * REGION);
  if (!p) return NULL;
  size_t before = REGION - (uintptr_t)p % REGION;
  gort__pages_give(p, before);
  if (before < REGION) gort__pages_give(p + before + REGION, REGION - before);
  return p + before; /* cppcheck-suppress deallocret */
}

static region *region_new(gort__arena *a) {
  region *r = map_aligned();
  if (!r) return NULL;
  r->spare = ALL;
  gort__list_push(&a->regions, &r->link);
  a->empty++;
  return r;
}

static void region_free(gort__arena *a, region *r) {
  gort__list_unlink(&r->link);
  a->empty--;
  a->dirty -= (unsigned)__builtin_popcount(r->dirty);
  gort__pages_give(r, REGION);
}

/* ---- chunks ------------------------------------------------------------ */

static void chunk_init(gort__chunk *k, unsigned size) {
  size_t room = k == region_of(k)->chunks ? CHUNK - HEAD : CHUNK;
  memset(k, 0, sizeof *k);
  k->size = (uint16_t)size;
  k->fresh = k->most = (uint16_t)(room / bytes_of(size));
}

static gort__chunk *chunk_new(gort__arena *a, unsigned size) {
  region *r = gort__list_empty(&a->regions)
                  ? region_new(a)
                  : gort__container(a->regions.next, region, link);
  if (!r) return NULL;
  unsigned i = (unsigned)__builtin_ctz(r->spare);
  if (r->spare == ALL) a->empty--;
  r->spare &= ~(1u << i);
  a->taken++;
  if (r->dirty & 1u << i) a->dirty--;
  r->dirty &= ~(1u << i);
  if (!r->spare) gort__list_unlink(&r->link);
  chunk_init(&r->chunks[i], size);
  return &r->chunks[i];
}

/* The pages of free chunks, but the one that holds the head. */
static void clean(gort__arena *a, region *r) {
  for (unsigned i = 0; i < CHUNKS; i++) {
    if (!(r->dirty & 1u << i)) continue;
    size_t head = i ? 0 : PAGE;
    madvise((char *)r + i * CHUNK + head, CHUNK - head, MADV_DONTNEED);
    r->dirty &= ~(1u << i);
    a->dirty--;
  }
}

static void clean_all(gort__arena *a) {
  gort__link *l = a->regions.next;
  for (; l != &a->regions; l = l->next) {
    region *r = gort__container(l, region, link);
    if (r->dirty) clean(a, r);
  }
}

static void chunk_free(gort__arena *a, gort__chunk *k) {
  region *r = region_of(k);
  uint32_t bit = 1u << (k - r->chunks);
  if (!r->spare) gort__list_push(&a->regions, &r->link);
  r->spare |= bit;
  a->taken--;
  r->dirty |= bit;
  a->dirty++;
  if (r->spare == ALL && a->empty++ >= EMPTY_KEPT) region_free(a, r);
  if (a->dirty > DIRTY_KEPT + a->taken / 4) clean_all(a);
}

static void list(gort__arena *a, gort__chunk *k) {
  k->listed = true;
  k->prev = NULL;
  k->next = a->roomy[k->size];
  if (k->next) k->next->prev = k;
  a->roomy[k->size] = k;
}

static void unlist(gort__arena *a, gort__chunk *k) {
  if (k->next) k->next->prev = k->prev;
  if (k->prev)
    k->prev->next = k->next;
  else
    a->roomy[k->size] = k->next;
  k->listed = false;
}

/* ---- pages that are gone ------------------------------------------------ */

enum { PAGES = CHUNK / PAGE, MOST_BLOCKS = CHUNK / GORT_ARENA_STEP };
_Static_assert(PAGES <= 16, "a bit of gone for each page");

static char *page_of(const gort__chunk *k, unsigned page) {
  region *r = region_of(k);
  return (char *)r + (size_t)(k - r->chunks) * CHUNK + page * (size_t)PAGE;
}

/* Which blocks touch the page; false: something else does, too. */
static bool blocks_in(gort__chunk *k, unsigned page, unsigned *first,
                      unsigned *last) {
  const char *at = page_of(k, page), *blocks = blocks_of(k);
  if (at < blocks) return false;
  *first = (unsigned)((size_t)(at - blocks) / bytes_of(k->size));
  *last = (unsigned)((size_t)(at + PAGE - 1 - blocks) / bytes_of(k->size));
  return true;
}

/* Block i touches a page that is gone. */
static bool in_gone(gort__chunk *k, unsigned i) {
  if (!k->gone) return false;
  const char *at = blocks_of(k) + i * bytes_of(k->size);
  size_t from = (size_t)(at - page_of(k, 0));
  size_t to = from + bytes_of(k->size) - 1;
  for (size_t page = from / PAGE; page <= to / PAGE; page++)
    if (k->gone & 1u << page) return true;
  return false;
}

static void *next_free(const void *block) {
  void *next;
  memcpy(&next, block, sizeof next);
  return next;
}

static void push_free(gort__chunk *k, unsigned i) {
  void *block = blocks_of(k) + i * bytes_of(k->size);
  memcpy(block, &k->free, sizeof k->free);
  k->free = block;
}

/* Such blocks can be had again. */
static void fill(gort__chunk *k) {
  for (unsigned i = (unsigned)k->most - k->fresh; i-- > 0;)
    if (in_gone(k, i)) push_free(k, i);
  k->gone = 0;
}

/* ---- blocks ------------------------------------------------------------ */

void gort__arena_init(gort__arena *a) {
  memset(a, 0, sizeof *a);
  gort__list_init(&a->regions);
}

void gort__arena_fini(gort__arena *a) { gort__arena_trim(a); }

static void *get_from(gort__chunk *k) {
  void *block = k->free;
  if (block) {
    memcpy(&k->free, block, sizeof k->free);
  } else if (k->fresh) {
    block = blocks_of(k) + (k->most - k->fresh) * bytes_of(k->size);
    k->fresh--;
  } else {
    return NULL;
  }
  k->used++;
  return block;
}

void *gort__arena_get_slowly(gort__arena *a, unsigned size) {
  gort__chunk *k = a->current[size];
  void *block = k ? get_from(k) : NULL;
  if (block) return block;
  if (!k || !k->gone) {
    k = a->roomy[size];
    if (k)
      unlist(a, k);
    else
      k = chunk_new(a, size);
    if (!k) return NULL;
    a->current[size] = k;
  }
  if (!k->free && !k->fresh) fill(k);
  return get_from(k);
}

void gort__arena_give(gort__arena *a, void *block) {
  region *r = region_of(block);
  gort__chunk *k = &r->chunks[((uintptr_t)block - (uintptr_t)r) / CHUNK];
  memcpy(block, &k->free, sizeof k->free);
  k->free = block;
  k->used--;
  if (k == a->current[k->size]) return;
  if (GORT_UNLIKELY(k->used == 0)) {
    if (k->listed) unlist(a, k);
    chunk_free(a, k);
  } else if (!k->listed) {
    list(a, k);
  }
}

/* ---- trimming ---------------------------------------------------------- */

/* What blocks that were given back leave of a chunk where others are in use. */

static void forget_free(gort__chunk *k, const bool *is_free, unsigned n) {
  k->free = NULL;
  for (unsigned i = n; i-- > 0;)
    if (is_free[i] && !in_gone(k, i)) push_free(k, i);
}

/* Marks the free ones among the blocks that were out; how many were. */
static unsigned find_free(gort__chunk *k, bool *is_free) {
  unsigned out = k->most - k->fresh;
  for (unsigned i = 0; i < out; i++) is_free[i] = in_gone(k, i);
  for (const char *block = k->free; block; block = next_free(block))
    is_free[(size_t)(block - blocks_of(k)) / bytes_of(k->size)] = true;
  return out;
}

static bool page_is_free(gort__chunk *k, unsigned page, const bool *is_free,
                         unsigned n) {
  unsigned first, last;
  if (!blocks_in(k, page, &first, &last) || last >= n) return false;
  while (first <= last && is_free[first]) first++;
  return first > last;
}

/* Behind the last block in use blocks are as new. Before it, pages that hold
 * nothing go, and with them the blocks that touch them, until the chunk has no
 * others (fill). */
static void thin(gort__chunk *k) {
  bool is_free[MOST_BLOCKS];
  unsigned out = find_free(k, is_free), n = out;
  while (n > 0 && is_free[n - 1]) n--;
  k->fresh = (uint16_t)(k->most - n);
  k->gone = 0;
  for (unsigned page = 0; page < PAGES; page++)
    if (page_is_free(k, page, is_free, n)) k->gone |= (uint16_t)(1u << page);
  forget_free(k, is_free, n);
  const char *from = blocks_of(k) + n * bytes_of(k->size);
  const char *to = blocks_of(k) + out * bytes_of(k->size);
  for (unsigned page = 0; page < PAGES; page++) {
    char *at = page_of(k, page);
    if (k->gone & 1u << page || (at >= from && at < to))
      madvise(at, PAGE, MADV_DONTNEED);
  }
}

static void thin_all(gort__arena *a) {
  for (unsigned size = 0; size < GORT_ARENA_SIZES; size++) {
    gort__chunk *k = a->current[size];
    a->current[size] = NULL;
    if (k && !k->used)
      chunk_free(a, k);
    else if (k && (k->free || k->fresh || k->gone))
      list(a, k);
    for (k = a->roomy[size]; k; k = k->next) thin(k);
  }
}

void gort__arena_trim(gort__arena *a) {
  thin_all(a);
  gort__link *l = a->regions.next;
  while (l != &a->regions) {
    region *r = gort__container(l, region, link);
    l = l->next;
    if (r->spare == ALL)
      region_free(a, r);
    else
      clean(a, r);
  }
}
