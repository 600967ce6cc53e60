/* text.c - a growing text for reports.
 *
 * SPDX-License-Identifier: MIT
 *
 * Out of memory is remembered, not reported at each step: a report is made
 * of many small pieces and is worth having only whole. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct gort_text {
  char *bytes;
  size_t len, room;
  bool failed;
};

gort_text *gort_text_new(void) {
  gort_text *t = gort_malloc(sizeof *t);
  if (t) memset(t, 0, sizeof *t);
  return t;
}

void gort_text_add(gort_text *t, const char *bytes, size_t len) {
  if (t->failed) return;
  if (t->room - t->len < len + 1) {
    size_t room = (t->len + len + 1) * 2;
    char *grown = gort_realloc(t->bytes, room);
    if (!grown) {
      t->failed = true;
      return;
    }
    t->bytes = grown;
    t->room = room;
  }
  memcpy(t->bytes + t->len, bytes, len);
  t->len += len;
  t->bytes[t->len] = '\0';
}

void gort__text_format(gort_text *t, const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n > 0)
    gort_text_add(t, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

char *gort_text_take(gort_text *t) {
  if (!t) return NULL;
  gort_text_add(t, "", 0); /* an empty text is "", not NULL */
  char *bytes = t->bytes;
  if (t->failed) {
    gort_free(bytes);
    bytes = NULL;
  }
  gort_free(t);
  return bytes;
}

size_t gort_text_len(const gort_text *t) { return t ? t->len : 0; }
