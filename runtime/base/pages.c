/* pages.c - blocks from the system.
 *
 * SPDX-License-Identifier: MIT */
#include "base/pages.h"

#include <sys/mman.h>

static void *map(size_t size, int how) {
  enum { PROTECTION = PROT_READ | PROT_WRITE };
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | how;
  /* cppcheck-suppress invalidFunctionArg */
  void *p = mmap(NULL, size, PROTECTION, flags, -1, 0);
  /* cppcheck-suppress memleak */
  return p == MAP_FAILED ? NULL : p;
}

void *gort__pages_reserve(size_t size) { return map(size, 0); }

void *gort__pages_get(size_t size) { return map(size, MAP_POPULATE); }

void *gort__pages_resize(void *block, size_t old, size_t size) {
  char *p = mremap(block, old, size, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return NULL;
#ifdef MADV_POPULATE_WRITE
  uintptr_t end = ((uintptr_t)p + old + 4095) & ~(uintptr_t)4095;
  if (size > old && end < (uintptr_t)p + size)
    madvise((void *)end, (uintptr_t)p + size - end, MADV_POPULATE_WRITE);
#endif
  return p;
}

void gort__pages_give(void *block, size_t size) { munmap(block, size); }
