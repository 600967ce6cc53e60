/* bond.c - tasks that a context ends.
 *
 * SPDX-License-Identifier: MIT */
#include "ctx/bond.h"

#include "sched/runtime.h"

/* ---- records and tasks ------------------------------------------------- */

int gort_record_bind(gort_record *r, gort_context *ctx) {
  gort__bond *bond = NULL;
  if (ctx) {
    bond = gort_malloc(sizeof *bond);
    if (!bond) return GORT_ENOMEM;
    *bond = (gort__bond){.ctx = ctx};
    gort_object_retain(&ctx->src.obj);
  }
  if (r->bond) gort__bond_free(r->bond);
  r->bond = bond;
  return 0;
}

gort_context *gort_record_context(const gort_record *r) {
  return r->bond ? r->bond->ctx : NULL;
}

/* From here on the context's end reaches the task. */
static void join(gort__bond *bond) {
  gort_context *c = bond->ctx;
  /* It may be OPEN: what decided an earlier wait need not be the ticket. */
  atomic_store_explicit(&bond->task->wait.ticket, GORT_TICKET_IDLE,
                        memory_order_relaxed);
  gort__lock_take(&c->src.lock);
  if (gort_context_err(c) == 0) gort__list_push(&c->bonds, &bond->link);
  gort__lock_give(&c->src.lock);
}

static void leave(gort__bond *bond) {
  gort_context *c = bond->ctx;
  gort__lock_take(&c->src.lock);
  if (gort__link_listed(&bond->link)) gort__list_unlink(&bond->link);
  gort__lock_give(&c->src.lock);
}

void gort__bond_start(gort_task *t, gort__bond *bond) {
  bond->task = t;
  t->bond = bond;
  join(bond);
}

void gort__bond_free(gort__bond *bond) {
  if (bond->task) leave(bond);
  gort_object_release(&bond->ctx->src.obj);
  gort_free(bond);
}

gort_context *gort_task_context(const gort_task *t) {
  return t->bond ? t->bond->ctx : NULL;
}

int gort_task_err(const gort_task *t) {
  return t->bond && !t->bond->shielded ? gort_context_err(t->bond->ctx) : 0;
}

void gort_task_shield(gort_task *t, bool on) {
  gort__bond *bond = t->bond;
  if (!bond || bond->shielded == on) return;
  bond->shielded = on;
  if (on)
    leave(bond);
  else
    join(bond);
}

/* ---- ending waits ------------------------------------------------------ */

static bool claim(gort_task *t) {
  int open = GORT_TICKET_OPEN;
  return atomic_compare_exchange_strong(&t->wait.ticket, &open,
                                        GORT_TICKET_BOUND);
}

bool gort__bonds_end_locked(gort_context *c, gort__wakelist *wake) {
  bool computes = false;
  gort__link *link;
  while ((link = gort__list_pop(&c->bonds))) {
    gort_task *t = gort__container(link, gort__bond, link)->task;
    if (claim(t))
      gort__wakelist_add(wake, t);
    else
      computes = true;
  }
  return computes;
}

void gort__bond_check(gort_task *self) {
  gort__fence();
  if (gort_task_err(self) && claim(self)) gort__ready(self);
}
