/* SPDX-License-Identifier: MIT */
/* factory.c - splices a dumped function into a chunk that makes closures.
 *
 * The chunk's main function is written by hand, there is no template to
 * compile:
 *
 *   function (u0, ... un-1)      n fixed parameters: registers 0 .. n-1
 *     CLOSURE  R[n] P[0]         captures registers 0 .. n-1
 *     RETURN   R[n] 2 (k)        k: closes the captures, each gets its cell
 *
 * Fixed parameters spare the copying that a vararg function does; lua_load
 * takes such a main function like any other. It must have no upvalues:
 * lua_load writes the globals table into the first one.
 *
 * The dumped function is copied as it is but for two places: its upvalue
 * descriptors (now: register i of the main function) and its source string,
 * which moves to the main function; "none" in a nested function means "as the
 * parent", so one string serves both. */
#include "cross/factory.h"

#include "cross/dump.h"
#include "gort.h"

/* An integer below 128 in the dump's encoding: the last (here the only) byte
 * of an integer has its top bit set. */
#define INT(n) ((uint8_t)(0x80 | (n)))

static uint8_t *put(uint8_t *at, const void *bytes, size_t n) {
  memcpy(at, bytes, n);
  return at + n;
}

static uint8_t *put_main_start(uint8_t *at, unsigned n) {
  /* A function always has two stack slots or more. */
  unsigned maxstack = n + 1 < 2 ? 2 : n + 1;
  unsigned ret = n == 0 ? LGORT__OP_RETURN1 : LGORT__OP_RETURN;
  uint32_t close = n == 0 ? 0 : 1u << 15;
  uint32_t code[] = {
      (uint32_t)LGORT__OP_CLOSURE | n << 7,
      ret | n << 7 | close | 2u << 16,
  };
  uint8_t before[] = {
      INT(0), INT(0), (uint8_t)n, 0, (uint8_t)maxstack, INT(2),
  };
  uint8_t after[] = {
      INT(0), INT(0), INT(1), /* no constants, no upvalues, one function */
  };
  at = put(at, before, sizeof before); /* lines, parameters, code size */
  at = put(at, code, sizeof code);
  return put(at, after, sizeof after);
}

static uint8_t *put_updescs(uint8_t *at, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    uint8_t desc[LGORT__UPDESC_SIZE] = {1, (uint8_t)i, 0};
    at = put(at, desc, sizeof desc);
  }
  return at;
}

int lgort_factory_build(const void *dump, size_t len, void **out,
                        size_t *outlen) {
  lgort__dump *d;
  int err = lgort__dump_parse(dump, len, &d);
  if (err != 0) return err;
  const lgort__proto *f = d->main;
  const uint8_t *source = d->bytes + d->header_len + 1;
  const uint8_t *end = d->bytes + len;
  const uint8_t *ups_end = f->updescs + f->nups * LGORT__UPDESC_SIZE;
  enum { EXTRA = 64 }; /* more than what the main function takes */
  uint8_t *bytes = NULL;
  if (f->nups > LGORT_FACTORY_MAXUPS)
    err = GORT_EINVAL;
  else if ((bytes = gort_malloc(len + EXTRA)) == NULL)
    err = GORT_ENOMEM;
  if (err != 0) {
    lgort__dump_free(d);
    return err;
  }

  unsigned n = (unsigned)f->nups;
  uint8_t *at = put(bytes, d->bytes, d->header_len);
  *at++ = 0; /* upvalues of the main function */
  at = put(at, source, (size_t)(f->source_end - source));
  at = put_main_start(at, n);
  *at++ = INT(0); /* source of the nested function: as the parent's */
  at = put(at, f->source_end, (size_t)(f->updescs - f->source_end));
  at = put_updescs(at, n);
  at = put(at, ups_end, (size_t)(end - ups_end));
  /* No lines, absolute lines, locals and upvalue names of the main one. */
  at = put(at, (uint8_t[]){INT(0), INT(0), INT(0), INT(0)}, 4);

  lgort__dump_free(d);
  *out = bytes;
  *outlen = (size_t)(at - bytes);
  return 0;
}
