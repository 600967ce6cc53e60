/* decoding.h - what the parts of the decoder share: a decoding under way, and
 * what is read of its message.
 *
 * SPDX-License-Identifier: MIT
 *
 * Every read is checked against the bytes that are left, every number against
 * what it counts: a message that is not well formed raises an error.
 * Everything here may raise. */
#ifndef LGORT_CROSS_DECODING_H
#define LGORT_CROSS_DECODING_H

#include "cross/classes.h"
#include "cross/decoder.h"
#include "cross/message.h"

typedef struct lgort_decoding {
  lua_State *L;
  lgort_vm *vm;
  const lgort_message *m;
  gort_buf *bundle; /* what m is in, when it is a bundle; else NULL */
  const char *at, *end;
  /* Stack index of the table of objects: by number from 1; classes that are
   * references by -1 - reference. */
  int objects;
  int later; /* the same of a bundle's table of what is set at its end */
  int envs;  /* stack index of the first environment */
  uint32_t nobjects, done;
} lgort_decoding;

/* ---- decoding.c ---- */

_Noreturn void lgort__malformed(lgort_decoding *d);
/* Remembers the object on top of the stack under the next number. */
void lgort__remember(lgort_decoding *d);
/* Pushes the roots of the message in b and returns how many. */
int lgort__decode_message(lua_State *L, lgort_vm *vm, gort_buf *b);
/* The vm looks for modules where the message's sender does. */
void lgort__use_paths_of(lua_State *L, const lgort_message *m);

/* ---- unbundling.c: classes ---- */

/* All classes that the message refers to are there before its values are. */
void lgort__fetch_classes(lgort_decoding *d);
/* A reference to a class. */
void lgort__push_class(lgort_decoding *d);
/* A class of the bundle: a table, to be filled unless this vm's one is as new.
 * Its version is noted for the end. */
void lgort__push_new_class(lgort_decoding *d);
/* Everything is there: metatables (with their __gc), and the classes may be
 * found. */
void lgort__end_bundle(lgort_decoding *d);

/* ---- reading ---- */

static inline const char *lgort__get_bytes(lgort_decoding *d, size_t n) {
  if ((size_t)(d->end - d->at) < n) lgort__malformed(d);
  const char *s = d->at;
  d->at += n;
  return s;
}

static inline int lgort__get_byte(lgort_decoding *d) {
  return (unsigned char)*lgort__get_bytes(d, 1);
}

static inline uint64_t lgort__get_number(lgort_decoding *d) {
  uint64_t n = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    int b = lgort__get_byte(d);
    n |= (uint64_t)(b & 0x7F) << shift;
    if (!(b & 0x80)) return n;
  }
  lgort__malformed(d);
}

static inline const lgort_ref *lgort__get_ref(lgort_decoding *d, int kind) {
  uint64_t n = lgort__get_number(d);
  if (n >= d->m->nrefs || d->m->refs[n].kind != kind) lgort__malformed(d);
  return &d->m->refs[n];
}

#endif
