/* test_arena.c - small blocks of one owner.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/rand.h"
#include "support/check.h"
#include "support/steps.h"

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
    if (round % 777 == 0) gort__arena_trim(&a);
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

/* How many of the pages of these blocks have memory. */
static unsigned resident(unsigned char **blocks, int n) {
  unsigned pages = 0;
  uintptr_t last = 0;
  for (int i = 0; i < n; i++) {
    uintptr_t at = (uintptr_t)blocks[i] & ~(uintptr_t)4095;
    unsigned char in;
    if (at == last) continue;
    last = at;
    assert_int_equal(mincore((void *)at, 4096, &in), 0);
    pages += in & 1;
  }
  return pages;
}

/* A trimmed chunk gives back the pages around what stays, and has room for all
 * that was there. */
static void test_holes_go(void **state) {
  (void)state;
  enum { N = 6000, KEPT = 300 };
  static unsigned char *blocks[N];
  for (size_t size = 16; size <= GORT_ARENA_MOST; size = size * 3 / 2) {
    gort__arena a;
    gort__arena_init(&a);
    for (int i = 0; i < N; i++) {
      blocks[i] = gort__arena_get(&a, size);
      assert_non_null(blocks[i]);
      memset(blocks[i], 0xEE, size);
    }
    unsigned before = resident(blocks, N), taken = a.taken;
    for (int i = 0; i < N; i++)
      if (i % KEPT) gort__arena_give(&a, blocks[i]);
    gort__arena_trim(&a);
    gort__arena_trim(&a); /* finds nothing more to do */
    /* A page or two for each that stays, and the heads of regions. */
    unsigned after = resident(blocks, N);
    if (after > 3 * (N / KEPT) + before / 128 + 1)
      fail_msg("size %zu: of %u pages %u stay", size, before, after);
    for (int i = 0; i < N; i++) {
      if (i % KEPT) blocks[i] = gort__arena_get(&a, size);
      assert_non_null(blocks[i]);
      if (i % KEPT) memset(blocks[i], 0xEE, size);
    }
    assert_in_range(a.taken, 1, taken); /* no more chunks than before */
    for (int i = 0; i < N; i += KEPT)
      for (size_t j = 0; j < size; j++) assert_int_equal(blocks[i][j], 0xEE);
    for (int i = 0; i < N; i++) gort__arena_give(&a, blocks[i]);
    gort__arena_trim(&a);
    assert_int_equal(a.taken, 0);
    gort__arena_fini(&a);
  }
}

/* ---- what a vm has ------------------------------------------------------ */

/* Blocks that grow and shrink between the arena, the allocator and pages of
 * their own keep what is in them. */
static void test_blocks_of_a_vm(void **state) {
  (void)state;
  enum { N = 50, ROUNDS = 3000 };
  static const size_t most[] = {64, 2000, 300000, 2000000};
  unsigned char *blocks[N] = {NULL};
  size_t sizes[N] = {0};
  gort__rand r;
  gort__rand_init(&r, 11);
  gort *rt = steps_new(1);
  gort_vm *vm = gort_vm_main(rt);
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint32_t i = gort__rand_below(&r, N);
    size_t old = sizes[i];
    size_t size = gort__rand_below(&r, (uint32_t)most[round % 4]);
    blocks[i] = gort_vm_realloc(vm, blocks[i], old, size);
    if (size && !blocks[i]) abort();
    assert_true(size || !blocks[i]);
    size_t kept = old < size ? old : size;
    for (size_t j = 0; j < kept; j += 1 + kept / 100)
      if (blocks[i][j] != i) fail_msg("%zu to %zu: byte %zu", old, size, j);
    if (size) memset(blocks[i], (int)i, size);
    sizes[i] = size;
    if (round % 500 == 0) gort_vm_trim(vm);
  }
  for (int i = 0; i < N; i++) gort_vm_realloc(vm, blocks[i], sizes[i], 0);
  gort_destroy(rt);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_apart),
      cmocka_unit_test(test_chunks_are_used_again),
      cmocka_unit_test(test_one_that_stays_keeps_its_chunk_only),
      cmocka_unit_test(test_holes_go),
      cmocka_unit_test(test_blocks_of_a_vm),
  };
  return RUN_GROUP(tests);
}
