/* list.h - an intrusive circular list: O(1) push, pop and unlink.
 *
 * SPDX-License-Identifier: MIT
 *
 * I1. A link is in a list (next != NULL) or in none (next == NULL);
 *   a head is never NULL-linked after gort__list_init. */
#ifndef GORT_BASE_LIST_H
#define GORT_BASE_LIST_H

#include "base/defs.h"

typedef struct gort__link {
  struct gort__link *next, *prev;
} gort__link;

static inline void gort__list_init(gort__link *head) {
  head->next = head->prev = head;
}

static inline bool gort__list_empty(const gort__link *head) {
  return head->next == head;
}

static inline bool gort__link_listed(const gort__link *link) {
  return link->next != NULL;
}

static inline void gort__list_push(gort__link *head, gort__link *link) {
  link->next = head;
  link->prev = head->prev;
  head->prev->next = link;
  head->prev = link;
}

/* Before all others. */
static inline void gort__list_push_front(gort__link *head, gort__link *link) {
  link->prev = head;
  link->next = head->next;
  head->next->prev = link;
  head->next = link;
}

static inline void gort__list_unlink(gort__link *link) {
  link->prev->next = link->next; /* NOLINT: I1, it is in a list */
  link->next->prev = link->prev;
  link->next = link->prev = NULL;
}

/* The oldest link, unlinked; NULL from an empty list. */
static inline gort__link *gort__list_pop(gort__link *head) {
  gort__link *link = head->next;
  if (link == head) return NULL;
  gort__list_unlink(link);
  return link;
}

#endif
