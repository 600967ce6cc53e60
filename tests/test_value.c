/* SPDX-License-Identifier: MIT */
/* test_value.c - values, buffers, objects, texts, codes. */
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/text.h"
#include "support/steps.h"

static atomic_int drops, destroyed;

static void on_drop(gort_buf *b) {
  atomic_fetch_add(&drops, 1);
  assert_string_equal(gort_buf_bytes(b), "bytes");
}

static gort_value data(void) {
  gort_value v = {.type = GORT_DATA, .kind = 7};
  v.u.buf = gort_buf_new(6, on_drop);
  assert_non_null(v.u.buf);
  memcpy(gort_buf_bytes(v.u.buf), "bytes", 6);
  return v;
}

static void test_buffer(void **state) {
  (void)state;
  atomic_store(&drops, 0);
  gort_value v = data(), copy = gort_value_copy(&v);
  assert_int_equal(gort_buf_len(v.u.buf), 6);
  assert_int_equal((uintptr_t)gort_buf_bytes(v.u.buf) % 16, 0);
  assert_int_equal(copy.kind, 7);
  assert_ptr_equal(copy.u.buf, v.u.buf);
  gort_value_drop(&v);
  assert_int_equal(v.type, GORT_NIL);
  assert_int_equal(drops, 0);
  gort_value_drop(&v); /* nothing is left to drop */
  gort_value_drop(&copy);
  assert_int_equal(drops, 1);
  gort_buf *empty = gort_buf_new(0, NULL);
  assert_int_equal(gort_buf_len(empty), 0);
  gort_buf_release(empty);
  assert_null(gort_buf_new(SIZE_MAX - 8, NULL));
}

static void destroy(gort_object *o) {
  atomic_fetch_add(&destroyed, 1);
  free(o);
}
static const gort_class thing_class = {"thing", destroy, NULL};

static void test_object(void **state) {
  (void)state;
  atomic_store(&destroyed, 0);
  gort_object *o = malloc(sizeof *o);
  gort__object_init(o, &thing_class);
  assert_ptr_equal(gort_object_class(o), &thing_class);
  gort_value v = {.type = GORT_OBJECT, .u.obj = o};
  gort_value copy = gort_value_copy(&v);
  gort_value_drop(&v);
  assert_int_equal(destroyed, 0);
  gort_value_drop(&copy);
  assert_int_equal(destroyed, 1);
}

static void test_plain(void **state) {
  (void)state;
  gort_value v = integer(INT64_MIN), copy = gort_value_copy(&v);
  gort_value_drop(&v);
  assert_int_equal(v.type, GORT_NIL);
  assert_true(copy.type == GORT_INTEGER && copy.u.i == INT64_MIN);
}

/* Threads share one buffer: it is freed once, by the last. */
static void *share(void *arg) {
  gort_value *v = arg;
  for (int i = 0; i < 20000; i++) {
    gort_value copy = gort_value_copy(v);
    gort_value_drop(&copy);
  }
  gort_value_drop(v);
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  pthread_t threads[4];
  gort_value values[4];
  atomic_store(&drops, 0);
  values[0] = data();
  for (int i = 1; i < 4; i++) values[i] = gort_value_copy(&values[0]);
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, share, &values[i]), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(drops, 1);
}

static void test_text(void **state) {
  (void)state;
  gort_text *t = gort_text_new();
  for (int i = 0; i < 1000; i++) gort_text_add(t, "abc", 3);
  gort__text_format(t, "%d %s", 12, "x");
  char *text = gort_text_take(t);
  assert_int_equal(strlen(text), 3004);
  assert_string_equal(text + 2997, "abc12 x");
  gort_free(text);
  text = gort_text_take(gort_text_new());
  assert_string_equal(text, "");
  gort_free(text);
  t = gort_text_new();
  char longer[600];
  memset(longer, 'y', sizeof longer);
  longer[599] = '\0';
  gort__text_format(t, "%s", longer); /* cut after 511 bytes */
  text = gort_text_take(t);
  assert_int_equal(strlen(text), 511);
  gort_free(text);
  assert_null(gort_text_take(NULL));
}

static void test_codes(void **state) {
  (void)state;
  assert_string_equal(gort_strerror(GORT_ECLOSED), "send on closed channel");
  assert_string_equal(gort_strerror(GORT_ENOMEM), "not enough memory");
  assert_string_equal(gort_strerror(0), "no error");
  assert_non_null(gort_strerror(-2)); /* libuv's */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_buffer), cmocka_unit_test(test_object),
      cmocka_unit_test(test_plain),  cmocka_unit_test(test_threads),
      cmocka_unit_test(test_text),   cmocka_unit_test(test_codes),
  };
  return RUN_GROUP(tests);
}
