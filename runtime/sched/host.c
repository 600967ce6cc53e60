/* host.c - what a host does to a runtime from outside.
 *
 * SPDX-License-Identifier: MIT */
#include "sched/host.h"

#include "sched/runtime.h"
#include "sched/turn.h"

/* ---- channels that are open to the host -------------------------------- */

typedef struct guest {
  gort__link link;
  gort_chan *c; /* owned */
  bool closed;  /* by gort__host_close */
} guest;

static gort_object *object_of(gort_chan *c) { return (gort_object *)(void *)c; }

static int enter(gort *rt, gort_chan *c) {
  guest *g = gort_malloc(sizeof *g);
  if (!g) return GORT_ENOMEM;
  *g = (guest){.c = c};
  gort_hold(rt);
  gort__lock_take(&rt->host.lock);
  bool stopped = rt->host.stopped;
  g->closed = stopped;
  gort__list_push(&rt->host.guests, &g->link);
  gort__lock_give(&rt->host.lock);
  if (stopped) gort_chan_close(c);
  return 0;
}

int gort_chan_open(gort *rt, size_t cap, gort_chan **out) {
  gort_chan *c;
  int rc = gort_chan_new(cap, &c);
  if (rc < 0) return rc;
  rc = enter(rt, c);
  if (rc < 0)
    gort_object_release(object_of(c));
  else
    *out = c;
  return rc;
}

int gort_chan_join(gort *rt, gort_chan *c) {
  int rc = enter(rt, c);
  if (rc == 0) gort_object_retain(object_of(c));
  return rc;
}

void gort_chan_leave(gort *rt, gort_chan *c) {
  guest *found = NULL;
  gort__lock_take(&rt->host.lock);
  gort__link *l = rt->host.guests.next;
  for (; !found && l != &rt->host.guests; l = l->next) {
    guest *g = gort__container(l, guest, link);
    if (g->c == c) found = g;
  }
  if (found) gort__list_unlink(&found->link);
  gort__lock_give(&rt->host.lock);
  if (!found) return;
  gort_free(found);
  gort_object_release(object_of(c));
  gort_unhold(rt);
}

static void arrive(gort_vm *vm, gort_task *call);

void gort__host_init(gort *rt, gort_vm *main_vm) {
  gort__lock_init(&rt->host.lock, GORT_RANK_LEAF);
  gort__list_init(&rt->host.guests);
  rt->host.call.vm = main_vm;
  rt->host.call.call = arrive;
}

/* A channel is closed without the lock, so the search begins anew. */
void gort__host_close(gort *rt) {
  for (;;) {
    gort_chan *c = NULL;
    gort__lock_take(&rt->host.lock);
    rt->host.stopped = true;
    gort__link *l = rt->host.guests.next;
    for (; !c && l != &rt->host.guests; l = l->next) {
      guest *g = gort__container(l, guest, link);
      if (g->closed) continue;
      g->closed = true;
      c = g->c;
      gort_object_retain(object_of(c));
    }
    gort__lock_give(&rt->host.lock);
    if (!c) return;
    gort_chan_close(c); /* somebody may have, before */
    gort_object_release(object_of(c));
  }
}

void gort__host_fini(gort *rt) {
  gort__link *link;
  while ((link = gort__list_pop(&rt->host.guests))) {
    guest *g = gort__container(link, guest, link);
    gort_free(g); /* its count is the host's to give back */
  }
}

/* ---- calls that go to vm 0 --------------------------------------------- */

static void arrive(gort_vm *vm, gort_task *call) {
  gort *rt = vm->rt;
  (void)call;
  atomic_store(&rt->host.called, false);
  gort_record *r;
  while ((r = gort__host_next(rt))) gort__turn_start(gort__self, vm, r);
}

void gort_go_main(gort *rt, gort_record *r) {
  gort__monitor_start(rt);
  atomic_fetch_add(&rt->spawned_elsewhere, 1);
  gort__lock_take(&rt->host.lock);
  gort__runq_push(&rt->host.records, &r->node);
  gort__lock_give(&rt->host.lock);
  if (!atomic_exchange(&rt->host.called, true)) gort__ready(&rt->host.call);
}

gort_record *gort__host_next(gort *rt) {
  gort__lock_take(&rt->host.lock);
  gort__node *n = gort__runq_pop(&rt->host.records);
  gort__lock_give(&rt->host.lock);
  return n ? gort__container(n, gort_record, node) : NULL;
}
