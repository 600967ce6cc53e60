/* stress.c - see stress.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/stress.h"

#include <stdlib.h>

#include "support/steps.h"

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

void stress_take_rest(gort_chan **chans, int n, atomic_uchar *arrived) {
  for (int i = 0; i < n; i++) {
    gort_result res = {0};
    gort_value v = {.type = GORT_NIL};
    while (gort_wait_try(source_of(chans[i]), GORT_RECV, &v, &res) && res.ok)
      atomic_fetch_add(&arrived[res.value.u.i], 1);
    release(chans[i]);
  }
}
