/* alloc.c - the process's allocator, replaceable before first use.
 *
 * SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <stdlib.h>

#include "base/defs.h"

static void *(*malloc_hook)(size_t) = malloc;
static void *(*realloc_hook)(void *, size_t) = realloc;
static void (*free_hook)(void *) = free;

void gort_set_allocator(void *(*malloc_fn)(size_t),
                        void *(*realloc_fn)(void *, size_t),
                        void (*free_fn)(void *)) {
  malloc_hook = malloc_fn;
  realloc_hook = realloc_fn;
  free_hook = free_fn;
}

bool gort__allocator_is_ours(void) { return malloc_hook == malloc; }

/* mimalloc's, where it stands in for malloc (the program gort): each thread has
 * a heap, and keeps what others have freed of it until it looks. */
extern void mi_collect(bool force) __attribute__((weak));

void gort__malloc_trim(void) {
  if (mi_collect)
    mi_collect(true);
  else
    malloc_trim(0);
}

void *gort_malloc(size_t size) { return malloc_hook(size ? size : 1); }

void *gort_realloc(void *ptr, size_t size) {
  return realloc_hook(ptr, size ? size : 1);
}

void gort_free(void *ptr) { free_hook(ptr); }

/* The block's start is kept right before what the caller gets. */
void *gort__malloc_aligned(size_t size) {
  char *block = gort_malloc(size + GORT_CACHELINE + sizeof(void *));
  if (!block) return NULL;
  uintptr_t start = (uintptr_t)block + sizeof(void *);
  char *aligned = block + sizeof(void *) +
                  (GORT_CACHELINE - start % GORT_CACHELINE) % GORT_CACHELINE;
  ((void **)(void *)aligned)[-1] = block;
  return aligned;
}

void gort__free_aligned(void *ptr) {
  if (ptr) gort_free(((void **)ptr)[-1]);
}
