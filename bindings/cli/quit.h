/* quit.h - what SIGQUIT does.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GORT_CLI_QUIT_H
#define GORT_CLI_QUIT_H

/* Has quit(arg) called, on a thread of its own, when the process gets SIGQUIT,
 * which a shell may have set to be ignored in the background, as Go does. */
void cli_on_quit(void (*quit)(void *arg), void *arg);

#endif
