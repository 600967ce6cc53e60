/* tsan.c - ThreadSanitizer builds only: it must see Lua's jumps.
 *
 * SPDX-License-Identifier: MIT
 *
 * Debian's Lua jumps with __longjmp_chk, which ThreadSanitizer does not know:
 * each yield would leave entries on its shadow stack until that overflows. */
#if defined(__SANITIZE_THREAD__)
#include <setjmp.h>

_Noreturn void __longjmp_chk(jmp_buf env, int value);

__attribute__((visibility("default"))) _Noreturn void __longjmp_chk(jmp_buf env,
                                                                    int value) {
  longjmp(env, value);
}
#else
typedef int lgort_no_tsan; /* an empty file is no C */
#endif
