/* classes.h - tables that cross by identity.
 *
 * SPDX-License-Identifier: MIT
 *
 * A class is a table that serves as a metatable, or looks like one. In each vm
 * there is at most one table for a class, made from its bundle: a message
 * that holds it and the classes that were new with it.
 *
 * A class belongs to the vm where it was made. When its fields have changed
 * since they were encoded, the next crossing from there makes a new version,
 * and a vm that has an older one updates its table in place. What a task
 * changes in its vm's copy stays in that vm, as a module's state does.
 *
 * Invariants:
 *   I1. ids are never used again; versions of a class only grow.
 *   I2. a bundle names other classes by id and has no count of them: a message
 *       has the present version of all that are needed. So versions form no
 *       circles and no chains, and old ones go.
 *   I3. classes[id] and class_info[table] of a vm are weak: a class lives as
 *       long as its objects and functions do, and its bundle as long as a vm
 *       or a message has it. */
#ifndef LGORT_CROSS_CLASSES_H
#define LGORT_CROSS_CLASSES_H

#include "vm/vm.h"

/* One version of a class; shared by all vms. */
typedef struct lgort_class {
  atomic_uint refs; /* release on drop, acquire on the last */
  unsigned version;
  uint64_t id;
  gort_buf *bundle; /* owned; set once, before others can see the class */
} lgort_class;

/* What a vm knows of a class; a userdata that lives as long as the table. */
typedef struct lgort_class_info {
  uint64_t id;
  lgort_class *current; /* owned: as encoded or decoded last; or NULL */
  unsigned versions;    /* how many were begun */
  bool made_here;
  uint64_t looks; /* of its fields when current was encoded */
} lgort_class_info;

/* Does this field, key and value absolute indices, make a class of its table?
 * A metamethod that can be called does, and __index. */
bool lgort_is_class_field(lua_State *L, int key, int value);
/* What this vm knows of the table at idx; NULL: it is no class so far. */
lgort_class_info *lgort_class_of(lua_State *L, lgort_vm *vm, int idx);
/* The same; makes it a class of this vm. Raises on memory. */
lgort_class_info *lgort_class_adopt(lua_State *L, lgort_vm *vm, int idx);
/* Have its fields changed since current was encoded? */
bool lgort_class_changed(lua_State *L, const lgort_class_info *info, int idx);

/* A new version, to be encoded now. Returns owned; NULL: memory is out. */
lgort_class *lgort_class_begin(lgort_class_info *info);
/* The bundle with this version of the class at idx, which is as it was encoded,
 * is there: the version becomes the current one, unless a later one was made
 * meanwhile. Takes neither count. Raises on memory, and is then not done. */
void lgort_class_commit(lua_State *L, lgort_vm *vm, int idx, lgort_class *cls,
                        gort_buf *bundle);

/* Pushes this vm's table for a class, or nil. */
void lgort_class_push(lua_State *L, lgort_vm *vm, uint64_t id);
/* Is the table at idx this version of the class, or a later one? */
bool lgort_class_is_current(lua_State *L, lgort_vm *vm, int idx,
                            const lgort_class *cls);
/* The table at idx is to be this vm's one for class id. Raises on memory. */
void lgort_class_enter(lua_State *L, lgort_vm *vm, uint64_t id, int idx);
/* Its fields are there. Raises on memory. */
void lgort_class_entered(lua_State *L, lgort_vm *vm, int idx, unsigned version,
                         gort_buf *bundle);

/* Returns owned, with a count of bundle; NULL: memory is out. */
lgort_class *lgort_class_new(uint64_t id, unsigned version, gort_buf *bundle);
void lgort_class_retain(lgort_class *cls);
void lgort_class_release(lgort_class *cls);
void lgort_open_classes(lua_State *L, lgort_vm *vm);

#endif
