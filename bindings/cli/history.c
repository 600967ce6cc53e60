/* history.c - the file that keeps what was typed.
 *
 * SPDX-License-Identifier: MIT
 *
 * $XDG_STATE_HOME/gort/history, by default ~/.local/state/gort/history: an
 * entry a line, with \n and \\ for line ends and backslashes in it. Entries are
 * appended one by one, so that several sessions share the file and a crash
 * loses none; a file that has grown long is cut when it is read. Without a
 * place for it there is no history: nobody is told. */
#include "cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the directories on the way to path. */
static bool make_directories(char *path) {
  for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
    *slash = '/';
    if (!made) return false;
  }
  return true;
}

static bool find_file(char path[PATH_MAX]) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  int n;
  if (state && *state == '/') /* a relative one is to be ignored */
    n = snprintf(path, PATH_MAX, "%s/gort/history", state);
  else if (home && *home)
    n = snprintf(path, PATH_MAX, "%s/.local/state/gort/history", home);
  else
    return false;
  return n > 0 && n < PATH_MAX;
}

static void unescape(char *s) {
  char *out = s;
  for (; *s && *s != '\n'; s++) {
    if (*s == '\\' && s[1]) {
      s++;
      *out++ = *s == 'n' ? '\n' : *s;
    } else {
      *out++ = *s;
    }
  }
  *out = '\0';
}

static void put_escaped(FILE *f, const char *s) {
  for (; *s; s++) {
    if (*s == '\n')
      fputs("\\n", f);
    else if (*s == '\\')
      fputs("\\\\", f);
    else
      putc(*s, f);
  }
  putc('\n', f);
}

/* Keeps the last HISTORY_SIZE of n lines. The new file takes the old one's
 * place in one step. */
static void cut(const char *path, FILE *f, int n) {
  char fresh[PATH_MAX + 8];
  char *text = NULL;
  size_t room = 0;
  snprintf(fresh, sizeof fresh, "%s.new", path);
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out) return;
  rewind(f);
  for (int i = 0; getline(&text, &room, f) >= 0; i++)
    if (i >= n - HISTORY_SIZE) fputs(text, out);
  free(text);
  bool good = !ferror(out);
  if (fclose(out) != 0 || !good || rename(fresh, path) != 0) unlink(fresh);
}

void history_load(void (*each)(void *arg, const char *entry), void *arg) {
  char path[PATH_MAX], *text = NULL;
  size_t room = 0;
  int n = 0;
  FILE *f = find_file(path) ? fopen(path, "re") : NULL;
  if (!f) return;
  while (getline(&text, &room, f) >= 0) {
    unescape(text);
    if (*text) each(arg, text);
    n++;
  }
  free(text);
  if (n > 2 * HISTORY_SIZE) cut(path, f, n);
  fclose(f);
}

void history_add(const char *entry) {
  char path[PATH_MAX];
  if (!find_file(path) || !make_directories(path)) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "a");
  if (!f) {
    if (fd >= 0) close(fd);
    return;
  }
  put_escaped(f, entry);
  fclose(f);
}
