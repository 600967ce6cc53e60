/* SPDX-License-Identifier: MIT */
/* analysis.h - what a dumped function reads and writes outside itself.
 *
 * Decides what is captured with a function that goes to another VM, and which
 * of its assignments would be lost there. It looks at instructions one by one
 * and through nested functions; it does not follow values. Where it can't
 * tell, it says that something escapes: a result may name too much, and names
 * too little only where a value takes a way that the escapes flags mark.
 *
 * Ownership: a result owns all its strings, in one allocation. Strings end
 *   with a zero byte that their length does not count.
 * Threads: no state; a result is read-only. */
#ifndef LGORT_CROSS_ANALYSIS_H
#define LGORT_CROSS_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lgort_name {
  const char *s;
  size_t len;
} lgort_name;

/* An upvalue of the function itself. */
typedef struct lgort_upinfo {
  const char *name; /* NULL when stripped */
  size_t name_len;
  bool assigned; /* by the function or one nested in it */
  int line;      /* first line that assigns it, 0 if none or unknown */
} lgort_upinfo;

typedef struct lgort_global {
  const char *name;
  size_t len;
  bool read, written;
  bool escapes; /* read for more than one field with a constant name */
  int line;     /* first line that writes it, 0 if none or unknown */
} lgort_global;

/* `string.trim`; its global is also in globals, as read. */
typedef struct lgort_field {
  const char *global;
  size_t global_len;
  const char *field;
  size_t field_len;
} lgort_field;

typedef struct lgort_analysis {
  int nups;
  lgort_upinfo *ups;
  /* Each once, nested functions included, in the order of first use. */
  size_t nglobals;
  lgort_global *globals;
  size_t nfields;
  lgort_field *fields;
  size_t nmethods;
  lgort_name *methods; /* names called with a colon, on anything */
  /* The globals table is used other than by a constant name: as a value,
   * with a computed key, or assigned. Also set where the code is too twisted
   * (or stripped) to tell. */
  bool env_escapes;
  bool makes_closures; /* there are functions in it */
  bool is_vararg;
  int nparams;
  int linedefined, lastlinedefined;
  const char *source; /* as in lua_Debug, with its '@' or '='; or NULL */
  size_t source_len;
} lgort_analysis;

/* Analyses what lua_dump wrote for one function. env_up is the index, from 0,
 * of the upvalue that holds the globals table, or -1. dump is only read during
 * the call; *out is owned by the caller. Returns 0, GORT_EINVAL (malformed
 * dump, no such upvalue) or GORT_ENOMEM; on failure *out is untouched. */
int lgort_analyse(const void *dump, size_t len, int env_up,
                  lgort_analysis **out);

/* Frees a result; NULL is allowed. */
void lgort_analysis_free(lgort_analysis *a);

#endif
