/* special.h - which tables may cross by name or identity.
 *
 * SPDX-License-Identifier: MIT
 *
 * Modules, globals and classes are few, and are found in weak Lua tables.
 * Everybody else's table is told apart first by one bit of its address: clear
 * means that it is none of them, set that one has to look. Bits are never
 * cleared; a false alarm costs the look-up. */
#ifndef LGORT_CROSS_SPECIAL_H
#define LGORT_CROSS_SPECIAL_H

#include <stdbool.h>
#include <stdint.h>

enum { LGORT_SPECIAL_BITS = 1 << 15 };

typedef struct lgort_special {
  uint64_t bits[LGORT_SPECIAL_BITS / 64];
} lgort_special;

static inline unsigned lgort__special_bit(const void *p) {
  return (unsigned)(((uint64_t)(uintptr_t)p * 0x9E3779B97F4A7C15u) >> 49);
}

static inline void lgort_special_add(lgort_special *s, const void *p) {
  unsigned bit = lgort__special_bit(p);
  s->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static inline bool lgort_special_has(const lgort_special *s, const void *p) {
  unsigned bit = lgort__special_bit(p);
  return s->bits[bit / 64] >> bit % 64 & 1;
}

#endif
