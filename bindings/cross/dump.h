/* SPDX-License-Identifier: MIT */
/* dump.h - reader of the bytes that lua_dump writes (Lua 5.4).
 *
 * A dump is parsed once into a tree of functions. The reader runs nothing and
 * trusts nothing: each length is checked against the bytes that are left,
 * nesting is bounded, and memory stays proportional to the dump.
 *
 * Invariants (of a tree that was handed out):
 *   I1. Every pointer with a length beside it is valid for that length.
 *   I2. nups <= 255 and the upvalue descriptors of a nested function name
 *       an upvalue or a register that its parent has.
 *   I3. nlines is 0 or ncode; upnames is NULL or has nups elements.
 *   Instructions are not checked: who follows an operand checks it.
 * Ownership: the dump owns the tree; the tree borrows the parsed bytes (code,
 *   strings), which must outlive it.
 * Threads: none of its own; a tree is read-only once parsed. */
#ifndef LGORT_CROSS_DUMP_H
#define LGORT_CROSS_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Nesting of functions; Lua's own compiler stops at 200 C levels. */
enum { LGORT__DUMP_MAXNEST = 200 };

/* Bytes of an upvalue descriptor: instack, index, kind. */
enum { LGORT__UPDESC_SIZE = 3 };

/* The opcodes of Lua 5.4 that are looked at here. No public header has them;
 * tests/test_dump.c pins them with code from the real compiler. */
enum lgort__op {
  LGORT__OP_LOADK = 3,     /* A Bx   R[A] = K[Bx] */
  LGORT__OP_LOADKX = 4,    /* A      R[A] = K[Ax of the next one] */
  LGORT__OP_GETUPVAL = 9,  /* A B    R[A] = U[B] */
  LGORT__OP_SETUPVAL = 10, /* A B    U[B] = R[A] */
  LGORT__OP_GETTABUP = 11, /* A B C  R[A] = U[B][K[C]] */
  LGORT__OP_GETTABLE = 12, /* A B C  R[A] = R[B][R[C]] */
  LGORT__OP_GETFIELD = 14, /* A B C  R[A] = R[B][K[C]] */
  LGORT__OP_SETTABUP = 15, /* A B C  U[A][K[B]] = RK(C) */
  LGORT__OP_SETTABLE = 16, /* A B C  R[A][R[B]] = RK(C) */
  LGORT__OP_SETI = 17,     /* A B C  R[A][B] = RK(C) */
  LGORT__OP_SETFIELD = 18, /* A B C  R[A][K[B]] = RK(C) */
  LGORT__OP_SELF = 20,     /* A B C  R[A+1] = R[B]; R[A] = R[B][RK(C)] */
  LGORT__OP_MMBIN = 46,    /* first of three metamethod fallbacks */
  LGORT__OP_MMBINK = 48,   /* last of them */
  LGORT__OP_CLOSE = 54,
  LGORT__OP_TBC = 55,
  LGORT__OP_JMP = 56,      /* sJ     pc += sJ */
  LGORT__OP_EQ = 57,       /* A B    first of the two-register comparisons */
  LGORT__OP_LE = 59,       /* A B    last of them */
  LGORT__OP_TEST = 66,     /* A      last of the tests that write nothing */
  LGORT__OP_RETURN = 70,   /* A B C  return R[A], ... R[A+B-2]; k: close */
  LGORT__OP_RETURN1 = 72,  /* A      return R[A], nothing to close */
  LGORT__OP_FORLOOP = 73,  /* first of the loop instructions */
  LGORT__OP_TFORLOOP = 77, /* last of them */
  LGORT__OP_CLOSURE = 79,  /* A Bx   R[A] = closure(P[Bx]) */
  LGORT__OP_EXTRAARG = 82, /* Ax     argument of the one before */
};

/* Fields of an instruction, from the low end: op 7 bits, A 8, k 1, B 8, C 8;
 * Bx is k, B and C together; Ax and sJ are all but op, sJ in excess form. */
static inline unsigned lgort__ins_op(uint32_t i) { return i & 0x7f; }
static inline unsigned lgort__ins_a(uint32_t i) { return (i >> 7) & 0xff; }
static inline unsigned lgort__ins_k(uint32_t i) { return (i >> 15) & 1; }
static inline unsigned lgort__ins_b(uint32_t i) { return (i >> 16) & 0xff; }
static inline unsigned lgort__ins_c(uint32_t i) { return i >> 24; }
static inline uint32_t lgort__ins_bx(uint32_t i) { return i >> 15; }
static inline uint32_t lgort__ins_ax(uint32_t i) { return i >> 7; }
static inline int lgort__ins_sj(uint32_t i) {
  return (int)(i >> 7) - ((1 << 24) - 1);
}

/* Bytes with a length; s is NULL where there is no string. */
typedef struct lgort__str {
  const char *s;
  size_t len;
} lgort__str;

typedef struct lgort__absline {
  int pc, line;
} lgort__absline;

/* A local variable is alive in [startpc, endpc). */
typedef struct lgort__local {
  int startpc, endpc;
} lgort__local;

typedef struct lgort__proto lgort__proto;
struct lgort__proto {
  lgort__proto *children, *next; /* in the order of OP_CLOSURE's index */
  size_t nchildren;
  lgort__str source;         /* none: as the parent's, or stripped */
  const uint8_t *source_end; /* first byte after the source string */
  int linedefined, lastlinedefined;
  unsigned nparams, maxstack;
  bool is_vararg;
  const uint8_t *code; /* unaligned: see lgort__proto_ins */
  size_t ncode;
  lgort__str *consts; /* none for what is not a string */
  size_t nconsts;
  const uint8_t *updescs;
  size_t nups;
  lgort__str *upnames;
  const int8_t *lines; /* differences from one instruction to the next */
  size_t nlines;
  lgort__absline *abslines;
  size_t nabslines;
  lgort__local *locals;
  size_t nlocals;
};

typedef struct lgort__dump {
  struct lgort__block *blocks; /* owns; holds the tree */
  const uint8_t *bytes;        /* borrows */
  size_t len;
  size_t header_len; /* up to the byte that counts upvalues, not included */
  lgort__proto *main;
} lgort__dump;

/* Parses a whole dump. On success *out is owned by the caller and borrows
 * bytes. Returns 0, GORT_EINVAL (not a well-formed dump of this Lua) or
 * GORT_ENOMEM. */
int lgort__dump_parse(const void *bytes, size_t len, lgort__dump **out);

/* Frees a tree; NULL is allowed. */
void lgort__dump_free(lgort__dump *d);

/* The instruction at pc, which must be below p->ncode. */
static inline uint32_t lgort__proto_ins(const lgort__proto *p, size_t pc) {
  uint32_t ins;
  memcpy(&ins, p->code + pc * sizeof ins, sizeof ins);
  return ins;
}

#endif
