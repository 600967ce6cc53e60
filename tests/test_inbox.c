/* SPDX-License-Identifier: MIT */
/* test_inbox.c - many push, one takes everything. */
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>

#include "sync/inbox.h"

typedef struct letter {
  gort__node node;
  int from, n;
} letter;

static void test_order(void **state) {
  (void)state;
  gort__inbox in = NULL;
  letter letters[5] = {0};
  assert_true(gort__inbox_empty(&in));
  assert_null(gort__inbox_take(&in));
  for (int i = 0; i < 5; i++) {
    letters[i].n = i;
    gort__inbox_push(&in, &letters[i].node);
  }
  assert_false(gort__inbox_empty(&in));
  gort__node *node = gort__inbox_take(&in);
  assert_true(gort__inbox_empty(&in));
  for (int i = 0; i < 5; i++, node = node->next) {
    assert_non_null(node);
    assert_int_equal(gort__container(node, letter, node)->n, i);
  }
  assert_null(node);
}

enum { SENDERS = 4, LETTERS = 20000 };
static gort__inbox shared;

static void *send(void *arg) {
  letter *mine = arg;
  for (int i = 0; i < LETTERS; i++) gort__inbox_push(&shared, &mine[i].node);
  return NULL;
}

static void test_senders(void **state) {
  (void)state;
  static letter letters[SENDERS][LETTERS];
  pthread_t threads[SENDERS];
  int next[SENDERS] = {0}, total = 0;
  for (int i = 0; i < SENDERS; i++) {
    for (int j = 0; j < LETTERS; j++) {
      letters[i][j].from = i;
      letters[i][j].n = j;
    }
    assert_int_equal(pthread_create(&threads[i], NULL, send, letters[i]), 0);
  }
  while (total < SENDERS * LETTERS) {
    for (gort__node *n = gort__inbox_take(&shared); n; total++) {
      letter *l = gort__container(n, letter, node);
      n = n->next;
      assert_int_equal(l->n, next[l->from]++); /* each one's order is kept */
    }
  }
  for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
  assert_true(gort__inbox_empty(&shared));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_senders),
  };
  return RUN_GROUP(tests);
}
