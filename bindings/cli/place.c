/* place.c - where the interpreter's code lies.
 *
 * SPDX-License-Identifier: MIT
 *
 * Lua's main loop is a tenth slower where it begins a line of the cache than a
 * quarter of a line further on, and where the linker puts it depends on all that
 * comes before. This is linked right before Lua, without optimisation by the
 * linker: Lua then begins in the middle of a line, whatever comes before. */
__asm__(".text\n"
        ".p2align 6\n"
        ".skip 32, 0x90\n");
