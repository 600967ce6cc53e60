/* vm.h - the Lua side of a vm: one lua_State and what hangs on it.
 *
 * SPDX-License-Identifier: MIT
 *
 * Threads: everything in lgort_vm belongs to the worker that holds the vm,
 *   but innermost and preempt, which that worker's signal handler uses, and
 *   interrupt. lgort_host is shared: immutable, or guarded as its fields
 *   say. */
#ifndef LGORT_VM_VM_H
#define LGORT_VM_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cross/encoder.h"
#include "cross/keys.h"
#include "cross/protos.h"
#include "cross/repeats.h"
#include "cross/special.h"
#include "gort.h"
#include "vm/held.h"

/* What all vms of a runtime share. */
typedef struct lgort_host {
  gort *rt;
  lgort_codes codes;
  /* A task died of an error nobody caught; report is the text for people,
   * borrowed. Runs on the worker; need not return. When it does, the task is
   * over and the others go on. */
  void (*on_task_error)(struct lgort_host *h, bool is_main, const char *report);
  /* os.exit: ends the process; does not return. */
  void (*leave)(struct lgort_host *h, int status);
  /* Adds what the program wants in every vm; may raise. Or NULL. */
  lua_CFunction on_open;
  /* Where print and the like write when it is not NULL: shows text for one
   * of the two standard streams, whole; true when it did. Any thread. */
  bool (*_Atomic show)(struct lgort_host *h, FILE *f, const char *text,
                       size_t len);
  void *user;
  /* Of an embedding program; zero elsewhere. */
  lua_Alloc alloc; /* NULL: gort_realloc */
  void *alloc_user;
  size_t vm_memory; /* 0: no limit */
  const luaL_Reg *modules;
  void (*refused)(struct lgort_host *h, const char *why); /* no new vm */
  void (*warn)(struct lgort_host *h, const char *text);
  struct lgort_pending *pendings; /* guarded by codes.mutex (pending.c) */
  bool insists; /* a runtime that stops ends what cannot yield by an error */
  bool embeds;  /* it is an lgort's */
  struct lgort_vm
      *adopted;        /* vm 0, of a state that is there already; or NULL */
  lua_State *pristine; /* while that is opened: a state as Lua makes it */
  atomic_uint_least64_t class_ids; /* the last one given (classes.h) */
  atomic_uint additions;           /* the same, for additions.h */
  bool warn_on;                    /* as lua's -W, in every vm */
  bool no_env;                     /* ignore LUA_PATH and the like */
  bool note_contexts; /* where they are made (gort_context_places) */
  /* Errors that nobody catches are on their way: the program must not end in
   * the meantime as if nothing had happened. */
  atomic_int panicking;
} lgort_host;

/* Why a coroutine that was resumed yielded. */
typedef enum lgort_yield {
  LGORT_YIELD_USER, /* coroutine.yield: its own business */
  LGORT_YIELD_PARK, /* the task waits */
  LGORT_YIELD_TURN, /* the task lets others run ... */
  LGORT_YIELD_WAY   /* ... those that it has just started */
} lgort_yield;

/* What shall become of the task that runs (the main one, at a prompt). */
typedef enum lgort_interrupt {
  LGORT_INTERRUPT_NONE,
  LGORT_INTERRUPT_ONCE, /* an error at its next instruction or wait's end */
  LGORT_INTERRUPT_STICK /* at each one, until this is taken back */
} lgort_interrupt;

/* Where a task has its function from. */
typedef enum lgort_origin {
  LGORT_FROM_MESSAGE, /* the call is to be unpacked */
  LGORT_FROM_CALL,    /* made for it */
  LGORT_FROM_LAST,    /* what the coroutine called last, with other captures */
  LGORT_FROM_ALL,     /* other tasks have it, too (shared.h) ... */
  LGORT_FIRST_OF_ALL  /* ... from now on */
} lgort_origin;

/* What only a task has that is bound to a context (bound.h), or whose errors
 * are told with their traceback. */
typedef struct lgort_ending {
  gort_object *told;   /* as lgort_task.told */
  gort_value trace;    /* owned: of the error that told hears of, or nil */
  int64_t clean_until; /* when the clean-up must be over; 0: none goes on */
  int64_t clean_left;  /* how long the next one may take, in ns */
} lgort_ending;

/* The Lua half of a task; stays with its coroutine when that is reused. There
 * may be a million: no holes. */
typedef struct lgort_task {
  union {
    struct lgort_task *next; /* while it is in the pool */
    gort_record *record;     /* owned, until it has become a call */
  };
  lua_State *co;
  int slot;           /* of co in the table of threads */
  int line;           /* where it was created ... */
  const char *source; /* ... interned in the host; NULL: main */
  uint64_t parent;    /* the id of the task that created it */
  /* The code whose closure waits at index 1 of the coroutine's stack to be
   * used again, 0: none; how many upvalues to empty then, but for kept_env. */
  int64_t kept;
  int16_t kept_ups, kept_env;
  uint16_t shields;    /* context.shield calls in progress */
  bool has_env : 1;    /* vm->task_envs[slot] is its globals table (env.h) */
  bool computes : 1;   /* it yielded to let others run */
  bool bound : 1;      /* to a context; the next ones are of such tasks */
  bool unwinding : 1;  /* an error is on its way to a pcall */
  bool cleaning : 1;   /* waits, shielded, for its clean-up */
  bool ended : 1;      /* by the error of its context */
  bool asked : 1;      /* in this step by the hook to get on */
  bool has_ending : 1; /* which always has one */
  unsigned stops : 2;  /* how often the hook has raised, up to 2 */
  unsigned origin : 3; /* lgort_origin */
  union {
    gort_object *told;    /* owned: hears how the call ended, or NULL */
    lgort_ending *ending; /* owned: has_ending */
  };
} lgort_task;
_Static_assert(sizeof(lgort_task) == 64, "no more than it needs");

static inline gort_object **lgort_told(lgort_task *t) {
  return t->has_ending ? &t->ending->told : &t->told;
}

enum { LGORT_TYPES = 32, LGORT_KNOWN = 8, LGORT_CASE_NAMES = 5 };
enum { LGORT_SHARED = 4, LGORT_SHARED_CAPTURES = 6 };

/* The captures that a code came with last (shared.h). */
typedef struct lgort_shared {
  int64_t id; /* of the code; 0: of none */
  bool made;  /* a closure of them, in vm->shared_closures */
  gort_value captures[LGORT_SHARED_CAPTURES]; /* not owned: to be compared */
  struct lgort_handle *handles[LGORT_SHARED_CAPTURES]; /* of the closure */
} lgort_shared;

typedef struct lgort_vm {
  gort_vm *vm;
  gort *rt;
  lgort_host *host;
  lua_State *L;

  /* The coroutine that runs now, a user's inner one too; NULL between tasks.
   * Relaxed: the handler runs on the thread that writes it. */
  _Atomic(lua_State *) innermost;
  unsigned turns;     /* of tasks, so far */
  unsigned starts;    /* calls in this turn ... */
  unsigned most;      /* ... and when to let them begin (lib/task.c) */
  lua_State *task_co; /* the running task's own coroutine ... */
  lgort_task *task;   /* ... and the task; NULL between tasks */
  int nres;           /* how many values it stopped with */
  int nopark;         /* resumes in progress that cannot be yielded across */
  lgort_yield yielding;
  struct {
    lua_State *L;
    lua_Hook hook;
    int mask, count;
  } saved_hook; /* a C module's, while a preemption is under way */
  int hooks;    /* reference: weak, coroutine to the script's hook (hooks.c) */
  atomic_bool preempt;  /* the running task's turn is over; relaxed */
  atomic_int interrupt; /* lgort_interrupt; set by any thread */

  unsigned new_handles; /* since the last collection */
  /* Handles that were looked at, by address; none whose __gc has run. */
  struct lgort_handle *known[LGORT_KNOWN];
  int panics;   /* how many this vm has added to panicking */
  bool closing; /* os.exit closes the state */
  /* What its values take; written by the owner, read by anyone (relaxed). */
  _Atomic size_t bytes;
  bool warn_on;       /* warnings are written ... */
  gort_text *warning; /* ... this one once it is whole; owned, or NULL */

  lgort_task *starting; /* its call is being unpacked, or NULL */
  lgort_task *pool;
  unsigned pooled, pool_low; /* pool_low: the fewest since a collection */
  int threads, next_slot, free_slots, used_slots; /* see coro.c */

  lgort_held held; /* what errors must not lose */
  lgort_encoder encoder;
  lgort_protos protos; /* functions of this vm to codes */
  lgort_purse purses[LGORT_PURSES];
  lgort_shared shared[LGORT_SHARED];
  lgort_repeats repeats;         /* strings that cross again */
  lgort_keys keys;               /* of tables that do */
  lgort_special special;         /* tables that are modules, globals, classes */
  struct lgort_class *additions; /* owned: in use here; or NULL */

  /* References into the registry. */
  int handles;       /* weak: object address to its userdata */
  int factories;     /* code id to the function that makes closures; ... */
  int old_factories; /* ... those that were many before these */
  int nfactories;
  int anchors;         /* weak: keeps protos' entries honest (protos.h) */
  int shared_closures; /* weak: those of shared, from 1 */
  int classes;         /* weak: class id to its table (classes.h) */
  int class_info;      /* weak: table to what is known of it as a class */
  int class_info_meta;
  bool has_classes;    /* there ever was one */
  int added;           /* library, key, library, key ... (additions.c) */
  int added_values;    /* what they were when additions was made */
  int nadded;          /* how many pairs */
  bool added_more;     /* since additions was made */
  unsigned added_turn; /* when they were looked at */
  int base;            /* the pristine globals */
  int env_meta;        /* {__index = base}: metatable of light environments */
  int task_envs;       /* slot of a task to its own globals */
  int envs;            /* weak: full environments of tasks */
  int standard, standard_ids; /* values by number, and back (standard.h) */
  int loading;                /* name to who loads it (require.c) */
  int modules;                /* weak: value to the way there (modules.c) */
  int pending_meta;           /* of calls that wait for their group */
  int shield_meta;            /* {__close}: of what ends a shield */
  const void *globals_ptr, *base_ptr, *env_meta_ptr;
  int metaref[LGORT_TYPES];                 /* metatables by lgort_type_index */
  const void *case_names[LGORT_CASE_NAMES]; /* strings (select.c) */
} lgort_vm;

/* fwrite, through the host's show. True when all was written. */
bool lgort_write(lgort_host *h, FILE *f, const char *text, size_t len);

/* The vm of a thread that is older than its state's adoption (adopt.h). */
lgort_vm *lgort__vm_of_stranger(lua_State *L);

/* The vm that L belongs to. L runs, or has never been parked. */
static inline lgort_vm *lgort_vm_of(lua_State *L) {
  lgort_vm *vm = *(lgort_vm **)lua_getextraspace(L);
  return __builtin_expect(vm != NULL, 1) ? vm : lgort__vm_of_stranger(L);
}

/* A coroutine that the runtime suspended belongs to a task that waits: only
 * that task may resume it. Its extra space says so, in the lowest bit. */
static inline bool lgort_is_suspended(lua_State *co) {
  return *(uintptr_t *)lua_getextraspace(co) & 1;
}
static inline void lgort_set_suspended(lua_State *co, bool yes) {
  uintptr_t *vm = lua_getextraspace(co);
  *vm = (*vm & ~(uintptr_t)1) | yes;
}

/* The interpreter that gort_options.ops asks for; its arg is an lgort_host. */
extern const gort_vm_ops lgort_ops;

/* The record for a program's main task: body(L) runs with user as its light
 * userdata argument, in vm 0, and catches errors itself. NULL when memory is
 * out. */
gort_record *lgort_main_record(lgort_host *h, lua_CFunction body, void *user);
/* The same for a task of the host's, in any vm. gone(user) is called when it
 * was not. */
gort_record *lgort_host_record(lgort_host *h, lua_CFunction body, void *user,
                               void (*gone)(void *user));

#endif
