/* handles.h - runtime objects as userdata.
 *
 * SPDX-License-Identifier: MIT
 *
 * In a vm an object has one userdata for each view of it, found through a
 * weak table: handles of one channel are equal wherever they come from. A
 * handle of a new object enters the table when the object gets to where it
 * may come back from; most never do.
 * Ownership: a handle owns one count of its object, and spare ones: values
 * that come and go take theirs from there and give them back, so that vms do
 * not fight for the object's counter. */
#ifndef LGORT_CROSS_HANDLES_H
#define LGORT_CROSS_HANDLES_H

#include "vm/vm.h"

/* Which side of an object a handle shows: the operations of a channel that it
 * allows; of a context the context itself, its cancel function or what is
 * ready when it is done; of a mutex a guard that unlocks it when closed. */
typedef enum lgort_view {
  LGORT_BOTH,
  LGORT_SENDER,
  LGORT_RECEIVER,
  LGORT_GUARD = LGORT_SENDER,
  LGORT_RGUARD = LGORT_RECEIVER, /* of a reader */
  LGORT_VIEW_CANCEL = LGORT_SENDER,
  LGORT_VIEW_DONE = LGORT_RECEIVER,
  LGORT_VIEW_CANCEL_CAUSE, /* takes the cause */
  LGORT_NVIEWS
} lgort_view;

typedef enum lgort_type_index {
  LGORT_CHAN,
  LGORT_WAITGROUP,
  LGORT_TIMER,
  LGORT_CONTEXT, /* these four in the order of their views */
  LGORT_CANCEL,
  LGORT_DONE,
  LGORT_CANCEL_CAUSE,
  LGORT_AFTER,
  LGORT_MUTEX,
  LGORT_RWMUTEX,
  LGORT_COND,
  LGORT_SEMAPHORE,
  LGORT_ATOMIC,
  LGORT_MAP,
  LGORT_FUTURE,
  LGORT_ONCE,
  LGORT_SINGLEFLIGHT,
  LGORT_GROUP,
  LGORT_NTYPES
} lgort_type_index;

typedef struct lgort_handle {
  const void *mark; /* &lgort_handle_mark: no other userdata has it */
  gort_object *obj; /* NULL after __gc */
  uint8_t view;     /* lgort_view */
  uint8_t type;     /* lgort_type_index */
  bool listed;      /* in the weak table */
  unsigned spare;   /* counts beside its own */
} lgort_handle;

/* Makes the metatable of a type from its methods and metamethods. The class
 * tells the type of objects that arrive. Raises on memory. */
void lgort_type_new(lua_State *L, lgort_type_index type,
                    const luaL_Reg *methods, const luaL_Reg *meta);

/* Pushes the handle of obj; takes the caller's count. Raises on memory (the
 * count is released then). */
void lgort_push_object(lua_State *L, gort_object *obj, lgort_view view);

/* The same for an object, or a view of one, that no other handle in this vm can
 * be of. */
void lgort_push_new(lua_State *L, gort_object *obj, lgort_view view);
/* The object of the handle h at idx leaves this vm and may come back: it will
 * be this handle then. False when memory is out. */
bool lgort_list_handle(lua_State *L, int idx, lgort_handle *h);

enum { LGORT_SPARE = 32 }; /* taken at once; up to twice as many are kept */

/* A count of the handle's object for a value. */
static inline gort_object *lgort_take_count(lgort_handle *h) {
  if (h->spare == 0) {
    gort_object_retain_many(h->obj, LGORT_SPARE);
    h->spare = LGORT_SPARE;
  }
  h->spare--;
  return h->obj;
}
/* A value's count of the handle's object becomes the handle's. */
static inline void lgort_give_count(lgort_handle *h) {
  if (++h->spare < 2 * LGORT_SPARE) return;
  h->spare -= LGORT_SPARE;
  gort_object_release_many(h->obj, LGORT_SPARE);
}
/* The handle keeps its own count only. */
static inline void lgort_settle_counts(lgort_handle *h) {
  if (h->spare) gort_object_release_many(h->obj, h->spare);
  h->spare = 0;
}

extern const char lgort_handle_mark;

/* Where vm->known has h if it has it. */
static inline lgort_handle **lgort_known_slot(lgort_vm *vm, const void *h) {
  return &vm->known[((uintptr_t)h >> 6) % LGORT_KNOWN];
}

/* True when vm->known has h and it is of that type: no other look is needed. */
static inline bool lgort_is_known(lgort_vm *vm, const lgort_handle *h,
                                  lgort_type_index type) {
  return h && *lgort_known_slot(vm, h) == h && h->mark == &lgort_handle_mark &&
         h->type == type;
}

/* The handle at idx, whatever its type, or NULL. */
lgort_handle *lgort_to_handle(lua_State *L, int idx);
/* The handle at idx, which must be of that type; raises. */
lgort_handle *lgort__check_handle(lua_State *L, int idx, lgort_type_index type);
static inline lgort_handle *lgort_check_handle(lua_State *L, int idx,
                                               lgort_type_index type) {
  lgort_handle *h = lua_touserdata(L, idx);
  return lgort_is_known(lgort_vm_of(L), h, type)
             ? h
             : lgort__check_handle(L, idx, type);
}

/* "channel", "timer"; static. */
const char *lgort_handle_name(const lgort_handle *h);
/* It can be a recv case of select. */
bool lgort_can_receive(const lgort_handle *h);

/* The object as what it is; the handle keeps it alive. */
static inline gort_source *lgort_source(const lgort_handle *h) {
  return (gort_source *)(void *)h->obj;
}
static inline gort_context *lgort_context_of(const lgort_handle *h) {
  return (gort_context *)(void *)h->obj;
}

#endif
