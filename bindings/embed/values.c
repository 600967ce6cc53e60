/* values.c - tables and objects as values, for C code without Lua.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cross/decoder.h"
#include "cross/encoder.h"
#include "cross/flat.h"
#include "cross/message.h"
#include "cross/transfer.h"
#include "lgort.h"

static const lgort_subject subject = {"send", "value", false};

void lgort_to_value(lua_State *L, int idx, gort_value *out) {
  lgort_encode(L, lgort_vm_of(L), lua_absindex(L, idx), &subject, out);
}

void lgort_push_value(lua_State *L, gort_value *value) {
  lgort_decode(L, lgort_vm_of(L), value);
}

/* ---- objects ----------------------------------------------------------- */

static void object_drop(gort_buf *b) {
  lgort_packed *p = (lgort_packed *)(void *)gort_buf_bytes(b);
  p->how->drop(p->what);
}

int lgort_object(const lgort_transfer *how, void *packed, gort_value *out) {
  lgort_packed p = {.how = how, .what = packed};
  gort_buf *b = gort_buf_new(sizeof p, object_drop);
  if (!b) return GORT_ENOMEM;
  memcpy(gort_buf_bytes(b), &p, sizeof p);
  *out = (gort_value){.type = GORT_DATA, .kind = LGORT_KIND_OBJECT, .u.buf = b};
  return 0;
}

/* The number of the reference that is all of a message, or -1. */
static int64_t sole_reference(const lgort_message *m, const char *at,
                              const char *end) {
  if (m->nroots != 1 || end - at < 3 || at[0] != LGORT_T_ROOTS ||
      at[1] != LGORT_T_TRANSFER)
    return -1;
  int64_t n = 0;
  int shift = 0;
  for (at += 2; at < end && shift < 28; shift += 7, at++) {
    n |= (int64_t)(*at & 0x7F) << shift;
    if (!(*at & 0x80)) return n < m->nrefs ? n : -1;
  }
  return -1;
}

void *lgort_object_of(const gort_value *value, const lgort_transfer *how) {
  if (value->type != GORT_DATA) return NULL;
  char *bytes = gort_buf_bytes(value->u.buf);
  const lgort_packed *p = NULL;
  if (value->kind == LGORT_KIND_OBJECT) {
    p = (const lgort_packed *)(void *)bytes;
  } else if (value->kind == LGORT_KIND_MESSAGE) {
    const lgort_message *m = (const lgort_message *)(void *)bytes;
    int64_t n = sole_reference(m, (const char *)&m->refs[m->nrefs],
                               bytes + gort_buf_len(value->u.buf));
    if (n >= 0 && m->refs[n].kind == LGORT_REF_TRANSFER) p = m->refs[n].ptr;
  }
  return p && p->how == how ? p->what : NULL;
}
