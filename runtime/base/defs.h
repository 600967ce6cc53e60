/* defs.h - compiler words and the assertions that every file uses.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_BASE_DEFS_H
#define GORT_BASE_DEFS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gort.h"

/* A sanitizer watches each block: gcc says so in one way, clang in another. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GORT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GORT_SANITIZED 1
#endif
#endif

#define GORT_LIKELY(x) __builtin_expect(!!(x), 1)
#define GORT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define GORT_COLD __attribute__((cold, noinline))
#define GORT_NOINLINE __attribute__((noinline))
#define GORT_ALWAYS_INLINE inline __attribute__((always_inline))

/* For a store that must be seen by all before anything is read behind the atomic
 * exchange of something else that follows it. Where each exchange is a full
 * fence the store need not be one. */
#if defined(__x86_64__) || defined(__i386__)
#define GORT_BEFORE_EXCHANGE memory_order_release
#else
#define GORT_BEFORE_EXCHANGE memory_order_seq_cst
#endif

#define GORT_CACHELINE 64

/* The structure that holds member at ptr. */
#define gort__container(ptr, type, member) \
  ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A broken invariant: says where and aborts, in release builds too. */
_Noreturn GORT_COLD void gort__broken(const char *what, const char *file,
                                      int line);
#define GORT_CHECK(cond) \
  (GORT_LIKELY(cond) ? (void)0 : gort__broken(#cond, __FILE__, __LINE__))
#ifdef GORT_DEBUG
#define GORT_ASSERT(cond) GORT_CHECK(cond)
#else
#define GORT_ASSERT(cond) ((void)0)
#endif

/* Gives back to the system what this thread can. */
void gort__malloc_trim(void);
/* Nobody has put another in the place of malloc. */
bool gort__allocator_is_ours(void);
/* gort_malloc for structures whose members stand on cache lines of their own.
 */
void *gort__malloc_aligned(size_t size);
void gort__free_aligned(void *ptr);

/* Tells the processor that this thread spins. */
static inline void gort__pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

#endif
