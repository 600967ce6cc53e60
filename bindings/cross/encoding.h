/* encoding.h - what the parts of the encoder share: an encoding under way, the
 * bytes and references it writes, what it has met, and how it fails.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariants (between objects):
 *   I1. objects[0 .. done) are written; the rest were announced .
 *   I2. every reference in refs is owned by the encoder until the message is
 *       built.
 * Everything here may raise for want of memory; the encoder owns what it
 *   holds then (encoder.h). */
#ifndef LGORT_CROSS_ENCODING_H
#define LGORT_CROSS_ENCODING_H

#include "cross/classes.h"
#include "cross/encoder.h"
#include "cross/message.h"

/* The parent of what a root or a global holds. */
#define LGORT_NO_PARENT UINT32_MAX

struct lgort_seen {
  const void *key;
  uint32_t number;  /* of an object, or of the function that has a cell */
  uint16_t upvalue; /* of a cell; or LGORT_SEEN_...: number is a reference */
  unsigned epoch;
};

enum { LGORT_SEEN_CLASS = UINT16_MAX, LGORT_SEEN_TRANSFER = UINT16_MAX - 1 };

struct lgort_pending {
  lgort_code *code; /* functions */
  lgort_class *cls; /* owned: a new version that this bundle makes */
  size_t sizes_at;  /* other tables: where narr and nhash go */
  uint32_t parent;
  int stack; /* of a root; 0: in the queue */
};

/* A global that a function names; strings are borrowed from its code. */
struct lgort_env_name {
  lgort_global global;
  const lgort_code *code; /* that writes it, or the first to read it */
};

struct lgort_env_names {
  const void *env;
  int kind;
  bool custom; /* a table of the script's own, named _ENV */
  struct lgort_env_name *names;
  size_t n, room, written;
};

typedef struct lgort_encoding {
  lua_State *L;
  lgort_vm *vm;
  lgort_encoder *e;
  const lgort_subject *subject;
  int first;     /* the first root */
  int queue;     /* stack index of the table of objects; 0: not there yet */
  uint32_t here; /* the object being written */
  bool is_bundle;
  bool is_additions;
  bool again; /* a table turned out to be a class: start anew */
  struct lgort_encoding *outer; /* what it is encoded for, or NULL */
  int stands_for; /* stack index of what the roots make there, or 0 */
} lgort_encoding;

/* ---- encoder.c ---- */

/* Writes the value at idx (absolute). */
void lgort__put_value(lgort_encoding *x, int idx);
/* Notes that the other side needs this module. */
void lgort__need_module(lgort_encoding *x, const char *name);
/* Where the other side looks for modules. */
void lgort__put_paths(lgort_encoding *x);
/* Writes the table at idx by its name in a module or as the environment that it
 * is; false: it is neither. */
bool lgort__put_by_name(lgort_encoding *x, int idx);
/* Encodes the n values from x->first on; the encoder stays x->e until
 * lgort__encode_end. Returns owned. */
gort_buf *lgort__encode_message(lgort_encoding *x, int n);
void lgort__encode_end(lgort_encoding *x);

/* Its functions are for all tasks of a vm. */
static inline bool lgort__is_shared(const lgort_encoding *x) {
  return x->is_bundle || x->is_additions;
}

/* ---- captures.c: environments and what functions name in them ---- */

void lgort__put_env(lgort_encoding *x, int idx, int kind);
/* The function with this code uses the environment at idx. */
void lgort__capture_names(lgort_encoding *x, int idx, const lgort_code *code);
/* Writes the captured globals found so far; true if there were any. */
bool lgort__put_globals(lgort_encoding *x);

/* ---- bundles.c: classes ---- */

/* Writes the class at idx; info tells what this vm knows of it. */
void lgort__put_class(lgort_encoding *x, int idx, lgort_class_info *info);
/* Writes the metatable at idx. */
void lgort__put_metatable(lgort_encoding *x, int idx);
/* The bundle that was encoded is there: its classes have it. Takes a count;
 * raises on memory. */
void lgort__commit_bundle(lgort_encoding *x, gort_buf *bundle);
/* Is a table with this key and value (all absolute) a class? */
bool lgort__looks_like_class(lua_State *L, int table, int key, int value);
/* A field of a class, key and value absolute: the table of its methods belongs
 * to it and is a class, too. */
void lgort__adopt_index(lgort_encoding *x, int key, int value);
/* Adds the classes that the message's own need, in their latest versions. */
void lgort__put_needed_classes(lgort_encoding *x);
/* A call whose classes use the task's globals gives the task some. */
void lgort__share_globals(lgort_encoding *x);

/* What a nested message needs is needed by the outer one. */
void lgort__need_modules_of(lgort_encoding *x, gort_buf *message);

/* ---- transfer.c ---- */

/* Writes the userdata at idx (absolute). */
void lgort__put_transfer(lgort_encoding *x, int idx);

/* ---- additions.c ---- */

/* What the script added to the standard tables. */
void lgort__put_additions(lgort_encoding *x);
/* Pushes "string.trim" for the one that is the value at idx; or NULL. */
const char *lgort__addition_name(lgort_encoding *x, int idx);

/* ---- encoding.c ---- */

/* The encoder of the level that begins now: empty, busy, with its queue. */
lgort_encoder *lgort__encoding_begin(lua_State *L, lgort_vm *vm);
/* Begins anew on the same level. */
void lgort__encoding_restart(lgort_encoding *x);
/* An error is raised on purpose: the encoder is free for the next encoding,
 * which releases what is in it. */
void lgort__abandon(lgort_encoding *x);
_Noreturn void lgort__no_memory(lgort_encoding *x);

/* Room for n more bytes; where they go. Does not count them. */
char *lgort__reserve(lgort_encoding *x, size_t n);
void lgort__put_bytes(lgort_encoding *x, const void *s, size_t n);
void lgort__put_byte(lgort_encoding *x, int b);
void lgort__put_number(lgort_encoding *x, uint64_t n); /* varint */
void lgort__put_string(lgort_encoding *x, int tag, const char *s, size_t len);
/* The number of a new reference; takes ptr's count, also when it raises. */
uint32_t lgort__put_ref(lgort_encoding *x, int kind, void *ptr);
void lgort__drop_refs(lgort_encoder *e);

/* The entry of an address; *fresh tells whether it was just made. */
struct lgort_seen *lgort__see(lgort_encoding *x, const void *key, bool *fresh);
/* The same; NULL when it was not met. */
struct lgort_seen *lgort__find(lgort_encoding *x, const void *key);
/* Writes a reference to what was met. */
void lgort__put_seen(lgort_encoding *x, const struct lgort_seen *s);
/* Numbers the object at idx, which is to be written later. */
struct lgort_pending *lgort__announce(lgort_encoding *x, int idx);
/* Pushes the object with this number. */
void lgort__push_object(lgort_encoding *x, uint32_t number);
/* Raises "cannot send: value.items[3] is <what>" for the value at idx. */
_Noreturn void lgort__refuse(lgort_encoding *x, int idx, const char *what);

#endif
