/* check.h - cmocka with the headers it wants.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

/* GORT_TEST=pattern runs the tests whose names match, all by default. */
#define RUN_GROUP(tests)                                             \
  (getenv("GORT_TEST") ? cmocka_set_test_filter(getenv("GORT_TEST")) \
                       : (void)0,                                    \
   cmocka_run_group_tests(tests, NULL, NULL))

#endif
