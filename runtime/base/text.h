/* text.h - see gort_text in gort.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_BASE_TEXT_H
#define GORT_BASE_TEXT_H

#include "base/defs.h"

/* Adds a formatted piece, cut after 511 bytes. */
void gort__text_format(gort_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
