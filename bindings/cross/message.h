/* message.h - the form of an encoded value (GORT_DATA).
 *
 * SPDX-License-Identifier: MIT
 *
 * A buffer holds: the head, the references (counted objects and codes), and
 * a body of bytes. The body is a list of sections, each opened by a mark:
 *   ADDITION  what the script added to a standard table: table, key, value
 *   ROOTS   the root values
 *   BODY    the content of the next object, in the order of their numbers
 *   OBJECT  the same for a table with a metatable, which comes first
 *   GLOBAL  a captured global: number of its environment, name, value
 *   END
 * A table or function met for the first time is written as TABLE, FUNCTION or
 * NEWCLASS: that gives it the next number; met again it is REF number. So
 * nothing nests, and neither side needs a stack, however deep the value is.
 *
 * A class (classes.h) is CLASS reference. Its content is in another message,
 * its bundle, where it is NEWCLASS id version. A bundle names classes that it
 * does not make by their ids; whatever message refers to a class refers to
 * all those that its bundle names, too.
 *
 * Table body: narr, nhash (as in TABLE, where they size the table), narr values
 *   for 1..narr, nhash pairs.
 * Function body: for each upvalue ENV number, or JOIN function upvalue (it is
 *   shared with one written before), or a value. */
#ifndef LGORT_CROSS_MESSAGE_H
#define LGORT_CROSS_MESSAGE_H

#include "vm/vm.h"

enum lgort_tag {
  LGORT_T_NIL,
  LGORT_T_FALSE,
  LGORT_T_TRUE,
  LGORT_T_INT,      /* varint, zigzag */
  LGORT_T_FLOAT,    /* 8 bytes */
  LGORT_T_STRING,   /* varint length, bytes */
  LGORT_T_POINTER,  /* 8 bytes */
  LGORT_T_HANDLE,   /* varint reference; view byte */
  LGORT_T_CFUNC,    /* 8 bytes */
  LGORT_T_MODULE,   /* string: the way to it; see modules.c */
  LGORT_T_ENV,      /* varint environment */
  LGORT_T_REF,      /* varint object */
  LGORT_T_TABLE,    /* NEW: narr, nhash: 4 bytes each */
  LGORT_T_FUNCTION, /* NEW: varint reference to its code */
  LGORT_T_NEWCLASS, /* NEW, bundles only: varint id, varint version */
  LGORT_T_CLASS,    /* varint reference */
  LGORT_T_TRANSFER, /* varint reference; see transfer.h */
  LGORT_T_JOIN,     /* upvalues only: varint object, varint upvalue */
  LGORT_T_ROOTS,
  LGORT_T_BODY,
  LGORT_T_OBJECT,
  LGORT_T_GLOBAL,
  LGORT_T_STANDARD, /* as a global's value: what every vm has there */
  LGORT_T_ADDITION, /* varint length, library; key, value */
  LGORT_T_END
};

/* What an environment on the other side must be like. */
enum lgort_env_kind {
  LGORT_ENV_BASE,   /* the pristine globals will do */
  LGORT_ENV_LIGHT,  /* a table of its own over them */
  LGORT_ENV_FULL,   /* the script may look at it: a full copy */
  LGORT_ENV_SHARED, /* of a class: the running task's, over its own */
  LGORT_ENV_BARE    /* a script's own: what is captured and no more */
};

enum lgort_ref_kind {
  LGORT_REF_OBJECT,
  LGORT_REF_CODE,
  LGORT_REF_PATHS,    /* a buffer: where to look for modules */
  LGORT_REF_MODULE,   /* a buffer: the name of one that the message needs */
  LGORT_REF_BUFFER,   /* a buffer that is only to be kept */
  LGORT_REF_TRANSFER, /* an lgort_packed */
  LGORT_REF_CLASS,    /* an lgort_class */
  LGORT_REF_RECORD,   /* a record of call.h, with its values; held only */
  /* In a bundle, not pointers but ids: a class that it makes, one it names. */
  LGORT_REF_MEMBER,
  LGORT_REF_NEED
};

typedef struct lgort_ref {
  int kind;
  void *ptr;
} lgort_ref;

/* Releases what r refers to. Any thread. */
void lgort_ref_drop(lgort_ref *r);

enum { LGORT_MAX_ENVS = 12 };

typedef struct lgort_message {
  uint32_t nrefs, nobjects, nroots, nenvs;
  uint8_t env_kind[LGORT_MAX_ENVS];
  bool from_outside; /* of this process: addresses in the body are malformed */
  lgort_ref refs[];  /* then the body */
} lgort_message;

#endif
