/* SPDX-License-Identifier: MIT */
/* factory.h - from the dump of a function to a chunk that makes closures.
 *
 * Undumping a function takes microseconds and gives one closure. A factory is
 * undumped once per VM; each call then binds the shared prototype to upvalues
 * of its own, in a few instructions.
 * Threads: no state; any thread may build. */
#ifndef LGORT_CROSS_FACTORY_H
#define LGORT_CROSS_FACTORY_H

#include <stddef.h>

/* Captures that fit into the registers of one call. */
enum { LGORT_FACTORY_MAXUPS = 250 };

/* Builds the factory of a function from what lua_dump wrote for it.
 *
 * *out is a binary chunk for luaL_loadbufferx(L, *out, *outlen, name, "b").
 * The function it loads has no upvalues. Called with the values of the n
 * upvalues of the dumped function, in their order (a missing one is nil, those
 * above n are ignored), it returns one new closure with n upvalues that it
 * shares with nobody. Source, lines and names are those of the dump.
 *
 * dump is only read during the call; *out is owned by the caller
 * (gort_free). Returns 0, GORT_EINVAL (malformed, or over
 * LGORT_FACTORY_MAXUPS upvalues) or GORT_ENOMEM; on failure *out and *outlen
 * are untouched. */
int lgort_factory_build(const void *dump, size_t len, void **out,
                        size_t *outlen);

#endif
