/* value.c - values, the buffers they point to, and counted objects.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/object.h"

struct gort_buf {
  atomic_uint refs; /* as gort_object.refs */
  void (*drop)(gort_buf *);
  size_t len;
  _Alignas(16) char bytes[];
};

void gort_object_retain_many(gort_object *o, unsigned n) {
  atomic_fetch_add_explicit(&o->refs, n, memory_order_relaxed);
}

void gort_object_release_many(gort_object *o, unsigned n) {
  unsigned before =
      atomic_fetch_sub_explicit(&o->refs, n, memory_order_acq_rel);
  GORT_ASSERT(before >= n);
  if (before == n) o->cls->destroy(o);
}

void gort_object_retain(gort_object *o) { gort_object_retain_many(o, 1); }

void gort_object_release(gort_object *o) { gort_object_release_many(o, 1); }

const gort_class *gort_object_class(const gort_object *o) { return o->cls; }

gort_buf *gort_buf_new(size_t len, void (*drop)(gort_buf *)) {
  if (len > SIZE_MAX / 2) return NULL;
  gort_buf *b = gort_malloc(sizeof *b + len);
  if (!b) return NULL;
  atomic_init(&b->refs, 1);
  b->drop = drop;
  b->len = len;
  return b;
}

void gort_buf_retain(gort_buf *b) {
  atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void gort_buf_retain_many(gort_buf *b, unsigned n) {
  atomic_fetch_add_explicit(&b->refs, n, memory_order_relaxed);
}

static void buf_free(gort_buf *b) {
  if (b->drop) b->drop(b);
  gort_free(b);
}

void gort_buf_release_many(gort_buf *b, unsigned n) {
  if (atomic_fetch_sub_explicit(&b->refs, n, memory_order_acq_rel) == n)
    buf_free(b);
}

bool gort_buf_is_shared(const gort_buf *b) {
  return atomic_load_explicit(&b->refs, memory_order_relaxed) != 1;
}

void gort_buf_release(gort_buf *b) {
  /* The common case, a sole owner, needs no locked instruction: nobody else
   * can retain what only this caller holds. */
  if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1 &&
      atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
    return;
  buf_free(b);
}

char *gort_buf_bytes(gort_buf *b) { return b->bytes; }

size_t gort_buf_len(const gort_buf *b) { return b->len; }

void gort_value_drop(gort_value *v) {
  if (v->type == GORT_OBJECT)
    gort_object_release(v->u.obj);
  else if (v->type == GORT_STRING || v->type == GORT_DATA)
    gort_buf_release(v->u.buf);
  v->type = GORT_NIL;
}

gort_value gort_value_copy(const gort_value *v) {
  if (v->type == GORT_OBJECT)
    gort_object_retain(v->u.obj);
  else if (v->type == GORT_STRING || v->type == GORT_DATA)
    gort_buf_retain(v->u.buf);
  return *v;
}

bool gort__float_to_integer(double n, int64_t *i) {
  static const double limit = 9223372036854775808.0; /* 2^63 */
  if (!(n >= -limit && n < limit)) return false;
  *i = (int64_t)n;
  return (double)*i == n;
}

/* A float is equal to the integer of the same mathematical value. */
static bool float_is(double n, int64_t i) {
  int64_t same;
  return gort__float_to_integer(n, &same) && same == i;
}

bool gort_value_equal(const gort_value *a, const gort_value *b) {
  if (a->type == GORT_FLOAT && b->type == GORT_INTEGER)
    return float_is(a->u.n, b->u.i);
  if (a->type == GORT_INTEGER && b->type == GORT_FLOAT)
    return float_is(b->u.n, a->u.i);
  if (a->type != b->type || a->kind != b->kind) return false;
  switch (a->type) {
    case GORT_NIL:
      return true;
    case GORT_BOOLEAN:
      return a->u.b == b->u.b;
    case GORT_INTEGER:
      return a->u.i == b->u.i;
    case GORT_FLOAT:
      return a->u.n == b->u.n;
    case GORT_POINTER:
      return a->u.p == b->u.p;
    case GORT_OBJECT:
      return a->u.obj == b->u.obj;
    case GORT_STRING:
      return a->u.buf->len == b->u.buf->len &&
             memcmp(a->u.buf->bytes, b->u.buf->bytes, a->u.buf->len) == 0;
    default:
      return false;
  }
}

int gort_string(const char *bytes, size_t len, gort_value *out) {
  gort_buf *b = gort_buf_new(len, NULL);
  if (!b) return GORT_ENOMEM;
  memcpy(b->bytes, bytes, len);
  *out = (gort_value){.type = GORT_STRING, .u.buf = b};
  return 0;
}

gort_value gort_handle(void *object) {
  gort_object_retain(object);
  return (gort_value){.type = GORT_OBJECT, .u.obj = object};
}
