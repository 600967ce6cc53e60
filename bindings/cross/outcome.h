/* outcome.h - what becomes of a call is told to an object.
 *
 * SPDX-License-Identifier: MIT
 *
 * A wait group only hears that the function has returned; an error in it is
 * the program's end. A future gets results or error, an error group the error
 * that was raised, or returned after nil, and a raised one's traceback. */
#ifndef LGORT_CROSS_OUTCOME_H
#define LGORT_CROSS_OUTCOME_H

#include "vm/vm.h"

/* An error of a call that tells told is not the program's. told may be NULL. */
bool lgort_outcome_catches(const gort_object *told);
/* Its traceback is wanted, too. */
bool lgort_outcome_traces(const gort_object *told);
/* The call has returned, with the values from index first on, or failed, with
 * the error at first. Takes told and trace. Pops the values. */
void lgort_outcome_tell(lua_State *L, gort_object *told, gort_value *trace,
                        int first, bool ok);
/* It failed without a word: memory ran out. Any worker; takes told. */
void lgort_outcome_fail(gort_object *told);

/* Pushes what a future gave: the results, or raises the error. Returns how
 * many were pushed. Takes the value. */
int lgort_outcome_push(lua_State *L, gort_result *res);

#endif
