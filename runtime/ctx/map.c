/* map.c - a map that tasks share.
 *
 * SPDX-License-Identifier: MIT
 *
 * Each key belongs to one of PARTS hash tables with a lock of its own, so tasks
 * meet seldom. A table is open: linear probing, and a deletion moves up what
 * follows, so there are no tombstones.
 *
 * Invariants (whenever a part's lock is free):
 *   I1. size is 0 or a power of two; count <= size * 3 / 4.
 *   I2. between an entry's home and its slot no slot is empty.
 * Locking: each part's lock, rank LEAF, one at a time. Values and keys are
 *   released after it is dropped: their end may take other locks. */
#include <math.h>
#include <string.h>

#include "base/object.h"
#include "sync/lock.h"

enum { PARTS = 32, SMALLEST = 8 };

typedef struct entry {
  uint64_t hash; /* 0: empty */
  gort_value key, value;
} entry;

typedef struct part {
  _Alignas(GORT_CACHELINE) gort__lock lock;
  /* Guarded by lock; count is read without it (relaxed). */
  atomic_size_t count;
  size_t size;
  entry *slot;
} part;

struct gort_map {
  gort_object obj;
  part parts[PARTS];
};

/* ---- keys -------------------------------------------------------------- */

static uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0x9E3779B97F4A7C15u;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9u;
  return h ^ h >> 32;
}

static uint64_t hash_bytes(const char *s, size_t len) {
  uint64_t h = len, word;
  for (; len >= sizeof word; s += sizeof word, len -= sizeof word) {
    memcpy(&word, s, sizeof word);
    h = mix(h ^ word) + 1;
  }
  word = 0;
  memcpy(&word, s, len);
  return mix(h ^ word);
}

/* A key in the one form it is stored in; false for what cannot be one. */
static bool normalise(gort_value *k) {
  int64_t i;
  switch (k->type) {
    case GORT_BOOLEAN:
    case GORT_INTEGER:
    case GORT_STRING:
    case GORT_OBJECT:
      return true;
    case GORT_FLOAT:
      if (gort__float_to_integer(k->u.n, &i))
        *k = (gort_value){.type = GORT_INTEGER, .u.i = i};
      return k->type == GORT_INTEGER || !isnan(k->u.n);
    default:
      return false;
  }
}

/* Of a normalised key; never 0. */
static uint64_t hash_of(const gort_value *k) {
  uint64_t h = 0;
  if (k->type == GORT_STRING)
    h = hash_bytes(gort_buf_bytes(k->u.buf), gort_buf_len(k->u.buf));
  else if (k->type == GORT_BOOLEAN)
    h = k->u.b;
  else
    memcpy(&h, &k->u, sizeof h);
  h = mix(h + k->type + ((uint64_t)k->kind << 8));
  return h ? h : 1;
}

/* Parts are told by the high bits, slots by the low ones. */
static part *part_of(gort_map *m, uint64_t hash) {
  return &m->parts[hash >> 59];
}
_Static_assert(PARTS == 1 << (64 - 59), "part_of");

/* ---- one table; the caller holds its lock ------------------------------ */

static entry *find_locked(part *p, uint64_t hash, const gort_value *k) {
  if (!p->size) return NULL;
  for (size_t i = hash & (p->size - 1);; i = (i + 1) & (p->size - 1)) {
    entry *e = &p->slot[i];
    if (!e->hash) return NULL;
    if (e->hash == hash && gort_value_equal(&e->key, k)) return e;
  }
}

static entry *free_slot(entry *slot, size_t size, uint64_t hash) {
  size_t i = hash & (size - 1);
  while (slot[i].hash) i = (i + 1) & (size - 1);
  return &slot[i];
}

static int resize_locked(part *p, size_t size) {
  entry *slot = gort_malloc(size * sizeof *slot);
  if (!slot) return GORT_ENOMEM;
  for (size_t i = 0; i < size; i++) slot[i].hash = 0;
  for (size_t i = 0; i < p->size; i++)
    if (p->slot[i].hash) *free_slot(slot, size, p->slot[i].hash) = p->slot[i];
  gort_free(p->slot);
  p->slot = slot;
  p->size = size;
  return 0;
}

static size_t count_of(part *p) {
  return atomic_load_explicit(&p->count, memory_order_relaxed);
}

static void set_count(part *p, size_t n) {
  atomic_store_explicit(&p->count, n, memory_order_relaxed);
}

/* Takes *v when there is room. */
static int insert_locked(part *p, uint64_t hash, const gort_value *k,
                         gort_value *v) {
  size_t n = count_of(p) + 1;
  if (n > p->size / 4 * 3) {
    int rc = resize_locked(p, p->size ? p->size * 2 : SMALLEST);
    if (rc < 0) return rc;
  }
  *free_slot(p->slot, p->size, hash) = (entry){hash, gort_value_copy(k), *v};
  v->type = GORT_NIL;
  set_count(p, n);
  return 0;
}

/* Empties e and moves up whoever would not be found behind the gap. */
static void remove_locked(part *p, entry *e) {
  size_t mask = p->size - 1, gap = (size_t)(e - p->slot);
  for (size_t i = (gap + 1) & mask; p->slot[i].hash; i = (i + 1) & mask) {
    size_t home = p->slot[i].hash & mask;
    if (((i - home) & mask) < ((i - gap) & mask)) continue;
    p->slot[gap] = p->slot[i];
    gap = i;
  }
  p->slot[gap].hash = 0;
  size_t n = count_of(p) - 1;
  set_count(p, n);
  /* If there is no memory for the smaller one the large one will do. */
  if (p->size > SMALLEST && n < p->size / 8) resize_locked(p, p->size / 4);
}

/* ---- operations -------------------------------------------------------- */

/* A key's place: the lock of its part is held until leave. */
typedef struct place {
  gort_value key;
  uint64_t hash;
  part *part;
  entry *entry; /* NULL: not there */
} place;

static bool enter(gort_map *m, const gort_value *k, place *at) {
  at->key = *k;
  if (!normalise(&at->key)) return false;
  at->hash = hash_of(&at->key);
  at->part = part_of(m, at->hash);
  gort__lock_take(&at->part->lock);
  at->entry = find_locked(at->part, at->hash, &at->key);
  return true;
}

static void leave(place *at) { gort__lock_give(&at->part->lock); }

int gort_map_load(gort_map *m, const gort_value *k, gort_value *out) {
  place at;
  if (!enter(m, k, &at)) return GORT_EINVAL;
  bool found = at.entry != NULL;
  if (found) *out = gort_value_copy(&at.entry->value);
  leave(&at);
  return found;
}

int gort_map_store(gort_map *m, const gort_value *k, gort_value *v) {
  place at;
  gort_value old = {.type = GORT_NIL};
  int rc = 0;
  if (!enter(m, k, &at)) return GORT_EINVAL;
  if (at.entry) {
    old = at.entry->value;
    at.entry->value = *v;
    v->type = GORT_NIL;
  } else {
    rc = insert_locked(at.part, at.hash, &at.key, v);
  }
  leave(&at);
  gort_value_drop(&old);
  return rc;
}

int gort_map_load_or_store(gort_map *m, const gort_value *k, gort_value *v,
                           gort_value *out) {
  place at;
  int rc = 1;
  if (!enter(m, k, &at)) return GORT_EINVAL;
  if (at.entry)
    *out = gort_value_copy(&at.entry->value);
  else
    rc = insert_locked(at.part, at.hash, &at.key, v);
  leave(&at);
  return rc;
}

int gort_map_delete(gort_map *m, const gort_value *k, gort_value *out) {
  place at;
  if (!enter(m, k, &at)) return GORT_EINVAL;
  bool found = at.entry != NULL;
  gort_value key = {.type = GORT_NIL};
  if (found) {
    key = at.entry->key;
    *out = at.entry->value;
    remove_locked(at.part, at.entry);
  }
  leave(&at);
  gort_value_drop(&key);
  return found;
}

int gort_map_cas(gort_map *m, const gort_value *k, const gort_value *from,
                 gort_value *v) {
  place at;
  gort_value old = {.type = GORT_NIL};
  if (!enter(m, k, &at)) return GORT_EINVAL;
  bool same = at.entry && gort_value_equal(&at.entry->value, from);
  if (same) {
    old = at.entry->value;
    at.entry->value = *v;
    v->type = GORT_NIL;
  }
  leave(&at);
  gort_value_drop(&old);
  return same;
}

size_t gort_map_len(gort_map *m) {
  size_t n = 0;
  for (int i = 0; i < PARTS; i++) n += count_of(&m->parts[i]);
  return n;
}

unsigned gort_map_parts(void) { return PARTS; }

int64_t gort_map_part(gort_map *m, unsigned number, gort_value **pairs) {
  part *p = &m->parts[number];
  gort_value *list = NULL;
  int64_t n = 0;
  gort__lock_take(&p->lock);
  size_t count = count_of(p);
  if (count > 0) list = gort_malloc(2 * count * sizeof *list);
  for (size_t i = 0; list && i < p->size; i++) {
    if (!p->slot[i].hash) continue;
    list[2 * n] = gort_value_copy(&p->slot[i].key);
    list[2 * n + 1] = gort_value_copy(&p->slot[i].value);
    n++;
  }
  gort__lock_give(&p->lock);
  if (count > 0 && !list) return GORT_ENOMEM;
  *pairs = list;
  return n;
}

/* ---- its life ---------------------------------------------------------- */

static void map_destroy(gort_object *o) {
  gort_map *m = gort__container(o, gort_map, obj);
  for (int i = 0; i < PARTS; i++) {
    part *p = &m->parts[i];
    for (size_t j = 0; j < p->size; j++) {
      if (!p->slot[j].hash) continue;
      gort_value_drop(&p->slot[j].key);
      gort_value_drop(&p->slot[j].value);
    }
    gort_free(p->slot);
  }
  gort__free_aligned(m);
}

static const gort_class map_class = {"map", map_destroy, NULL};

const gort_class *gort_map_class(void) { return &map_class; }

int gort_map_new(gort_map **out) {
  gort_map *m = gort__malloc_aligned(sizeof *m);
  if (!m) return GORT_ENOMEM;
  gort__object_init(&m->obj, &map_class);
  for (int i = 0; i < PARTS; i++) {
    part *p = &m->parts[i];
    gort__lock_init(&p->lock, GORT_RANK_LEAF);
    atomic_init(&p->count, 0);
    p->size = 0;
    p->slot = NULL;
  }
  *out = m;
  return 0;
}
