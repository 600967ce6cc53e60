/* hooks.h - debug.sethook and debug.gethook beside preemption.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LGORT_VM_HOOKS_H
#define LGORT_VM_HOOKS_H

#include "vm/vm.h"

/* Is it the hook that calls a script's? Async-signal-safe. */
bool lgort_is_script_hook(lua_Hook hook);
/* Puts debug.sethook and debug.gethook in their places. Raises on memory. */
void lgort_open_hooks(lua_State *L);

#endif
