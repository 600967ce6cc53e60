/* pending.c - work that a parked task waits for.
 *
 * SPDX-License-Identifier: MIT
 *
 * The end of the work is a channel that is closed: it can be waited for as all
 * else can, for the first time or again after a timeout.
 * Ownership: counted, by the userdata on the task's stack and by the work
 *   until it is done. What is not done is listed, so that a runtime that ends
 *   finds it. */
#include "embed/pending.h"

#include <stdlib.h>
#include <string.h>

#include "vm/park.h"

struct lgort_pending {
  lgort_pending *next, **at; /* guarded by host->codes.mutex */
  lgort_host *host;
  atomic_uint refs;
  gort_chan *over; /* owned */
  void (*drop)(void *data);
  void (*work)(void *data);
  lua_KFunction k; /* the task's: of the wait under way */
  lua_KContext ctx;
  _Alignas(16) char data[];
};

static void release(lgort_pending *p) {
  if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1) return;
  if (p->drop) p->drop(p->data);
  gort_object_release((gort_object *)(void *)p->over);
  gort_free(p);
}

static int pending_gc(lua_State *L) {
  lgort_pending **box = lua_touserdata(L, 1);
  if (*box) release(*box);
  *box = NULL;
  return 0;
}

static void enlist(lgort_pending *p) {
  lgort_host *h = p->host;
  uv_mutex_lock(&h->codes.mutex);
  p->next = h->pendings;
  p->at = &h->pendings;
  if (p->next) p->next->at = &p->next;
  h->pendings = p;
  uv_mutex_unlock(&h->codes.mutex);
}

static void delist(lgort_pending *p) {
  lgort_host *h = p->host;
  uv_mutex_lock(&h->codes.mutex);
  *p->at = p->next;
  if (p->next) p->next->at = p->at;
  uv_mutex_unlock(&h->codes.mutex);
}

lgort_pending *lgort_pending_new(lua_State *L, size_t size,
                                 void (*drop)(void *data)) {
  lgort_vm *vm = lgort_vm_of(L);
  lgort_pending **box = lua_newuserdatauv(L, sizeof(lgort_pending *), 0);
  *box = NULL;
  if (luaL_newmetatable(L, "gort.pending")) {
    lua_pushcfunction(L, pending_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  lgort_pending *p = gort_malloc(sizeof *p + size);
  if (p) {
    memset(p, 0, sizeof *p + size);
    if (gort_chan_new(0, &p->over) < 0) {
      gort_free(p);
      p = NULL;
    }
  }
  if (!p) {
    luaL_error(L, "not enough memory");
    abort();
  }
  atomic_init(&p->refs, 2);
  p->host = vm->host;
  p->drop = drop;
  *box = p;
  enlist(p);
  gort_hold(vm->rt);
  return p;
}

void *lgort_pending_data(lgort_pending *p) { return p->data; }

void lgort_pending_done(lgort_pending *p) {
  gort *rt = p->host->rt;
  delist(p);
  gort_chan_close(p->over);
  gort_unhold(rt); /* after: the task it wakes is no longer asleep */
  release(p);
}

static void work_main(void *arg) {
  lgort_pending *p = arg;
  p->work(p->data);
  lgort_pending_done(p);
}

int lgort_pending_work(lgort_pending *p, void (*work)(void *data)) {
  p->work = work;
  int rc = gort_blocking_go(p->host->rt, work_main, p);
  if (rc < 0) lgort_pending_done(p);
  return rc;
}

void lgort_pendings_fini(lgort_host *h) {
  while (h->pendings) {
    lgort_pending *p = h->pendings;
    delist(p);
    release(p);
  }
}

/* ---- waiting for it ---------------------------------------------------- */

static int await_k(lua_State *L, int status, lua_KContext ctx) {
  lgort_pending *p = (lgort_pending *)ctx;
  gort_result res;
  (void)status;
  lgort_wait_finish(L, &res);
  return p->k(L, res.status, p->ctx);
}

int lgort_await(lua_State *L, lgort_pending *p, const gort_limit *limit,
                lua_KContext ctx, lua_KFunction k) {
  gort_value none = {.type = GORT_NIL};
  gort_result res;
  p->k = k;
  p->ctx = ctx;
  if (lgort_wait(L, lgort_vm_of(L), (gort_source *)(void *)p->over, GORT_RECV,
                 &none, limit, &res) == GORT_PARKED)
    return lgort_park(L, (lua_KContext)p, await_k);
  return k(L, res.status, ctx);
}

gort_limit lgort_opt_limit(lua_State *L, int idx) {
  return lgort_check_limit(L, idx);
}

struct uv_loop_s *lgort_loop(lua_State *L) {
  return gort_vm_loop(lgort_vm_of(L)->vm);
}
