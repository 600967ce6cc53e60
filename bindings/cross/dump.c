/* SPDX-License-Identifier: MIT */
/* dump.c - reader of the bytes that lua_dump writes. See dump.h.
 *
 * The cursor keeps the first error and then reads nothing but zeros, so a
 * sequence of reads is checked once at its end. A loop over a count that came
 * from the dump is safe because read_count has compared it with the bytes
 * left; each loop also stops at an error, to fail early.
 * An array is allocated right before its elements are read, and a nested
 * function when it is reached: a lying count can't buy more memory than a
 * small multiple of the bytes behind it. */
#include "cross/dump.h"

#include <limits.h>
#include <lua.h>

#include "gort.h"

/* Type tags of constants: type in the low four bits, variant above. */
enum {
  TAG_NIL = 0x00,
  TAG_FALSE = 0x01,
  TAG_TRUE = 0x11,
  TAG_INTEGER = 0x03,
  TAG_FLOAT = 0x13,
  TAG_SHORT_STRING = 0x04,
  TAG_LONG_STRING = 0x14,
};

enum { INS_SIZE = 4, MAX_UPVALUES = 255, BLOCK_SIZE = 4096 };

typedef struct lgort__block {
  struct lgort__block *next;
  size_t used, size;
  max_align_t data[];
} block;

typedef struct cursor {
  const uint8_t *p, *end;
  lgort__dump *dump;
  int err;
} cursor;

static void fail(cursor *c, int err) {
  if (c->err == 0) c->err = err;
  c->p = c->end;
}

/* Zeroed memory that lives as long as the dump; NULL after a failure. */
static void *arena_alloc(cursor *c, size_t count, size_t size) {
  if (c->err != 0) return NULL;
  if (count > (SIZE_MAX / 2 - sizeof(block)) / size) {
    fail(c, GORT_ENOMEM);
    return NULL;
  }
  size_t need = count * size;
  need += (0 - need) & (sizeof(max_align_t) - 1);
  block *b = c->dump->blocks;
  if (b == NULL || b->size - b->used < need) {
    size_t room = need > BLOCK_SIZE ? need : BLOCK_SIZE;
    b = gort_malloc(sizeof *b + room);
    if (b == NULL) {
      fail(c, GORT_ENOMEM);
      return NULL;
    }
    b->next = c->dump->blocks;
    b->used = 0;
    b->size = room;
    c->dump->blocks = b;
  }
  void *mem = (char *)b->data + b->used;
  b->used += need;
  memset(mem, 0, need);
  return mem;
}

static size_t left(const cursor *c) { return (size_t)(c->end - c->p); }

static const uint8_t *read_bytes(cursor *c, size_t n) {
  if (c->err != 0 || n > left(c)) {
    fail(c, GORT_EINVAL);
    return NULL;
  }
  const uint8_t *p = c->p;
  c->p += n;
  return p;
}

static unsigned read_byte(cursor *c) {
  const uint8_t *p = read_bytes(c, 1);
  return p != NULL ? *p : 0;
}

/* Seven bits a byte, high ones first; the last byte has its top bit set. */
static size_t read_size(cursor *c, size_t limit) {
  size_t n = 0;
  for (;;) {
    const uint8_t *p = read_bytes(c, 1);
    if (p == NULL) return 0;
    if (n > limit >> 7) break;
    n = n << 7 | (*p & 0x7f);
    if (n > limit) break;
    if (*p & 0x80) return n;
  }
  fail(c, GORT_EINVAL);
  return 0;
}

static int read_int(cursor *c) { return (int)read_size(c, INT_MAX); }

/* A count of things of which each takes at least min bytes. */
static size_t read_count(cursor *c, size_t min) {
  size_t n = read_size(c, INT_MAX);
  if (n > left(c) / min) {
    fail(c, GORT_EINVAL);
    return 0;
  }
  return n;
}

static lgort__str read_string(cursor *c) {
  lgort__str s = {NULL, 0};
  size_t size = read_size(c, SIZE_MAX);
  if (size == 0) return s; /* no string; its size is counted from 1 */
  const uint8_t *p = read_bytes(c, size - 1);
  if (p == NULL) return s;
  s.s = (const char *)p;
  s.len = size - 1;
  return s;
}

static void read_header(cursor *c) {
  static const char start[] =
      LUA_SIGNATURE "\x54" /* version */ "\0" /* format */ "\x19\x93\r\n\x1a\n";
  lua_Integer want_int = 0x5678, is_int;
  lua_Number want_num = 370.5, is_num;
  const uint8_t *p = read_bytes(c, sizeof start - 1);
  if (p == NULL || memcmp(p, start, sizeof start - 1) != 0) goto bad;
  if (read_byte(c) != INS_SIZE) goto bad;
  if (read_byte(c) != sizeof is_int) goto bad;
  if (read_byte(c) != sizeof is_num) goto bad;
  /* The two samples also tell the byte order. */
  p = read_bytes(c, sizeof is_int + sizeof is_num);
  if (p == NULL) goto bad;
  memcpy(&is_int, p, sizeof is_int);
  memcpy(&is_num, p + sizeof is_int, sizeof is_num);
  if (is_int != want_int || is_num != want_num) goto bad;
  return;
bad:
  fail(c, GORT_EINVAL);
}

static void read_constants(cursor *c, lgort__proto *f) {
  size_t n = read_count(c, 1);
  f->consts = arena_alloc(c, n, sizeof *f->consts);
  for (size_t i = 0; i < n && c->err == 0; i++) {
    switch (read_byte(c)) {
      case TAG_NIL:
      case TAG_FALSE:
      case TAG_TRUE:
        break;
      case TAG_INTEGER:
        read_bytes(c, sizeof(lua_Integer));
        break;
      case TAG_FLOAT:
        read_bytes(c, sizeof(lua_Number));
        break;
      case TAG_SHORT_STRING:
      case TAG_LONG_STRING:
        f->consts[i] = read_string(c);
        if (f->consts[i].s == NULL) fail(c, GORT_EINVAL);
        break;
      default:
        fail(c, GORT_EINVAL);
    }
  }
  f->nconsts = n;
}

/* parent is NULL for the dumped function itself: what its descriptors point
 * into was not dumped. */
static void read_upvalues(cursor *c, lgort__proto *f,
                          const lgort__proto *parent) {
  f->nups = read_count(c, LGORT__UPDESC_SIZE);
  if (f->nups > MAX_UPVALUES) fail(c, GORT_EINVAL);
  f->updescs = read_bytes(c, f->nups * LGORT__UPDESC_SIZE);
  if (c->err != 0 || parent == NULL) return;
  for (size_t i = 0; i < f->nups; i++) {
    const uint8_t *desc = f->updescs + i * LGORT__UPDESC_SIZE;
    size_t limit = desc[0] ? parent->maxstack : parent->nups;
    if (desc[1] >= limit) fail(c, GORT_EINVAL);
  }
}

static void read_debug(cursor *c, lgort__proto *f) {
  f->nlines = read_count(c, 1);
  if (f->nlines != 0 && f->nlines != f->ncode) fail(c, GORT_EINVAL);
  f->lines = (const int8_t *)read_bytes(c, f->nlines);

  f->nabslines = read_count(c, 2);
  f->abslines = arena_alloc(c, f->nabslines, sizeof *f->abslines);
  for (size_t i = 0; i < f->nabslines && c->err == 0; i++) {
    f->abslines[i].pc = read_int(c);
    f->abslines[i].line = read_int(c);
  }

  f->nlocals = read_count(c, 3);
  f->locals = arena_alloc(c, f->nlocals, sizeof *f->locals);
  for (size_t i = 0; i < f->nlocals && c->err == 0; i++) {
    read_string(c);
    f->locals[i].startpc = read_int(c);
    f->locals[i].endpc = read_int(c);
  }

  size_t nnames = read_count(c, 1);
  if (nnames == 0) return;
  if (nnames != f->nups) fail(c, GORT_EINVAL);
  f->upnames = arena_alloc(c, nnames, sizeof *f->upnames);
  for (size_t i = 0; i < nnames && c->err == 0; i++)
    f->upnames[i] = read_string(c);
}

/* Recursive; depth is bounded, a frame is small. */
static void read_function(cursor *c, lgort__proto *f,
                          const lgort__proto *parent, int depth) {
  if (depth > LGORT__DUMP_MAXNEST) fail(c, GORT_EINVAL);
  f->source = read_string(c);
  f->source_end = c->p;
  f->linedefined = read_int(c);
  f->lastlinedefined = read_int(c);
  f->nparams = read_byte(c);
  f->is_vararg = read_byte(c) != 0;
  f->maxstack = read_byte(c);
  f->ncode = read_count(c, INS_SIZE);
  if (f->ncode == 0) fail(c, GORT_EINVAL);
  f->code = read_bytes(c, f->ncode * INS_SIZE);
  read_constants(c, f);
  read_upvalues(c, f, parent);

  f->nchildren = read_count(c, 1);
  lgort__proto **tail = &f->children;
  for (size_t i = 0; i < f->nchildren && c->err == 0; i++) {
    lgort__proto *child = arena_alloc(c, 1, sizeof *child);
    if (child == NULL) return;
    *tail = child;
    tail = &child->next;
    read_function(c, child, f, depth + 1);
  }
  if (c->err == 0) read_debug(c, f);
}

int lgort__dump_parse(const void *bytes, size_t len, lgort__dump **out) {
  if (bytes == NULL) return GORT_EINVAL;
  lgort__dump *d = gort_malloc(sizeof *d);
  if (d == NULL) return GORT_ENOMEM;
  *d = (lgort__dump){.bytes = bytes, .len = len};
  cursor c = {.p = d->bytes, .end = d->bytes + len, .dump = d};
  read_header(&c);
  d->header_len = (size_t)(c.p - d->bytes);
  size_t nups = read_byte(&c);
  d->main = arena_alloc(&c, 1, sizeof *d->main);
  if (d->main != NULL) {
    read_function(&c, d->main, NULL, 1);
    if (d->main->nups != nups || c.p != c.end) fail(&c, GORT_EINVAL);
  }
  if (c.err != 0) {
    lgort__dump_free(d);
    return c.err;
  }
  *out = d;
  return 0;
}

void lgort__dump_free(lgort__dump *d) {
  if (d == NULL) return;
  for (block *b = d->blocks; b != NULL;) {
    block *next = b->next;
    gort_free(b);
    b = next;
  }
  gort_free(d);
}
