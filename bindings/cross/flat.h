/* flat.h - small records on the short way: tables of scalars and strings.
 *
 * SPDX-License-Identifier: MIT
 *
 * Most of what programs send. Such a table needs none of the bookkeeping of a
 * message: nothing in it can be shared, cyclic, or known by name.
 *
 * The form: the head, narr values for the keys 1..narr, nhash pairs. A value is
 * a tag and, after it, eight bytes or a string's length (one byte; four when it
 * is long, which only C code makes) and bytes. A key may be KEY and a number in
 * two bytes (keys.h). Read only in the process that wrote it. */
#ifndef LGORT_CROSS_FLAT_H
#define LGORT_CROSS_FLAT_H

#include <string.h>

#include "vm/vm.h"

/* What is in a GORT_DATA value. */
enum { LGORT_KIND_MESSAGE, LGORT_KIND_FLAT, LGORT_KIND_OBJECT };

enum lgort_flat_tag {
  LGORT_FLAT_FALSE,
  LGORT_FLAT_TRUE,
  LGORT_FLAT_INT,
  LGORT_FLAT_FLOAT,
  LGORT_FLAT_STRING,
  LGORT_FLAT_LONG,
  LGORT_FLAT_KEY
};

typedef struct lgort_flat {
  uint16_t narr, nhash;
} lgort_flat;

/* Of the long string at at. */
static inline uint32_t lgort_flat_length(const char *at) {
  uint32_t len;
  memcpy(&len, at + 1, sizeof len);
  return len;
}

/* The number of the KEY at at. */
static inline unsigned lgort_flat_number(const char *at) {
  uint16_t number;
  memcpy(&number, at + 1, sizeof number);
  return number;
}

/* Encodes the table at idx; false, and nothing was done, when it is not flat
 * or not small, or memory is out. Runs no Lua code. */
bool lgort_encode_flat(lua_State *L, lgort_vm *vm, int idx, gort_value *out);
/* Pushes the table. Raises on memory. */
void lgort_decode_flat(lua_State *L, lgort_vm *vm, gort_buf *b);

#endif
