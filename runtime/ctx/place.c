/* place.c - where contexts were made that nobody has ended: for debugging.
 *
 * SPDX-License-Identifier: MIT
 *
 * A place counts the contexts made there that have not ended; one that is
 * freed first stays counted, since that is what is looked for. Places are few
 * and never go before the runtime.
 * Locking: rt->places_lock, rank LEAF. */
#include "ctx/place.h"

#include <string.h>

#include "sched/runtime.h"

struct gort__place {
  gort__place *next;
  unsigned open; /* guarded by rt->places_lock, as the list */
  char name[];
};

static gort__place *find_locked(gort *rt, const char *name) {
  gort__place *p = rt->places;
  while (p && strcmp(p->name, name) != 0) p = p->next;
  return p;
}

void gort_context_note(gort_context *ctx, const char *name) {
  gort *rt = ctx->rt;
  size_t size = strlen(name) + 1;
  gort__place *made = gort_malloc(sizeof *made + size);
  if (!made) return;
  memcpy(made->name, name, size);
  made->open = 0;
  gort__lock_take(&ctx->src.lock);
  if (gort_context_err(ctx) == 0) {
    gort__lock_take(&rt->places_lock);
    ctx->place = find_locked(rt, name);
    if (!ctx->place) {
      made->next = rt->places;
      rt->places = ctx->place = made;
      made = NULL;
    }
    ctx->place->open++;
    gort__lock_give(&rt->places_lock);
  }
  gort__lock_give(&ctx->src.lock);
  gort_free(made);
}

void gort__place_ended(gort_context *ctx) {
  gort__lock_take(&ctx->rt->places_lock);
  ctx->place->open--;
  gort__lock_give(&ctx->rt->places_lock);
}

void gort_context_places(gort *rt,
                         void (*each)(void *arg, const char *place, unsigned n),
                         void *arg) {
  gort__lock_take(&rt->places_lock);
  gort__place *p = rt->places;
  gort__lock_give(&rt->places_lock);
  for (; p; p = p->next) {
    gort__lock_take(&rt->places_lock);
    unsigned n = p->open;
    gort__lock_give(&rt->places_lock);
    if (n) each(arg, p->name, n);
  }
}

void gort__places_free(gort *rt) {
  while (rt->places) {
    gort__place *p = rt->places;
    rt->places = p->next;
    gort_free(p);
  }
}
