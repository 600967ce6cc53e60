/* SPDX-License-Identifier: MIT */
/* test_list.c - the intrusive list. */
#include "support/check.h"

#include "base/list.h"

typedef struct item {
  int n;
  gort__link link;
} item;

static int pop(gort__link *head) {
  gort__link *l = gort__list_pop(head);
  return l ? gort__container(l, item, link)->n : -1;
}

static void test_order(void **state) {
  (void)state;
  gort__link head;
  item items[10] = {0};
  gort__list_init(&head);
  assert_true(gort__list_empty(&head));
  assert_int_equal(pop(&head), -1);
  for (int i = 0; i < 10; i++) {
    items[i].n = i;
    assert_false(gort__link_listed(&items[i].link));
    gort__list_push(&head, &items[i].link);
    assert_true(gort__link_listed(&items[i].link));
  }
  assert_false(gort__list_empty(&head));
  for (int i = 0; i < 10; i++) assert_int_equal(pop(&head), i);
  assert_true(gort__list_empty(&head));
  assert_false(gort__link_listed(&items[9].link));
}

static void test_unlink(void **state) {
  (void)state;
  gort__link head;
  item items[5] = {0};
  gort__list_init(&head);
  for (int i = 0; i < 5; i++) {
    items[i].n = i;
    gort__list_push(&head, &items[i].link);
  }
  gort__list_unlink(&items[0].link);
  gort__list_unlink(&items[2].link);
  gort__list_unlink(&items[4].link);
  assert_false(gort__link_listed(&items[2].link));
  gort__list_push(&head, &items[2].link); /* a link may come back */
  assert_int_equal(pop(&head), 1);
  assert_int_equal(pop(&head), 3);
  assert_int_equal(pop(&head), 2);
  assert_int_equal(pop(&head), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_unlink),
  };
  return RUN_GROUP(tests);
}
