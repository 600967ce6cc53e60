/* err.c - error texts and the end of the road for broken invariants.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/defs.h"

_Static_assert((int)GORT_ENOMEM == (int)UV_ENOMEM,
               "gort.h repeats libuv's codes");
_Static_assert((int)GORT_EINVAL == (int)UV_EINVAL,
               "gort.h repeats libuv's codes");

const char *gort_strerror(int code) {
  switch (code) {
#define GORT_ERROR_TEXT(name, code, text) \
  case GORT_##name:                       \
    return text;
    GORT_ERRORS(GORT_ERROR_TEXT)
#undef GORT_ERROR_TEXT
    default:
      break;
  }
  static _Thread_local char text[80];
  return code >= 0 ? "no error" : uv_strerror_r(code, text, sizeof text);
}

void gort__broken(const char *what, const char *file, int line) {
  fprintf(stderr, "gort: broken invariant: %s (%s:%d)\n", what, file, line);
  fflush(stderr);
  abort();
}
