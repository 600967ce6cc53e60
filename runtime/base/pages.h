/* pages.h - blocks so large that they are pages of their own.
 *
 * SPDX-License-Identifier: MIT
 *
 * They come from the system and go back at once, on whichever thread: an
 * allocator would keep them for the thread that made them. Growing one moves
 * no bytes. Sizes are bytes, and what a block has had must be told again. */
#ifndef GORT_BASE_PAGES_H
#define GORT_BASE_PAGES_H

#include "base/defs.h"

/* Zeroed, NULL without memory. Reserved ones take memory where they are used;
 * the others at once, which is faster for what will be used as a whole. */
void *gort__pages_reserve(size_t size);
void *gort__pages_get(size_t size);
/* NULL without memory: the block stays as it was. */
void *gort__pages_resize(void *block, size_t old, size_t size);
void gort__pages_give(void *block, size_t size);

#endif
