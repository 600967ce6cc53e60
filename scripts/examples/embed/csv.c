/* csv.c - a C program that feeds the rows of a CSV through Lua tasks.
 *
 * SPDX-License-Identifier: MIT
 *
 *   csv FILE      sums the second column for each word of the first
 *
 * The rows go into one channel; four Lua tasks take them from there, and send
 * what they make of them into another; the program collects that. */
#include <lgort.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char pipeline[] =
    "local rows, sums = ...\n"
    "local parts, all = chan(16), {}\n"
    "local function sum_up()\n"
    "  local sum = {}\n"
    "  for row in rows do\n"
    "    local key, n = row:match '^([^,]*),(%d+)'\n"
    "    if key then sum[key] = (sum[key] or 0) + math.tointeger(n) end\n"
    "  end\n"
    "  parts:send(sum)\n"
    "end\n"
    "for _ = 1, 4 do go(sum_up) end\n"
    "for _ = 1, 4 do\n"
    "  for key, n in pairs((parts:recv())) do\n"
    "    all[key] = (all[key] or 0) + n\n"
    "  end\n"
    "end\n"
    "for key, n in pairs(all) do sums:send { key = key, n = n } end\n"
    "sums:close()\n";

typedef struct feed {
  FILE *in;
  gort_chan *rows;
} feed;

/* On a thread of its own: sends each line. */
static void *send_rows(void *arg) {
  feed *f = arg;
  char line[4096];
  while (fgets(line, sizeof line, f->in)) {
    gort_value v;
    if (gort_string(line, strcspn(line, "\n"), &v) < 0) break;
    if (gort_chan_send(f->rows, &v, NULL) < 0) { /* the runtime has stopped */
      gort_value_drop(&v);
      break;
    }
  }
  gort_chan_close(f->rows);
  return NULL;
}

/* Prints what comes until the channel is closed. */
static void print_sums(gort_chan *sums) {
  gort_value row;
  while (gort_chan_recv(sums, &row, NULL) == 1) {
    gort_value key, n;
    if (lgort_field_of(&row, "key", &key) == 0) {
      if (lgort_field_of(&row, "n", &n) == 0 && n.type == GORT_INTEGER &&
          key.type == GORT_STRING)
        printf("%.*s %lld\n", (int)gort_buf_len(key.u.buf),
               gort_buf_bytes(key.u.buf), (long long)n.u.i);
      gort_value_drop(&key);
    }
    gort_value_drop(&row);
  }
}

static int process(lgort *g, FILE *in) {
  gort *rt = lgort_runtime(g);
  feed f = {in, NULL};
  gort_chan *sums;
  pthread_t thread;
  int rc = gort_chan_open(rt, 64, &f.rows);
  if (rc < 0) return rc;
  rc = gort_chan_open(rt, 64, &sums);
  if (rc < 0) return rc;
  gort_value args[] = {gort_handle(f.rows), gort_handle(sums)};
  lgort_with with = {.args = args, .nargs = 2};
  rc = lgort_go_string(g, pipeline, &with);
  if (rc == 0 && pthread_create(&thread, NULL, send_rows, &f) == 0) {
    print_sums(sums);
    pthread_join(thread, NULL);
  }
  gort_chan_leave(rt, f.rows);
  gort_chan_leave(rt, sums);
  return rc;
}

int main(int argc, char **argv) {
  lgort *g;
  FILE *in = argc > 1 ? fopen(argv[1], "r") : stdin;
  if (!in) {
    perror(argv[1]);
    return 1;
  }
  int rc = lgort_new(NULL, &g);
  if (rc == 0) {
    rc = process(g, in);
    char *error = lgort_error(g);
    if (error) fprintf(stderr, "csv: %s\n", error);
    if (error) rc = GORT_ETASK;
    gort_free(error);
    lgort_close(g, GORT_FOREVER);
  }
  if (rc < 0) fprintf(stderr, "csv: %s\n", gort_strerror(rc));
  fclose(in);
  return rc < 0;
}
