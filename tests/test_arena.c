/* test_arena.c - small blocks of one owner.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rand.h"
#include "support/check.h"

static void test_blocks_are_apart(void **state) {
  (void)state;
  gort__arena a;
  gort__arena_init(&a);
  enum { N = 5000 };
  static unsigned char *blocks[N];
  static size_t sizes[N];
  gort__rand r;
  gort__rand_init(&r, 7);
  for (int i = 0; i < N; i++) {
    sizes[i] = 1 + gort__rand_below(&r, GORT_ARENA_MOST);
    blocks[i] = gort__arena_get(&a, sizes[i]);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % GORT_ARENA_STEP, 0);
    memset(blocks[i], i & 255, sizes[i]);
  }
  /* Each in turn is given back and got anew, of another size. */
  for (int round = 0; round < 20 * N; round++) {
    uint32_t i = gort__rand_below(&r, N);
    for (size_t j = 0; j < sizes[i]; j++)
      if (blocks[i][j] != (i & 255)) fail_msg("block %u was written to", i);
    gort__arena_give(&a, blocks[i]);
    sizes[i] = 1 + gort__rand_below(&r, GORT_ARENA_MOST);
    blocks[i] = gort__arena_get(&a, sizes[i]);
    assert_non_null(blocks[i]);
    memset(blocks[i], i & 255, sizes[i]);
  }
  for (int i = 0; i < N; i++) gort__arena_give(&a, blocks[i]);
  gort__arena_trim(&a);
  assert_int_equal(a.taken, 0);
  assert_int_equal(a.dirty, 0);
  assert_int_equal(a.empty, 0);
  assert_true(gort__list_empty(&a.regions));
  gort__arena_fini(&a);
}

static void test_chunks_are_used_again(void **state) {
  (void)state;
  gort__arena a;
  gort__arena_init(&a);
  enum { N = 40000 };
  void **blocks = malloc(N * sizeof *blocks);
  assert_non_null(blocks);
  unsigned most = 0;
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < N; i++) {
      blocks[i] = gort__arena_get(&a, 200 + 100 * (size_t)round);
      assert_non_null(blocks[i]);
    }
    if (a.taken > most) most = a.taken;
    /* Every other one first, so that all chunks have holes. */
    for (int i = 0; i < N; i += 2) gort__arena_give(&a, blocks[i]);
    for (int i = 1; i < N; i += 2) gort__arena_give(&a, blocks[i]);
    assert_true(a.taken <= 4); /* current ones */
    assert_true(a.dirty <= 32);
  }
  assert_true(most < 1000);
  free(blocks);
  gort__arena_fini(&a);
}

static void test_one_that_stays_keeps_its_chunk_only(void **state) {
  (void)state;
  gort__arena a;
  gort__arena_init(&a);
  enum { N = 4096 };
  static unsigned char *blocks[N];
  for (int i = 0; i < N; i++) {
    blocks[i] = gort__arena_get(&a, GORT_ARENA_MOST);
    assert_non_null(blocks[i]);
    memset(blocks[i], 1, GORT_ARENA_MOST);
  }
  for (int i = 0; i < N; i++)
    if (i % 1024) gort__arena_give(&a, blocks[i]);
  gort__arena_trim(&a);
  assert_in_range(a.taken, 1, 5);
  assert_int_equal(a.dirty, 0);
  for (int i = 0; i < N; i += 1024) {
    for (size_t j = 0; j < GORT_ARENA_MOST; j++)
      assert_int_equal(blocks[i][j], 1);
    gort__arena_give(&a, blocks[i]);
  }
  gort__arena_fini(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_apart),
      cmocka_unit_test(test_chunks_are_used_again),
      cmocka_unit_test(test_one_that_stays_keeps_its_chunk_only),
  };
  return RUN_GROUP(tests);
}
