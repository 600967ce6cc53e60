/* lib.h - the Lua modules, one opener each.
 *
 * SPDX-License-Identifier: MIT
 *
 * An opener pushes its module's table. lgort_open_all puts them where
 * scripts find them. Stack discipline: what a function may not raise while it
 * holds is held (vm/held.h) or in a userdata. */
#ifndef LGORT_LIB_LIB_H
#define LGORT_LIB_LIB_H

#include "cross/handles.h"
#include "vm/park.h"
#include "vm/vm.h"

int lgort_open_chan(lua_State *L);    /* the function chan */
int lgort_open_select(lua_State *L);  /* the function select */
int lgort_open_task(lua_State *L);    /* the function go */
int lgort_open_time(lua_State *L);    /* gort.time */
int lgort_open_context(lua_State *L); /* gort.context */
int lgort_open_runtime(lua_State *L); /* gort.runtime */
int lgort_open_sync(lua_State *L);    /* gort.sync, made of what follows */
int lgort_open_waitgroup(lua_State *L);
int lgort_open_mutex(lua_State *L);
int lgort_open_rwmutex(lua_State *L);
int lgort_open_cond(lua_State *L);
int lgort_open_semaphore(lua_State *L);
int lgort_open_atomic(lua_State *L);
int lgort_open_map(lua_State *L);
int lgort_open_once(lua_State *L);
int lgort_open_singleflight(lua_State *L);
int lgort_open_async(lua_State *L);    /* the function gort.async */
int lgort_open_blocking(lua_State *L); /* the function gort.blocking */
int lgort_open_errgroup(lua_State *L); /* gort.errgroup */
/* load, os.execute ...: Lua's, made for many tasks in one process. */
void lgort_open_stock(lua_State *L);
/* print, io.write, file:write: nothing gets in between one call's pieces. */
void lgort_open_output(lua_State *L);
/* collectgarbage: a full collection reaches every vm. */
void lgort_open_collect(lua_State *L);

/* The globals go, chan, select, gort, and the same through require. */
void lgort_open_all(lua_State *L);

/* Starts the call r; ends a function without results: `return ...`. */
int lgort_start_task(lua_State *L, lgort_vm *vm, gort_record *r);
/* Ends a receive: pushes v, ok or nil, false, err. */
int lgort_push_received(lua_State *L, gort_result *res);
/* Ends an operation without a value: true or false, err. */
int lgort_push_done(lua_State *L, gort_result *res);
/* recv([limit]) and the for-iterator on the source at index 1. */
int lgort_recv(lua_State *L, const lgort_handle *h, const gort_limit *limit);
int lgort_iterate(lua_State *L, const lgort_handle *h);
int lgort_try_recv(lua_State *L, const lgort_handle *h);

/* Raises unless the value at idx can be a key of a map. */
void lgort_check_key(lua_State *L, int idx);
/* Raises unless the value at idx may be sent on a channel of this tag. */
void lgort_check_tag(lua_State *L, int idx, int tag);
/* The channel of a send case or method; raises when the view forbids op. */
lgort_handle *lgort_check_chan(lua_State *L, int idx, gort_op op);

#endif
