/* additions.h - what a script adds to standard tables, for its tasks to see.
 *
 * SPDX-License-Identifier: MIT
 *
 * Setting a new field of string, table, package.preload ... is noted. When a
 * task is started, the additions go with it as one bundle, which is made
 * when they have changed, and used once by each vm. Bundles are numbered in
 * the order of their making; a vm that has used one looks at later ones only.
 */
#ifndef LGORT_CROSS_ADDITIONS_H
#define LGORT_CROSS_ADDITIONS_H

#include "cross/classes.h"

/* The bundle of this vm's additions as they are now: borrowed, NULL when there
 * is none. Raises what cannot cross. */
lgort_class *lgort_additions(lua_State *L, lgort_vm *vm,
                             const lgort_subject *subject);
/* Has this vm all of them? */
static inline bool lgort_has_additions(const lgort_vm *vm,
                                       const lgort_class *additions) {
  return !additions ||
         (vm->additions && additions->version <= vm->additions->version);
}
/* Adds them to this vm's tables. Raises on memory, and what a module raises
 * that is loaded for them. */
void lgort_use_additions(lua_State *L, lgort_vm *vm, lgort_class *additions);
/* Pushes the standard table of that name: "string", "package.preload" ... */
void lgort_push_library(lua_State *L, const char *name);
void lgort_open_additions(lua_State *L, lgort_vm *vm);

/* The __metatable of those metatables by which additions to standard tables
 * are noticed: a light userdata. */
extern void *const lgort_watch_mark;

#endif
