/* failing.h - an allocator that fails when told to, and counts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FAILING_H
#define TESTS_SUPPORT_FAILING_H

/* Replaces the allocator; before anything else. */
void failing_install(void);
/* The n-th allocation from now fails (1: the next), once; 0: none does. */
void failing_at(long n);
/* Every allocation from the n-th on fails; 0: none does. */
void failing_from(long n);
/* Whether the failure asked for has happened. */
int failing_happened(void);
/* Blocks allocated and not freed. */
long failing_live(void);

#endif
