/* sync.c - gort.sync: what tasks share beside channels.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/lib.h"

static const luaL_Reg parts[] = {
    {"waitgroup", lgort_open_waitgroup},
    {"mutex", lgort_open_mutex},
    {"rwmutex", lgort_open_rwmutex},
    {"cond", lgort_open_cond},
    {"semaphore", lgort_open_semaphore},
    {"atomic", lgort_open_atomic},
    {"map", lgort_open_map},
    {"once", lgort_open_once},
    {"singleflight", lgort_open_singleflight},
    {NULL, NULL},
};

int lgort_open_sync(lua_State *L) {
  lua_newtable(L);
  for (const luaL_Reg *p = parts; p->name; p++) {
    p->func(L);
    lua_setfield(L, -2, p->name);
  }
  return 1;
}
