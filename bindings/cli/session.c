/* session.c - what a session says, and how its evaluations are ended.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/inspect.h"
#include "cli/steps.h"

void session_write(repl *r, FILE *f, const char *text) {
  lgort_write(r->host, f, text, strlen(text));
  fflush(f);
}

/* ---- from outside ------------------------------------------------------ */

bool session_show(lgort_host *h, FILE *f, const char *text, size_t len) {
  repl *r = atomic_load(&((program *)h->user)->repl);
  return r && line_show(r->line, f, text, len);
}

/* On the line's thread. */
bool session_interrupt(void *arg, int n) {
  repl *r = arg;
  if (!atomic_load(&r->evaluating)) return false;
  atomic_int *how = &r->vm->interrupt;
  if (n > 0) /* the first may have been caught: the second is not to be */
    atomic_store(how, atomic_fetch_add(&r->presses, n) + n > 1
                          ? LGORT_INTERRUPT_STICK
                          : LGORT_INTERRUPT_ONCE);
  if (!atomic_load(&r->evaluating)) /* it has ended meanwhile */
    atomic_store(how, LGORT_INTERRUPT_NONE);
  if (atomic_load(how) == LGORT_INTERRUPT_NONE) return false;
  gort_hold(r->host->rt); /* a deadlock is not to be reported meanwhile */
  gort_task_interrupt(r->task);
  gort_unhold(r->host->rt);
  return true;
}

bool repl_deadlock(repl *r, const char *report) {
  char *text = strdup(report ? report : "");
  if (!atomic_load(&r->evaluating) || !text) {
    free(text);
    return false;
  }
  free(atomic_exchange(&r->stuck, text));
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_ONCE);
  return gort_task_interrupt(r->task);
}

void repl_show_error(repl *r, const char *report) {
  gort_text *text = gort_text_new();
  if (!text) return;
  gort_text_add(text, report, strlen(report));
  gort_text_add(text, "\n", 1);
  char *all = gort_text_take(text);
  if (all) session_write(r, stderr, all);
  gort_free(all);
}

void repl_restore_terminal(void) { line_restore(); }

/* ---- evaluations ------------------------------------------------------- */

void session_begin(repl *r) {
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_NONE);
  line_take_interrupts();
  atomic_store(&r->presses, 0);
  atomic_store(&r->evaluating, true);
}

void session_end(repl *r) {
  atomic_store(&r->evaluating, false);
  atomic_store(&r->vm->interrupt, LGORT_INTERRUPT_NONE);
}

/* ---- errors ------------------------------------------------------------ */

int session_traceback(lua_State *L) {
  static const char last[] = "\n\t[C]: in ?";
  repl *r = atomic_load(&((program *)lgort_vm_of(L)->host->user)->repl);
  const char *message = cli_error_text(L);
  if (!message) return 1;
  if (atomic_load(&r->stuck) && strstr(message, "interrupted!"))
    message = "all tasks are asleep - deadlock!";
  luaL_traceback(L, L, message, 1);
  size_t len, cut = sizeof last - 1;
  const char *s = lua_tolstring(L, -1, &len);
  while (len >= cut && memcmp(s + len - cut, last, cut) == 0) len -= cut;
  lua_pushlstring(L, s, len);
  /* The chunk is a function inside of one that holds the variables. */
  luaL_gsub(L, lua_tostring(L, -1), "in function <stdin:1>", "in main chunk");
  return 1;
}

void session_print_error(lua_State *L, repl *r) {
  const char *message = lua_tostring(L, -1);
  if (!message) message = "(error object is not a string)";
  size_t head = strcspn(message, "\n");
  bool color = r->color;
  lua_pushlstring(L, message, head);
  lua_pushfstring(L, "%s%s%s%s\n", color ? "\033[31m" : "", lua_tostring(L, -1),
                  color ? "\033[0m" : "", message + head);
  session_write(r, stderr, lua_tostring(L, -1));
  lua_pop(L, 3);
}

void session_print_stuck(lua_State *L, repl *r) {
  char *report = atomic_exchange(&r->stuck, NULL);
  if (!report) return;
  lua_pushstring(L, report);
  free(report);
  const char *text = lua_tostring(L, -1);
  tasks_push(L, text + strspn(text, "\n"), gort_task_id(r->task));
  if (strncmp(lua_tostring(L, -1), "task ", 5) == 0) {
    session_write(r, stderr, "\n");
    session_write(r, stderr, lua_tostring(L, -1));
  }
  lua_pop(L, 2);
}

/* ---- values ------------------------------------------------------------ */

/* Pushes what is printed of the values above base. */
static void push_values(lua_State *L, repl *r, int base) {
  int n = lua_gettop(L) - base;
  luaL_checkstack(L, 8, NULL);
  lua_pushliteral(L, "");
  for (int i = 1; i <= n; i++) {
    inspect_push(L, base + i, line_columns() - 1, r->color);
    bool long_one = strchr(lua_tostring(L, -1), '\n') != NULL;
    lua_pushstring(L, i == n ? "\n" : long_one ? "\n" : "\t");
    lua_concat(L, 3);
  }
}

void session_print_values(lua_State *L, repl *r, int base) {
  if (lua_gettop(L) == base) return;
  lua_pushvalue(L, base + 1);
  lua_setglobal(L, "_");
  push_values(L, r, base);
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  lgort_write(r->host, stdout, text, len);
  fflush(stdout);
}

void session_print_time(repl *r) {
  double took = (double)(gort_now() - r->started) * 1e-9;
  char text[64];
  r->started = 0;
  if (took < 1e-3)
    snprintf(text, sizeof text, "%.1f us\n", took * 1e6);
  else if (took < 1)
    snprintf(text, sizeof text, "%.2f ms\n", took * 1e3);
  else
    snprintf(text, sizeof text, "%.3f s\n", took);
  session_write(r, stdout, text);
}
