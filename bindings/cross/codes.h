/* codes.h - the code of functions that cross, known to all vms by number.
 *
 * SPDX-License-Identifier: MIT
 *
 * A code is the dump of one prototype with what was found out about it. It is
 * interned by content in the host's table: the same function captured in two
 * vms, or twice in one, is the same code. Each vm remembers the codes of its
 * own functions (protos.h).
 *
 * Ownership: codes are counted. Counts are held by the protos of vms, by
 *   messages and records, and by purses; the table holds none. A code whose
 *   last count goes leaves the table, so that code that is made again and
 *   again does not pile up.
 * Locking: the table's mutex; a code is immutable once it is in the table but
 *   for its count, which goes from 1 to 0 only under the mutex. */
#ifndef LGORT_CROSS_CODES_H
#define LGORT_CROSS_CODES_H

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "cross/analysis.h"
#include "cross/layout.h"

struct lgort_vm;

typedef struct lgort_code {
  struct lgort_code *next; /* in its bucket */
  struct lgort_codes *table;
  uint64_t hash;
  atomic_uint refs; /* release on drop, acquire on the last */
  int64_t id;       /* from 1, never used again */
  int env_up;       /* the upvalue that is the globals table, -1: none */
  int needs_env;    /* enum lgort_env_kind that it needs at least */
  bool named;       /* all its upvalues have names, none but env_up's _ENV */
  bool reusable;    /* a closure of it is nobody's when its call has ended */
  int bad_up;       /* first captured variable that it assigns, -1: none */
  size_t len, factory_len;
  void *dump, *factory; /* owned */
  lgort_analysis *info; /* owned */
} lgort_code;

/* An interned string: a chunk's name in "created by". */
typedef struct lgort_chunkname {
  struct lgort_chunkname *next;
  char name[];
} lgort_chunkname;

enum { LGORT_CHUNKNAMES = 256 }; /* buckets */

typedef struct lgort_codes {
  uv_mutex_t mutex; /* guards all */
  lgort_code **bucket;
  size_t nbuckets, count;
  int64_t last_id;
  lgort_chunkname *sources[LGORT_CHUNKNAMES];
  size_t nsources;
  char **standard; /* owned, as the strings; set by the first vm (standard.h) */
  int nstandard, standard_room;
  lgort_layout layout; /* set by the first vm */
} lgort_codes;

int lgort_codes_init(lgort_codes *cs);
void lgort_codes_fini(lgort_codes *cs);

/* Counts of a code that a vm has in hand: a record takes its count from here
 * and gives it back where it starts, so that spawning one function a million
 * times does not make the vms fight for its counter. */
typedef struct lgort_purse {
  lgort_code *code; /* NULL: empty */
  unsigned n;
} lgort_purse;

enum { LGORT_PURSES = 4 }; /* of a vm, by the codes' ids */

void lgort_code_retain(lgort_code *code);
void lgort_code_release(lgort_code *code);
/* A count of code for a record, out of the vm's purse; and back. */
void lgort_code_take(struct lgort_vm *vm, lgort_code *code);
void lgort_code_give(struct lgort_vm *vm, lgort_code *code);
/* Puts the caller's count into the purse. */
void lgort_code_put(struct lgort_vm *vm, lgort_code *code);
void lgort_purse_fini(lgort_purse *p);

/* The code with this dump, interned; a count of its own. Or GORT_ENOMEM, or
 * GORT_EINVAL: too many captures. */
int lgort__codes_intern(lgort_codes *cs, const char *dump, size_t len,
                        int env_up, lgort_code **out);
/* The interned name of a chunk. */
const char *lgort__codes_source(lgort_codes *cs, const char *name);

#endif
