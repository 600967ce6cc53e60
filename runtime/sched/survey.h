/* survey.h - a look at every vm, by whoever holds it.
 *
 * SPDX-License-Identifier: MIT
 *
 * Each vm gets a call in its inbox, which its worker makes between two tasks;
 * who asks waits until all have answered, but only so long for each: one may
 * be stuck in a C call. What they look into is theirs until they have answered.
 * Ownership: counted, by who asks and by every vm that has not answered yet;
 *   drop(arg) when all are gone. */
#ifndef GORT_SCHED_SURVEY_H
#define GORT_SCHED_SURVEY_H

#include "sched/task.h"

typedef struct gort__survey gort__survey;

/* look(vm, i, arg) is called for vm number i of the first n. Asks at once, and
 * looks at once in own (may be NULL). NULL when memory is out. */
gort__survey *gort__survey_new(gort *rt, unsigned n, gort_vm *own,
                               void (*look)(gort_vm *vm, unsigned i, void *arg),
                               void (*drop)(void *arg), void *arg);
/* How long to wait for the next answer; 0.1 s when nothing is said. */
void gort__survey_patience(gort__survey *s, int64_t ns);
void gort__survey_release(gort__survey *s);
unsigned gort__survey_size(const gort__survey *s);
/* How many vms rt has now. */
unsigned gort__survey_room(gort *rt);
/* Whether vm number i has been asked; and has answered (acquire). */
bool gort__survey_asked(const gort__survey *s, unsigned i);
bool gort__survey_answered(const gort__survey *s, unsigned i);

/* 0, GORT_PARKED or a code; after each resume gort__survey_resume. */
int gort__survey_wait(gort__survey *s, gort_task *self);
int gort__survey_resume(gort__survey *s, gort_task *self);
/* For a thread that is no worker. */
void gort__survey_wait_here(gort__survey *s, int64_t timeout_ns);

#endif
