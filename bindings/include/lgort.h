/* lgort.h - gort for C code that has Lua.
 *
 * SPDX-License-Identifier: MIT
 *
 * For programs that run Lua tasks (a host): lgort and what follows it. For C
 * modules: functions that park, and userdata that cross; those are found in
 * the program that loads the module, which needs nothing to link.
 *
 * doc/embedding.md walks through a first host. Nothing here ends the process,
 * prints, or touches signal handlers, unless the options say so. Errors are
 * the codes of gort.h, with their texts in gort_strerror. */
#ifndef LGORT_H
#define LGORT_H

#ifdef __cplusplus
extern "C" {
#endif

#include <lauxlib.h>
#include <lua.h>

#include "gort.h"

/* ---- a runtime with Lua ------------------------------------------------
 *
 * It has threads of its own from lgort_new to lgort_close: runs and tasks go
 * on whatever the host does meanwhile. Any number of them may live at once.
 * Its functions may be called by any thread that is no worker of it (such
 * calls give GORT_EWORKER), at the same time.
 *
 * Runs are for scripts that set things up, or are the whole program: they
 * happen in the main vm, whose globals stay from one to the next; the caller
 * waits for their end. Tasks start in any vm, with clean globals. */

typedef struct lgort lgort;

typedef enum lgort_policy {
  LGORT_STOP, /* a task's uncaught error stops the runtime */
  LGORT_GO_ON /* only the task ends; log hears of it */
} lgort_policy;

typedef enum lgort_level { LGORT_WARNING, LGORT_ERROR } lgort_level;

/* All zero, or NULL for the whole, is a good choice. */
typedef struct lgort_options {
  unsigned workers;      /* 0: the cores this process may use */
  size_t vm_memory;      /* bytes that each vm's Lua may have; 0: no limit */
  lgort_policy on_error; /* of a task, not of a run */
  /* Install a handler for SIGURG, and end computations with it: for a fair
   * share, when their context ends, or when the runtime closes. Without it a
   * task that computes goes on until it blocks. */
  bool preempt;
  bool no_env; /* ignore LUA_PATH and the like */
  /* Allocates for Lua, in several threads at a time; NULL: gort_realloc. */
  lua_Alloc alloc;
  void *alloc_user;
  /* C modules for require, ended by {NULL, NULL}; must outlive the runtime. */
  const luaL_Reg *modules;
  /* Called in every vm when it is made, with user as light userdata: may set
   * globals, which are standard ones from then on. An error: the vm cannot be
   * made. */
  lua_CFunction init;
  /* What print and io.write write to stdout, in one piece for each call;
   * NULL: it goes there. Any worker. */
  void (*print)(void *user, const char *text, size_t len);
  /* Warnings (warn), and errors that no task caught, as text for people. NULL:
   * nobody hears of them. Any worker. */
  void (*log)(void *user, lgort_level level, const char *text);
  void *user;
} lgort_options;

/* Makes a runtime and starts it. Returns owned through out. 0, GORT_ENOMEM,
 * GORT_ELUA (init has failed), or a code of libuv's. */
GORT_API int lgort_new(const lgort_options *options, lgort **out);

/* Stops everything and frees it: runs and waits of other threads come back
 * (GORT_ESTOPPED, channels are closed), tasks end where they are; <close>
 * variables of parked tasks do not run, finalizers do. 0; or GORT_ETIMEOUT when
 * some task was still in a C call, or computed without preempt: then a thread
 * stays behind that frees the rest when this ends. In any case g is gone for
 * the caller. timeout_ns: GORT_FOREVER waits. */
GORT_API int lgort_close(lgort *g, int64_t timeout_ns);

/* For gort_chan_open, gort_context_background, gort_get_stats, gort_dump_all
 * ... Borrowed, until lgort_close. */
GORT_API gort *lgort_runtime(lgort *g);

/* What to call a chunk with; NULL for the whole is nothing. */
typedef struct lgort_with {
  gort_context *ctx; /* borrowed; NULL: none. It ends when ctx is done. */
  gort_value *args;  /* its arguments; taken, on failure too */
  int nargs;
  gort_value *result; /* of a run: its first result, owned; NULL: no matter */
} lgort_with;

/* Runs a chunk in the main vm and waits for its end. Runs of several threads
 * take turns when they block. 0; or
 *   GORT_ELUA       it has an error (lgort_error has the text)
 *   GORT_ECANCELED, GORT_EDEADLINE   its context was done
 *   GORT_EDEADLOCK  all tasks wait, and nothing holds the runtime
 *   GORT_ETASK      a task has failed, and on_error is LGORT_STOP
 *   GORT_ESTOPPED   the runtime was stopped, by os.exit or lgort_close
 *   GORT_EWORKER    called by a task
 *   GORT_ENOMEM
 * After EDEADLOCK, ETASK and ESTOPPED the runtime only waits to be closed. */
GORT_API int lgort_run_file(lgort *g, const char *path, const lgort_with *with);
GORT_API int lgort_run_string(lgort *g, const char *code,
                              const lgort_with *with);

/* Starts a task with a chunk, or with a C function, and does not wait. 0,
 * GORT_ENOMEM or GORT_ESTOPPED; what goes wrong later is the task's error
 * (lgort_options.on_error). Workers may call it, too. */
GORT_API int lgort_go_file(lgort *g, const char *path, const lgort_with *with);
GORT_API int lgort_go_string(lgort *g, const char *code,
                             const lgort_with *with);
GORT_API int lgort_go(lgort *g, lua_CFunction f, const lgort_with *with);

/* The text of the last error of a run, or of what stopped the runtime; NULL:
 * none. Returns owned: free it with gort_free. */
GORT_API char *lgort_error(lgort *g);
/* What os.exit said, when it has stopped the runtime; else -1. */
GORT_API int lgort_exit_status(lgort *g);

/* ---- values ------------------------------------------------------------
 *
 * gort.h has nil, booleans, numbers, strings and handles. Tables that were
 * sent by Lua are GORT_DATA; those of scalars and strings can be read and made
 * without Lua. */

typedef struct lgort_entry {
  const char *name; /* NULL: the next of 1, 2, 3 ... (these come first) */
  gort_value value; /* nil (the field is left out), a scalar or a string */
} lgort_entry;

/* A table of these fields, whose values stay the caller's. Returns owned
 * through out. 0, GORT_ENOMEM, or GORT_EINVAL: not such values. */
GORT_API int lgort_table(const lgort_entry *fields, size_t n, gort_value *out);
/* The field name (or number i) of a table, however it came: from lgort_table or
 * from Lua. Owned: a scalar or a string; nil when there is none. GORT_EINVAL:
 * this is no table (a class or a module is none here), or the field is
 * something else, such as a table. Or GORT_ENOMEM. */
GORT_API int lgort_field_of(const gort_value *table, const char *name,
                            gort_value *out);
GORT_API int lgort_item_of(const gort_value *table, int64_t i, gort_value *out);

/* Any Lua value as one that can be sent, and back, in functions that tasks
 * call. to_value raises what cannot be sent; push_value takes the value. */
GORT_API void lgort_to_value(lua_State *L, int idx, gort_value *out);
GORT_API void lgort_push_value(lua_State *L, gort_value *value);

/* ---- functions that park -----------------------------------------------
 *
 * A C function must not block its thread. It starts work and parks the task;
 * another thread, or the vm's loop, does the work and tells:
 *
 *   static int hashed(lua_State *L, int status, lua_KContext ctx) {
 *     job *j = lgort_pending_data((lgort_pending *)ctx);
 *     lua_pushinteger(L, j->sum);
 *     return 1;
 *   }
 *   static int hash(lua_State *L) {
 *     const char *path = luaL_checkstring(L, 1);
 *     lgort_pending *p = lgort_pending_new(L, sizeof(job), NULL);
 *     ...
 *     lgort_pending_work(p, compute);
 *     return lgort_await(L, p, NULL, (lua_KContext)p, hashed);
 *   }
 */
typedef struct lgort_pending lgort_pending;

/* Pushes a userdata that stands for work under way, and keeps it for as long
 * as it is on the stack. drop (may be NULL; any thread) is called with the
 * data when neither Lua nor the work needs them any more. Raises on memory.
 * lgort_pending_done must follow. */
GORT_API lgort_pending *lgort_pending_new(lua_State *L, size_t size,
                                          void (*drop)(void *data));
/* size bytes, zero at first. */
GORT_API void *lgort_pending_data(lgort_pending *p);
/* The work is over, or could not be begun: once, from any thread. After it p
 * is Lua's alone. What the vm's loop still does when the runtime closes need
 * not be told; other threads must be done before. */
GORT_API void lgort_pending_done(lgort_pending *p);
/* Runs work(data) on a thread that may block; done follows by itself. 0 or a
 * code: then it was done at once, without work. */
GORT_API int lgort_pending_work(lgort_pending *p, void (*work)(void *data));
/* Parks until the work is done, then returns k(L, status, ctx): status is 0, or
 * GORT_ETIMEOUT, GORT_ECANCELED, GORT_EDEADLINE when the limit (NULL: none)
 * came first; the work goes on then. The end of the context that the task is
 * bound to raises. To be used as `return lgort_await(...)`. */
GORT_API int lgort_await(lua_State *L, lgort_pending *p,
                         const gort_limit *limit, lua_KContext ctx,
                         lua_KFunction k);
/* The limit that argument idx asks for: nothing, seconds or a context. Raises
 * for anything else. */
GORT_API gort_limit lgort_opt_limit(lua_State *L, int idx);
/* The vm's event loop: for this vm's worker only, in functions that Lua calls
 * and in the loop's own callbacks. Those may call lgort_pending_done, not
 * Lua. NULL when libuv fails. */
GORT_API struct uv_loop_s *lgort_loop(lua_State *L);
/* The host whose task calls, or NULL: a script's. Borrowed. */
GORT_API lgort *lgort_of(lua_State *L);

/* ---- userdata that crosses ---------------------------------------------
 *
 * A userdata can be sent, captured or passed to go when its metatable has the
 * field __gort_transfer. That is one of two things:
 *
 * - A Lua (or C) function. It is called with the userdata and returns a
 *   function and arguments, which cross as other values do; the other side has
 *   what that function returns for these arguments:
 *
 *     mt.__gort_transfer = function(re) return regex.compile, re:source() end
 *
 * - A light userdata with the address of an lgort_transfer, for what cannot be
 *   made anew from Lua values: something that both sides share, or that moves
 *   from one to the other. It lives as long as the process.
 *
 * For a userdata that is met twice in a message the other side has one, too.
 */
#define LGORT_TRANSFER "__gort_transfer"
#define LGORT_TRANSFER_VERSION 1

typedef struct lgort_transfer {
  int version; /* LGORT_TRANSFER_VERSION */
  /* The module to require on the other side before unpack (which makes the
   * metatable there); NULL: none. */
  const char *module;
  /* Sender: returns owned what goes on the way for the userdata at idx. It
   * may raise, and then nothing is sent; NULL: "cannot cross now". The call
   * that sends may still fail, or the message never be received: then comes
   * drop without unpack, and something that moves is to be the sender's again.
   * Must not block. */
  void *(*pack)(lua_State *L, int idx);
  /* Receiver: pushes the userdata made from packed, which it borrows. May be
   * called again for the same packed, in several vms at a time, when a message
   * has several receivers (the results of a future); something that can be
   * had only once then raises. Must not block. */
  void (*unpack)(lua_State *L, void *packed);
  /* Releases packed, after the last unpack or without any. Any thread; has no
   * lua_State. */
  void (*drop)(void *packed);
} lgort_transfer;

/* The same for the host's own threads: an object on its way, as a value. Takes
 * packed on success. Returns owned through out. 0 or GORT_ENOMEM. */
GORT_API int lgort_object(const lgort_transfer *how, void *packed,
                          gort_value *out);
/* What was packed in a value that is such an object, from C or from Lua;
 * borrowed from the value. NULL: it is something else. */
GORT_API void *lgort_object_of(const gort_value *value,
                               const lgort_transfer *how);

#ifdef __cplusplus
}
#endif

#endif
