/* keys.c - the keys of records, as numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/keys.h"

#include <pthread.h>
#include <string.h>

#include "vm/registry.h"
#include "vm/vm.h"

/* So often is often. A key in use for long stays for as long against others
 * with the same slot. */
enum { OFTEN = 16, MOST_SEEN = 256 };

/* By number. Immutable once its number has been told: who hears of it later
 * hears it from who knows. */
static lgort_key known[LGORT_KEYS + 1];
static unsigned n_known; /* guarded by the mutex */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

const lgort_key *lgort_key_of(unsigned number) { return &known[number]; }

/* ---- numbers ----------------------------------------------------------- */

static unsigned find_locked(const char *s, size_t len) {
  for (unsigned i = 1; i <= n_known; i++)
    if (known[i].len == len && memcmp(known[i].bytes, s, len) == 0) return i;
  return 0;
}

static unsigned add_locked(const char *s, size_t len) {
  if (n_known == LGORT_KEYS) return 0;
  lgort_key *k = &known[++n_known];
  k->len = (uint8_t)len;
  memcpy(k->bytes, s, len);
  return n_known;
}

/* The number of a key, a new one if need be; 0: there is none to be had. */
static unsigned number_of(const char *s, size_t len) {
  pthread_mutex_lock(&mutex);
  unsigned number = find_locked(s, len);
  if (!number) number = add_locked(s, len);
  pthread_mutex_unlock(&mutex);
  return number;
}

/* ---- sending ----------------------------------------------------------- */

/* The string at idx gets a number, and stays. */
static unsigned give_number(lua_State *L, lgort_keys *keys, int idx,
                            const lgort_key_slot *slot) {
  size_t len;
  const char *s = lua_tolstring(L, idx, &len);
  if (len > LGORT_KEY_BYTES || !lua_checkstack(L, 2)) return 0;
  unsigned number = number_of(s, len);
  if (!number) return 0;
  idx = lua_absindex(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, keys->sent);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, slot - keys->slots + 1); /* there is a place */
  lua_pop(L, 1);
  return number;
}

unsigned lgort__key_seen(lua_State *L, lgort_keys *keys, int idx,
                         const void *string, lgort_key_slot *slot) {
  if (slot->string != string) {
    if (slot->seen > 0) {
      slot->seen--;
      return 0;
    }
    *slot = (lgort_key_slot){.string = string};
  }
  if (slot->seen < MOST_SEEN) slot->seen++;
  if (slot->seen != OFTEN || !keys->sent) return 0;
  slot->number = (uint16_t)give_number(L, keys, idx, slot);
  if (slot->number) slot->seen = MOST_SEEN;
  return slot->number;
}

/* ---- receiving --------------------------------------------------------- */

void lgort__enter_key(lua_State *L, int strings, unsigned number) {
  const lgort_key *k = lgort_key_of(number);
  lua_pop(L, 1);
  lua_pushlstring(L, k->bytes, k->len);
  lua_pushvalue(L, -1);
  lua_rawseti(L, strings, (lua_Integer)number);
}

void lgort_open_keys(lua_State *L) {
  lgort_keys *keys = &lgort_vm_of(L)->keys;
  lua_createtable(L, LGORT_KEY_SLOTS, 0);
  keys->sent = luaL_ref(L, LUA_REGISTRYINDEX);
  keys->got = lgort_ref_table(L, NULL);
}
