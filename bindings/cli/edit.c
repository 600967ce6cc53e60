/* edit.c - typing a line on a terminal, with libedit.
 *
 * SPDX-License-Identifier: MIT
 *
 * libedit waits for keys in get_key, with the line and the cursor on the
 * screen as it believes them to be. There, and in the functions that keys are
 * bound to, the line can be taken off the screen (erase), text be written in
 * its place, and the line be put back below (EL_REFRESH draws it anew from
 * the first column). All of it happens on the line's thread. */
#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/history.h"
#include "cli/line.h"

enum { CTRL_C = 3, PARTIAL = 512 };

typedef struct editor {
  EditLine *el;
  History *history;
  line *l;
  bool cancelled;
  int columns;
  /* The row above the prompt, when what was shown last did not end it. */
  char partial[PARTIAL];
  size_t npartial;
} editor;

static editor the_editor;

/* ---- what is on the screen --------------------------------------------- */

/* Where the screen's cursor is after s, in rows and columns from where it
 * was: as libedit draws it. */
static void advance(wchar_t c, int columns, int *row, int *column) {
  int width = c == L'\t' ? 8 - *column % 8 : wcwidth(c);
  if (c == L'\n') {
    ++*row;
    *column = 0;
    return;
  }
  if (width < 0) width = c < 32 || c == 127 ? 2 : 8; /* ^X, \U+xxxx */
  if (width > 1 && c != L'\t' && *column + width > columns) {
    ++*row;
    *column = 0;
  }
  *column += width;
  while (*column >= columns) {
    ++*row;
    *column -= columns;
  }
}

/* The row of the cursor; *last: the last row of the line. */
static int cursor_row(editor *e, int *last) {
  const LineInfoW *info = el_wline(e->el);
  int row = 0, column = 0, at = 0;
  wchar_t c;
  mbstate_t state;
  memset(&state, 0, sizeof state);
  const char *p = e->l->prompt;
  for (size_t left = strlen(p), n; left; p += n, left -= n) {
    n = mbrtowc(&c, p, left, &state);
    if (n == 0 || n > left) break;
    advance(c, e->columns, &row, &column);
  }
  for (const wchar_t *s = info->buffer; s <= info->lastchar; s++) {
    if (s == info->cursor) at = row;
    if (s < info->lastchar) advance(*s, e->columns, &row, &column);
  }
  *last = row;
  return at;
}

static void erase(editor *e) {
  int last, row = cursor_row(e, &last);
  if (row > 0) printf("\033[%dA", row);
  fputs("\r\033[J", stdout);
}

/* Goes below the line, at the first column. */
static void go_below(editor *e) {
  int last, row = cursor_row(e, &last);
  if (last > row) printf("\033[%dB", last - row);
  fputs("\r\n", stdout);
}

static void redraw(editor *e) {
  fflush(stdout);
  el_set(e->el, EL_REFRESH);
}

/* ---- what tasks print meanwhile ---------------------------------------- */

/* Remembers the last row that was written, if it can be written again. */
static void keep_partial(editor *e, const char *text, size_t len) {
  const char *end = memrchr(text, '\n', len);
  const char *start = end ? end + 1 : text;
  size_t n = len - (size_t)(start - text);
  if (end) e->npartial = 0;
  bool plain = e->npartial + n < PARTIAL &&
               e->npartial + n < (size_t)e->columns &&
               !memchr(start, '\033', n) && !memchr(start, '\r', n);
  if (plain) memcpy(e->partial + e->npartial, start, n);
  e->npartial = plain ? e->npartial + n : 0;
}

static void write_above(editor *e, const char *text, size_t len) {
  if (e->npartial) { /* go on in the row that was left open */
    fputs("\033[1A\r\033[J", stdout);
    fwrite(e->partial, 1, e->npartial, stdout);
  }
  fwrite(text, 1, len, stdout);
  keep_partial(e, text, len);
  if (text[len - 1] != '\n') fputs("\r\n", stdout);
}

static void show_pending(editor *e) {
  size_t len;
  char *text = line_take_pending(e->l, &len, false);
  if (!text) return;
  erase(e);
  write_above(e, text, len);
  redraw(e);
  free(text);
}

/* ---- keys -------------------------------------------------------------- */

/* Something but a key came: a task printed, the window has another size, the
 * program goes on after Ctrl-Z, somebody sent SIGINT. */
static void woken(editor *e) {
  uint64_t count;
  if (read(e->l->wake, &count, sizeof count) < 0 && errno != EAGAIN) return;
  show_pending(e);
  if (line_take_continued()) {
    el_set(e->el, EL_PREP_TERM, 0);
    el_set(e->el, EL_PREP_TERM, 1);
    redraw(e);
  }
  int columns = line_columns();
  if (columns != e->columns) {
    erase(e);
    fflush(stdout);
    e->columns = columns;
    el_resize(e->el);
    redraw(e);
  }
}

/* The next byte of input; 0: the end, -1: interrupted. */
static int next_byte(editor *e, char *out) {
  struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = e->l->wake, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) {
      if (errno != EINTR) return 0;
      continue;
    }
    if (fds[1].revents) woken(e);
    if (line_take_interrupts()) return -1;
    if (!fds[0].revents) continue;
    ssize_t n = read(STDIN_FILENO, out, 1);
    if (n >= 0) return n > 0;
    if (errno != EINTR && errno != EAGAIN) return 0;
  }
}

static int get_key(EditLine *el, wchar_t *out) {
  editor *e;
  mbstate_t state;
  memset(&state, 0, sizeof state);
  el_get(el, EL_CLIENTDATA, &e);
  for (;;) {
    char byte;
    int rc = next_byte(e, &byte);
    if (rc == 0) return 0;
    if (rc < 0) byte = CTRL_C;
    size_t n = mbrtowc(out, &byte, 1, &state);
    if (n == 1) return 1;
    if (n == 0) {
      *out = 0;
      return 1;
    }
    if (n == (size_t)-1) memset(&state, 0, sizeof state); /* skipped */
  }
}

static unsigned char on_cancel(EditLine *el, int key) {
  editor *e;
  (void)key;
  el_get(el, EL_CLIENTDATA, &e);
  e->cancelled = true;
  int last, row = cursor_row(e, &last);
  if (last > row) printf("\033[%dB", last - row);
  fputs("^C\r\n", stdout);
  fflush(stdout);
  return CC_EOF;
}

/* ---- completion -------------------------------------------------------- */

/* The choices in columns. */
static void list(editor *e, const char *choices) {
  int widest = 0, n = 0;
  for (const char *s = choices, *end; (end = strchr(s, '\n')); s = end + 1) {
    if (end - s > widest) widest = (int)(end - s);
    n++;
  }
  int across = e->columns / (widest + 2);
  if (across < 1) across = 1;
  int rows = (n + across - 1) / across;
  for (int row = 0; row < rows; row++) {
    int i = 0;
    for (const char *s = choices, *end; (end = strchr(s, '\n')); s = end + 1)
      if (i++ % rows == row) printf("%-*.*s", widest + 2, (int)(end - s), s);
    fputs("\r\n", stdout);
  }
}

static bool is_blank(const char *s) { return s[strspn(s, " \t\n")] == '\0'; }

static unsigned char on_tab(EditLine *el, int key) {
  editor *e;
  (void)key;
  el_get(el, EL_CLIENTDATA, &e);
  const LineInfo *info = el_line(el);
  line *l = e->l;
  free(l->text);
  l->text = strndup(info->buffer, (size_t)(info->cursor - info->buffer));
  if (!l->text) return CC_ERROR;
  if (is_blank(l->text))
    return el_insertstr(el, "  ") < 0 ? CC_ERROR : CC_REFRESH;
  line_send(l, LINE_COMPLETE);
  while (sem_wait(&l->answered) < 0) continue;
  if (l->insert && *l->insert)
    return el_insertstr(el, l->insert) < 0 ? CC_ERROR : CC_REFRESH;
  if (!l->choices || !*l->choices) return CC_REFRESH_BEEP;
  go_below(e);
  list(e, l->choices);
  redraw(e);
  return CC_NORM;
}

/* ---- a line ------------------------------------------------------------ */

static char *prompt_of(EditLine *el) {
  editor *e;
  el_get(el, EL_CLIENTDATA, &e);
  return e->l->prompt;
}

static void enter(void *arg, const char *entry) {
  editor *e = arg;
  HistEvent ev;
  history(e->history, &ev, H_ENTER, entry);
}

/* libedit takes its characters from the thread's locale; Lua's functions keep
 * the process's, which is "C". */
static void use_locale(void) {
  locale_t own = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
  if (!own || strcmp(nl_langinfo_l(CODESET, own), "UTF-8") != 0) {
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8) own = utf8;
  }
  if (own) uselocale(own);
}

static bool begin(editor *e, line *l) {
  HistEvent ev;
  use_locale();
  e->l = l;
  e->el = el_init("gort", stdin, stdout, stderr);
  if (!e->el) return false;
  e->history = history_init();
  history(e->history, &ev, H_SETSIZE, HISTORY_SIZE);
  history(e->history, &ev, H_SETUNIQUE, 1);
  history_load(enter, e);
  el_set(e->el, EL_CLIENTDATA, e);
  el_set(e->el, EL_PROMPT, prompt_of);
  el_set(e->el, EL_EDITOR, "emacs");
  el_set(e->el, EL_HIST, history, e->history);
  el_set(e->el, EL_GETCFN, get_key);
  el_set(e->el, EL_ADDFN, "gort-complete", "complete the name", on_tab);
  el_set(e->el, EL_ADDFN, "gort-cancel", "forget the line", on_cancel);
  el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(e->el, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
  el_source(e->el, NULL);
  el_set(e->el, EL_BIND, "^I", "gort-complete", NULL);
  el_set(e->el, EL_BIND, "^C", "gort-cancel", NULL);
  /* Ctrl-C is a key while a line is typed, and a signal otherwise. */
  el_set(e->el, EL_SETTY, "-d", "intr=^@", NULL);
  return true;
}

static void remember(editor *e, const char *entry) {
  if (!entry || is_blank(entry)) return;
  enter(e, entry);
  history_add(entry);
}

/* Gives the screen back when all has been shown. */
static void finish(editor *e) {
  size_t len;
  char *text;
  e->npartial = 0;
  while ((text = line_take_pending(e->l, &len, true))) {
    fwrite(text, 1, len, stdout);
    if (text[len - 1] != '\n') fputs("\r\n", stdout);
    free(text);
  }
  fflush(stdout);
}

line_event line_edit(line *l) {
  editor *e = &the_editor;
  line_event event = LINE_TEXT;
  int n;
  if (!e->el && !begin(e, l)) {
    finish(e);
    return LINE_END;
  }
  remember(e, l->remember);
  e->cancelled = false;
  int columns = line_columns();
  if (columns != e->columns) el_resize(e->el);
  e->columns = columns;
  const char *text = el_gets(e->el, &n);
  free(l->text);
  l->text = NULL;
  if (e->cancelled) {
    event = LINE_CANCEL;
  } else if (!text || n <= 0) {
    fputs("\r\n", stdout);
    event = LINE_END;
  } else {
    l->text = strdup(text);
    size_t len = l->text ? strlen(l->text) : 0;
    if (len && l->text[len - 1] == '\n') l->text[len - 1] = '\0';
  }
  finish(e);
  return event;
}
