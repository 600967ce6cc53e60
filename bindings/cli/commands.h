/* commands.h - what a person asks of the session itself: lines with a colon.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <lauxlib.h>
#include <lua.h>

typedef enum command {
  COMMAND_CHANS,
  COMMAND_HELP,
  COMMAND_LOAD,
  COMMAND_QUIT,
  COMMAND_TASKS,
  COMMAND_TIME,
  COMMAND_AMBIGUOUS,
  COMMAND_UNKNOWN
} command;

/* The command that text begins with, or that a part of its name begins with;
 * *rest: what follows, without blanks around. rest is written to. */
command commands_find(char *text, char **rest);
/* The names of the commands, in order; NULL: there are no more. */
const char *commands_name(int i);

/* Help on a topic; "" is the first page; NULL: there is none. */
const char *help_find(const char *topic);
const char *help_topic(int i);

/* Pushes a text about the channels that the session can reach. */
void chans_push(lua_State *L, int locals);
/* Pushes what text, which describes all tasks, says of those but `self`. */
void tasks_push(lua_State *L, const char *text, unsigned long long self);

#endif
