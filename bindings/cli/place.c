/* place.c - where the interpreter's code lies.
 *
 * SPDX-License-Identifier: MIT
 *
 * Lua's main loop is up to a tenth slower where it begins a line of the cache than
 * where it does in lua5.4, half a line further on, and where the linker puts it
 * depends on all that comes before. This is linked right before Lua, without
 * optimisation by the linker: so Lua lies as it does there, whatever comes
 * before. */
__asm__(".text\n"
        ".p2align 6\n"
        ".skip 16, 0x90\n");
