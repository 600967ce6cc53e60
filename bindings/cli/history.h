/* history.h - the file that keeps what was typed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

enum { HISTORY_SIZE = 1000 };

/* Calls each(arg, entry) for the entries that are kept, the oldest first. */
void history_load(void (*each)(void *arg, const char *entry), void *arg);
/* Adds an entry, which may have several lines. */
void history_add(const char *entry);

#endif
