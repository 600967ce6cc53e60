/* help.c - the pages of :help.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "cli/commands.h"

typedef struct page {
  const char *topic, *text;
} page;

static const page pages[] = {
    {"",
     "Type Lua: an expression prints its values, `_` is the first of the last\n"
     "ones, and a chunk may go on over several lines. A `local` stays for the\n"
     "lines that follow. Tasks go on while you type.\n"
     "\n"
     "  :tasks         every task: its state, its stack, where it was created\n"
     "  :chans         the channels you hold, and who waits on them\n"
     "  :time EXPR     how long it takes\n"
     "  :load FILE     runs a file here\n"
     "  :help [topic]  topics: chan context go keys runtime\n"
     "                 select sync time\n"
     "  :quit          or Ctrl-D\n"
     "\n"
     "A command may be shortened: `:ta`, `:q`.\n"},
    {"chan",
     "local ch = chan()             unbuffered\n"
     "local ch = chan(3)            buffered\n"
     "local ch = chan(\"integer\", 3) other values are an error at the sender\n"
     "ch:send(v [, seconds])        true; or false, \"timeout\"\n"
     "ch:recv([seconds])            v, ok; ok is false when closed and empty\n"
     "ch:try_send(v)                sent?\n"
     "ch:try_recv()                 ready?, v, ok\n"
     "ch:close()   #ch   ch:cap()   for v in ch do ... end\n"
     "ch:sender()  ch:receiver()    views with one direction only\n"},
    {"context",
     "local context = gort.context\n"
     "local ctx, cancel = context.with_cancel(context.background())\n"
     "context.with_timeout(parent, seconds)   with_deadline, with_value ...\n"
     "cancel()                      ends ctx and what was made from it\n"
     "ctx:done()  ctx:err()         to receive from; why it ended\n"
     "ctx:go(fn, ...)               a task that ends with ctx\n"
     "context.shield(fn, ...)       what is not to be ended in it\n"
     "\n"
     "Everything that blocks takes a context, or seconds, as its last\n"
     "argument.\n"},
    {"go",
     "go(fn, ...)   starts a task: fn(...) runs beside you, on any core.\n"
     "\n"
     "It shares nothing: what fn uses from outside is copied when go is\n"
     "called; only channels and the like are shared. It talks over channels:\n"
     "\n"
     "  ch = chan()\n"
     "  go(function() ch:send(6 * 7) end)\n"
     "  ch:recv()\n"},
    {"keys",
     "Tab      completes names, fields, methods, commands\n"
     "Ctrl-C   forgets the line; ends an evaluation, also one that waits.\n"
     "         Pressed again, it ends one that catches errors, too\n"
     "Ctrl-D   leaves, on an empty line\n"
     "Ctrl-R   searches what was typed before; Up and Down go through it\n"
     "Ctrl-A Ctrl-E Ctrl-K Ctrl-U Ctrl-W Alt-B Alt-F   as in a shell\n"
     "\n"
     "~/.editrc is read (man editrc). What was typed is kept in\n"
     "~/.local/state/gort/history, or under $XDG_STATE_HOME.\n"},
    {"runtime",
     "gort.runtime.numcpu()      cores of the machine\n"
     "gort.runtime.maxprocs([n]) workers that run tasks; sets it, too\n"
     "gort.runtime.numtasks()    tasks there are\n"
     "gort.runtime.yield()       lets others run\n"
     "gort.runtime.stack([all])  the stack of this task, or of all\n"
     "gort.runtime.stats()       counts\n"},
    {"select",
     "select {\n"
     "  { recv = a, function(v, ok) ... end },\n"
     "  { send = b, value = x, function() ... end },\n"
     "  { after = 1.5, function() ... end },\n"
     "  default = function() ... end,   -- or true\n"
     "}\n"
     "\n"
     "Waits for the first case that is ready, a random one of several, and\n"
     "gives what its function returns; without a function the case's number\n"
     "(or \"default\"), then v, ok. A case whose channel is nil or false is\n"
     "never ready.\n"},
    {"sync", "local wg = gort.sync.waitgroup()\n"
             "wg:go(fn, ...)        starts a task that the group waits for\n"
             "wg:add(n)  wg:done()  counts by hand\n"
             "wg:wait([seconds])    until the count is zero\n"},
    {"time", "gort.time.now()  gort.time.monotonic()   seconds\n"
             "gort.time.sleep(seconds)                 only this task waits\n"
             "gort.time.after(s)   gort.time.tick(s)   to receive from\n"
             "gort.time.timer(s)   gort.time.ticker(s) with stop and reset\n"
             "gort.time.after_func(s, fn, ...)         starts a task then\n"
             "gort.time.duration \"1m30s\"               90\n"},
};
enum { PAGES = sizeof pages / sizeof *pages };

const char *help_topic(int i) {
  return i + 1 < PAGES ? pages[i + 1].topic : NULL;
}

const char *help_find(const char *topic) {
  if (*topic == ':') topic++;
  for (int i = 0; i < PAGES; i++)
    if (strcmp(pages[i].topic, topic) == 0) return pages[i].text;
  return NULL;
}
