/* singleflight.c - calls that are made once for all who want them at the same
 * time.
 *
 * SPDX-License-Identifier: MIT
 *
 * Invariants (whenever the lock is free):
 *   I1. keys has an entry for each flight that is not settled, unless it was
 *       forgotten, and no other.
 *   I2. passengers changes only while the flight is in keys.
 * Locking: lock, rank SOURCE: the map's are taken under it.
 * Ownership: an entry owns a count of its flight, a flight one of its owner;
 *   the entry goes when the flight is settled. */
#include "ctx/future.h"

struct gort_singleflight {
  gort_object obj;
  gort__lock lock;
  gort_map *keys; /* key to its flight */
};

/* A call under way; to others a future. */
typedef struct flight {
  gort_future future;
  gort_singleflight *of; /* owned, immutable as the key */
  gort_value key;
  unsigned passengers; /* guarded by of->lock */
} flight;

static void flight_destroy(gort_object *o) {
  flight *f = gort__container(o, flight, future.src.obj);
  gort__future_fini(&f->future);
  gort_value_drop(&f->key);
  gort_object_release(&f->of->obj);
  gort_free(f);
}

static const gort_class flight_class = {"call", flight_destroy,
                                        &gort__future_source};

/* Whoever comes from now on makes the call anew. */
static void land(gort_future *future) {
  flight *f = gort__container(future, flight, future);
  gort_value found = {.type = GORT_NIL};
  gort__lock_take(&f->of->lock);
  if (gort_map_load(f->of->keys, &f->key, &found) == 1) {
    gort_value own = {.type = GORT_OBJECT, .u.obj = &future->src.obj}, gone;
    bool same = gort_value_equal(&found, &own); /* else: forgotten */
    if (same && gort_map_delete(f->of->keys, &f->key, &gone) == 1)
      gort_value_drop(&gone); /* not the last count: the caller has one */
  }
  gort__lock_give(&f->of->lock);
  gort_value_drop(&found);
}

static flight *flight_new(gort_singleflight *sf, const gort_value *key) {
  flight *f = gort_malloc(sizeof *f);
  if (!f) return NULL;
  gort__future_init(&f->future, &flight_class, land);
  f->of = sf;
  gort_object_retain(&sf->obj);
  f->key = gort_value_copy(key);
  f->passengers = 0;
  return f;
}

int gort_singleflight_join(gort_singleflight *sf, const gort_value *key,
                           gort_future **out) {
  flight *f = flight_new(sf, key);
  if (!f) return GORT_ENOMEM;
  gort_value mine = {.type = GORT_OBJECT, .u.obj = &f->future.src.obj}, found;
  gort_object_retain(mine.u.obj); /* the map's count */
  gort__lock_take(&sf->lock);
  int rc = gort_map_load_or_store(sf->keys, key, &mine, &found);
  if (rc == 1) {
    flight *theirs = gort__container(found.u.obj, flight, future.src.obj);
    theirs->passengers++;
    *out = &theirs->future;
  }
  gort__lock_give(&sf->lock);
  if (rc == 0) {
    *out = &f->future;
    return 0;
  }
  gort_value_drop(&mine);
  gort_object_release(&f->future.src.obj);
  return rc;
}

bool gort_singleflight_shared(gort_future *future) {
  flight *f = gort__container(future, flight, future);
  gort__lock_take(&f->of->lock);
  bool shared = f->passengers > 0;
  gort__lock_give(&f->of->lock);
  return shared;
}

int gort_singleflight_forget(gort_singleflight *sf, const gort_value *key) {
  gort_value gone = {.type = GORT_NIL};
  gort__lock_take(&sf->lock);
  int rc = gort_map_delete(sf->keys, key, &gone);
  gort__lock_give(&sf->lock);
  gort_value_drop(&gone);
  return rc < 0 ? rc : 0;
}

static void singleflight_destroy(gort_object *o) {
  gort_singleflight *sf = gort__container(o, gort_singleflight, obj);
  gort_object_release((gort_object *)(void *)sf->keys);
  gort_free(sf);
}

static const gort_class singleflight_class = {"singleflight",
                                              singleflight_destroy, NULL};

const gort_class *gort_singleflight_class(void) { return &singleflight_class; }

int gort_singleflight_new(gort_singleflight **out) {
  gort_singleflight *sf = gort_malloc(sizeof *sf);
  if (!sf) return GORT_ENOMEM;
  int rc = gort_map_new(&sf->keys);
  if (rc < 0) {
    gort_free(sf);
    return rc;
  }
  gort__object_init(&sf->obj, &singleflight_class);
  gort__lock_init(&sf->lock, GORT_RANK_SOURCE);
  *out = sf;
  return 0;
}
