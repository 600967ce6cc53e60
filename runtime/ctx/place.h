/* place.h - where contexts were made that nobody has ended: for debugging.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_CTX_PLACE_H
#define GORT_CTX_PLACE_H

#include "ctx/context.h"

/* ctx, which has a place, has ended; its lock is held. */
void gort__place_ended(gort_context *ctx);
/* The runtime is going. */
void gort__places_free(gort *rt);

#endif
