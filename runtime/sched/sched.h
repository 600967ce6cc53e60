/* sched.h - who runs next.
 *
 * SPDX-License-Identifier: MIT
 *
 * Work is a QUEUED vm (it has ready tasks) or a record (a task not started).
 * Each worker has a ring of both and a slot for the vm it readied last;
 * overflow and what other threads submit goes to the global queues.
 *
 * Submit and sleep, the protocol that loses no wake-up:
 *   Submit: S1 publish the work (ring, slot or global queue)
 *           S2 fence   S3 if nobody spins and a place is free, wake one.
 *   Sleep:  P1 stop spinning (rt->spinning - 1), give the place back
 *           P2 fence   P3 look at every queue again; work: take a place back
 *           P4 sleep until woken.
 *   A submitter that saw a spinner (S3) published before that spinner's P3.
 *   A spinner that finds work wakes the next one, so that one submit that
 *   found a spinner busy with an earlier submit is not forgotten.
 * Rejected: one global run queue (a lock for each task), waking on every
 *   readied vm (a wake-up costs 20 us, a hand-over 30 ns). */
#ifndef GORT_SCHED_SCHED_H
#define GORT_SCHED_SCHED_H

#include "sched/worker.h"

/* Makes a claimed task runnable. Any thread, no lock held. */
void gort__ready(gort_task *t);
void gort__ready_all(gort__wakelist *list);
static inline void gort__wakelist_add(gort__wakelist *list, gort_task *t) {
  t->node.next = NULL;
  if (list->last)
    list->last->node.next = &t->node;
  else
    list->first = t;
  list->last = t;
}

/* Work was published: wakes a worker for it if that helps. */
void gort__sched_wake(gort *rt);
/* The same though as many workers as there are processors seem busy. */
void gort__sched_wake_more(gort *rt);

typedef struct gort__work {
  gort_vm *vm;         /* RUNNING, held by the caller */
  gort_record *record; /* to start in vm, or NULL */
} gort__work;

/* One look at every queue in order; false when there is nothing. */
bool gort__sched_find(gort_worker *w, gort__work *out);
/* The short way from one vm to the next, the one in w's slot. False: search (also
 * every so often when there is one, for the others' sake). */
bool gort__sched_has_partner(gort_worker *w);
/* That vm, RUNNING; NULL: it was stolen. An atomic exchange (defs.h). */
gort_vm *gort__sched_take_partner(gort_worker *w);
/* The next record if it may start in vm right away. Owner of both. */
gort_record *gort__sched_record_for(gort_worker *w, gort_vm *vm);
/* The running task of vm, which w has just put down (QUEUED), gives way to the
 * records in w's ring and the global queue: it goes on when they have begun and
 * the vms that they woke have run, or after a tick. */
void gort__sched_give_way(gort_worker *w, gort_vm *vm);
/* Whether that is still so: records come first. */
bool gort__sched_gives_way(gort_worker *w);
/* True when w has other work than the vm it holds. */
bool gort__sched_others(gort_worker *w);
/* Queues a vm in state QUEUED: at the end of the global queue (fair) or of
 * this worker's ring. */
void gort__sched_queue_vm(gort *rt, gort_worker *w, gort_vm *vm, bool fair);
/* Moves what is in w's rings and slot to the global queues. Any thread. */
void gort__sched_spill(gort *rt, gort_worker *w);
/* A record that cannot become a task: tells the interpreter; takes r. */
void gort__sched_fail(gort_worker *w, gort_record *r, int code);
/* One more task, to be started by the calling thread. */
void gort__sched_count_spawn(gort *rt);
/* A record that none can start now, or of nobody's: for all to take. */
void gort__sched_give_back(gort *rt, gort_record *r);
/* A look at all queues that takes nothing. */
bool gort__sched_any(gort *rt);
/* The same, at what this worker (NULL: one that has nothing) may take: what
 * others will not come to soon. */
bool gort__sched_any_for(gort *rt, const gort_worker *self);

#endif
