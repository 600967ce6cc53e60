/* stress.c - see stress.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/stress.h"

#include <stdlib.h>

#include "gort.h"

int stress_wrong;

uint64_t stress_begin(int quick, int *runs) {
  const char *text = getenv("GORT_STRESS_SEED");
  uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)gort_now();
  printf("seed %" PRIu64 "\n", seed);
  fflush(stdout);
  text = getenv("GORT_STRESS_RUNS");
  *runs = text && atoi(text) > 0 ? atoi(text) : quick;
  return seed;
}
