/* line.h - the lines that a person types, read on a thread of their own.
 *
 * SPDX-License-Identifier: MIT
 *
 * The main task asks for a line and waits on the source `events`; its tasks go
 * on meanwhile. While a line is being typed only the thread of this file
 * writes to the terminal: what tasks print comes to it (line_show), and it
 * takes the line off the screen, writes, and puts the line back.
 *
 * Threads: one asks, waits, and answers (the main task, on whatever worker);
 *   any may call line_show. What both sides use is handed over with an event
 *   or an answer; only the fields about showing are shared, under mutex. */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "gort.h"

/* What comes out of the channel of events, as integers. */
typedef enum line_event {
  LINE_TEXT,    /* a line, without its end: text */
  LINE_END,     /* no more of them */
  LINE_CANCEL,  /* Ctrl-C: what was typed is to be forgotten */
  LINE_COMPLETE /* completions are wanted: line_answer, then wait again */
} line_event;

typedef struct line {
  gort_chan *events; /* owned */
  bool terminal;     /* lines are edited, on a terminal */

  /* An evaluation is under way and n more people pressed Ctrl-C: true to be
   * called again soon. On the line's thread. */
  bool (*interrupt)(void *arg, int n);
  void *arg;

  /* Handed over with the question ... */
  atomic_bool asked;
  char *prompt, *remember; /* owned; remember: NULL, or for the history */
  /* ... with LINE_TEXT and LINE_COMPLETE (what is before the cursor) ... */
  char *text; /* owned */
  /* ... and with the answer: what to insert, what to choose from. */
  char *insert, *choices; /* owned */
  sem_t answered;

  int wake; /* an eventfd that wakes the thread */

  /* Guarded by mutex. */
  pthread_mutex_t mutex;
  pthread_cond_t drained;
  bool editing; /* the screen is the thread's */
  char *pending;
  size_t npending, room;
  FILE *last; /* what was written last, and whether that ended a line */
  bool in_line;
} line;

/* Starts the thread. There is one line in a process. NULL: no memory. */
line *line_new(bool (*interrupt)(void *arg, int n), void *arg);
/* Asks for a line. */
void line_ask(line *l, const char *prompt, const char *remember);
/* Answers LINE_COMPLETE; choices are words, each ended by a newline. */
void line_answer(line *l, const char *insert, const char *choices);
/* Shows text when f is a terminal: true; else it is not for this. */
bool line_show(line *l, FILE *f, const char *text, size_t len);
/* Begins a new row unless the last text ended one. */
void line_fresh(line *l);
/* The columns of the terminal; 80 without one. */
int line_columns(void);
/* Leaves the terminal as it was found. Any thread. */
void line_restore(void);

/* ---- between line.c and edit.c ----------------------------------------- */

/* Reads one line on the terminal. */
line_event line_edit(line *l);
/* Sends an event. */
void line_send(line *l, line_event e);
/* Takes the number of times that Ctrl-C was pressed. */
int line_take_interrupts(void);
/* True once after the program was stopped and goes on. */
bool line_take_continued(void);
/* Takes what is to be shown; NULL: nothing. Owned. stop: the screen is
 * everybody's again when there is nothing. */
char *line_take_pending(line *l, size_t *len, bool stop);

#endif
