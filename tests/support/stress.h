/* stress.h - what every stress program does first.
 *
 * SPDX-License-Identifier: MIT
 *
 * GORT_STRESS_RUNS: how often to repeat (default: a quick form);
 * GORT_STRESS_SEED: the seed to use. */
#ifndef TESTS_SUPPORT_STRESS_H
#define TESTS_SUPPORT_STRESS_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rand.h"
#include "gort.h"

/* Prints and returns the seed; *runs: how often to repeat. */
uint64_t stress_begin(int quick, int *runs);

/* Counts the integers that are left in n channels, each in its own counter,
 * and releases the channels. */
void stress_take_rest(gort_chan **chans, int n, atomic_uchar *arrived);

/* Main thread only: counts and tells what is wrong. */
extern int stress_wrong;
#define EXPECT(cond, ...)                               \
  do {                                                  \
    if (!(cond)) {                                      \
      stress_wrong++;                                   \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #cond); \
      printf(__VA_ARGS__);                              \
      printf("\n");                                     \
      fflush(stdout);                                   \
    }                                                   \
  } while (0)

#endif
