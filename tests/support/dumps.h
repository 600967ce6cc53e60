/* dumps.h - functions from the real compiler, and their dumps.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_DUMPS_H
#define TESTS_SUPPORT_DUMPS_H

#include <lauxlib.h>
#include <lua.h>

#include "support/check.h"

typedef struct bytes {
  char *p;
  size_t len, cap;
} bytes;

#define LONG_NAME "a_name_that_is_longer_than_the_forty_bytes_of_a_short_string"

/* The test's own, with the standard libraries. */
extern lua_State *L;
int dumps_setup(void **state);
int dumps_teardown(void **state);
#define DUMPS_TEST(name) \
  cmocka_unit_test_setup_teardown(name, dumps_setup, dumps_teardown)

/* Runs the chunk and leaves what it returns. */
void run(const char *code, const char *name);
/* Dumps the function on the top of the stack, which stays. */
bytes dump_top(int strip);
/* Index of the upvalue that holds the globals table, by value. */
int env_index(void);
/* `return function() return v1 + ... + vn end` over n integer locals. A
 * function can't have over 200 locals: they are spread over two levels. */
void push_sum_function(int n);

#endif
