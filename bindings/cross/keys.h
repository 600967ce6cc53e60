/* keys.h - the keys of records, as numbers.
 *
 * SPDX-License-Identifier: MIT
 *
 * Programs send records with the same few keys again and again. A key that a vm
 * has sent often gets a number, which flat tables carry in its place (flat.h):
 * the sender need not copy it, and who receives it has the string at hand.
 *
 * Numbers are those of the whole process, from 1 on, and for good: a value may
 * outlive its runtime. There are LGORT_KEYS; later keys are copied, as seldom
 * ones are. A vm tells the strings that it sends by their addresses.
 *
 * Invariant: a slot with a number is that of a string which the table sent has at
 *   the slot's place, so that no other string gets the address. */
#ifndef LGORT_CROSS_KEYS_H
#define LGORT_CROSS_KEYS_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  LGORT_KEYS = 4096,
  LGORT_KEY_SLOTS = 128,
  LGORT_KEY_BYTES = 32 /* of the longest key with a number */
};

typedef struct lgort_key {
  uint8_t len;
  char bytes[LGORT_KEY_BYTES];
} lgort_key;

typedef struct lgort_key_slot {
  const void *string; /* or NULL */
  uint16_t number;    /* 0: none */
  uint16_t seen;      /* how often, up to a limit; falls as others are */
} lgort_key_slot;

/* What a vm knows of them. */
typedef struct lgort_keys {
  lgort_key_slot slots[LGORT_KEY_SLOTS];
  /* References into the registry, to tables: place of a slot, from 1, to string;
   * number to string, of keys that have come. 0 while the state is opened. */
  int sent, got;
} lgort_keys;

/* The slow part: slot is not of the string at idx, whose address is string, or
 * it has no number. */
unsigned lgort__key_seen(lua_State *L, lgort_keys *keys, int idx,
                         const void *string, lgort_key_slot *slot);

/* The number of the string at idx, a key that is being sent; 0: it has none.
 * Neither raises nor collects. */
static inline unsigned lgort_key_number(lua_State *L, lgort_keys *keys,
                                        int idx) {
  const void *string = lua_topointer(L, idx);
  uintptr_t bits = (uintptr_t)string >> 4;
  lgort_key_slot *slot = &keys->slots[(bits ^ bits >> 7) % LGORT_KEY_SLOTS];
  return __builtin_expect(slot->string == string && slot->number, 1)
             ? slot->number
             : lgort__key_seen(L, keys, idx, string, slot);
}

/* The key with this number, which has been given out. */
const lgort_key *lgort_key_of(unsigned number);

/* Pushes the table of strings that have come, for lgort_push_key. */
static inline void lgort_push_keys(lua_State *L, const lgort_keys *keys) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, keys->got);
}
/* Replaces the nil on top of the stack by the key, and enters that. */
void lgort__enter_key(lua_State *L, int strings, unsigned number);
/* Pushes the key with this number; strings: where that table is. Raises on
 * memory. */
static inline void lgort_push_key(lua_State *L, int strings, unsigned number) {
  int type = lua_rawgeti(L, strings, (lua_Integer)number);
  if (__builtin_expect(type == LUA_TNIL, 0))
    lgort__enter_key(L, strings, number);
}

void lgort_open_keys(lua_State *L);

#endif
