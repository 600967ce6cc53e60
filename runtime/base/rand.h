/* rand.h - xorshift64*: fast, fair enough for select and stealing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_BASE_RAND_H
#define GORT_BASE_RAND_H

#include "base/defs.h"

typedef struct gort__rand {
  uint64_t state; /* never 0 */
} gort__rand;

static inline void gort__rand_init(gort__rand *r, uint64_t seed) {
  r->state = (seed * 0x9E3779B97F4A7C15u) | 1;
}

static inline uint32_t gort__rand_next(gort__rand *r) {
  uint64_t x = r->state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  r->state = x;
  return (uint32_t)((x * 0x2545F4914F6CDD1Du) >> 32);
}

/* Uniform in 0 .. n-1 (the bias is below n / 2^32). */
static inline uint32_t gort__rand_below(gort__rand *r, uint32_t n) {
  return (uint32_t)(((uint64_t)gort__rand_next(r) * n) >> 32);
}

#endif
