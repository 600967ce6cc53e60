/* failing.c - see failing.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/failing.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gort.h"

static atomic_long seen, fail_at, live;
static atomic_bool lasting, happened;

static bool fails(void) {
  long at = atomic_load(&fail_at), n = atomic_fetch_add(&seen, 1) + 1;
  bool yes = at && (n == at || (n > at && atomic_load(&lasting)));
  if (yes) atomic_store(&happened, true);
  return yes;
}

static void *failing_malloc(size_t size) {
  if (fails()) return NULL;
  atomic_fetch_add(&live, 1);
  return malloc(size);
}

static void *failing_realloc(void *ptr, size_t size) {
  if (fails()) return NULL;
  if (!ptr) atomic_fetch_add(&live, 1);
  return realloc(ptr, size);
}

static void failing_free(void *ptr) {
  if (ptr) atomic_fetch_sub(&live, 1);
  free(ptr);
}

void failing_install(void) {
  gort_set_allocator(failing_malloc, failing_realloc, failing_free);
}

static void set(long n, bool last) {
  atomic_store(&fail_at, 0);
  atomic_store(&seen, 0);
  atomic_store(&happened, false);
  atomic_store(&lasting, last);
  atomic_store(&fail_at, n);
}

void failing_at(long n) { set(n, false); }

void failing_from(long n) { set(n, true); }

int failing_happened(void) { return atomic_load(&happened); }

long failing_live(void) { return atomic_load(&live); }
