/* duration.h - "1h2m3.5s" to seconds and back.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_LIB_DURATION_H
#define LGORT_LIB_DURATION_H

#include <stdbool.h>
#include <stddef.h>

/* False for nonsense; *out is untouched then. */
bool lgort_duration_parse(const char *text, double *out);
/* As Go prints durations: "1h2m3.5s", "250ms", "0s". size >= 64. */
void lgort_duration_format(double seconds, char *out, size_t size);

#endif
