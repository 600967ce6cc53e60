/* deadline.c - runs code of others, for so long and in so much memory.
 *
 * SPDX-License-Identifier: MIT
 *
 *   deadline SECONDS CODE...     runs each, says what came of it
 *
 * Each piece of code has a runtime of its own, so that one cannot spoil the
 * next; a piece that is not done in time is stopped, wherever it is. */
#include <lgort.h>
#include <stdio.h>
#include <stdlib.h>

/* What came of code, as a code; *result when it has one. */
static int run_for(lgort *g, const char *code, double seconds,
                   gort_value *result) {
  gort_context_options options = {.cancels = true,
                                  .timeout = (int64_t)(seconds * 1e9)};
  gort_context *ctx;
  gort_context *root = gort_context_background(lgort_runtime(g));
  int rc = gort_context_new(root, &options, &ctx);
  if (rc < 0) return rc;
  lgort_with with = {.ctx = ctx, .result = result};
  rc = lgort_run_string(g, code, &with);
  gort_object_release((gort_object *)ctx);
  return rc;
}

static void print_result(const gort_value *v) {
  if (v->type == GORT_INTEGER)
    printf("result %lld\n", (long long)v->u.i);
  else if (v->type == GORT_STRING)
    printf("result %.*s\n", (int)gort_buf_len(v->u.buf),
           gort_buf_bytes(v->u.buf));
  else
    printf("done\n");
}

static int run(const char *code, double seconds) {
  lgort_options options = {.preempt = true, /* so that loops can be stopped */
                           .vm_memory = 64 << 20,
                           .workers = 2};
  gort_value result = gort_nil();
  lgort *g;
  int rc = lgort_new(&options, &g);
  if (rc < 0) return rc;
  rc = run_for(g, code, seconds, &result);
  if (rc < 0)
    printf("stopped: %s\n", gort_strerror(rc));
  else
    print_result(&result);
  gort_value_drop(&result);
  /* Something may be in a C call: it is not waited for much longer. */
  if (lgort_close(g, 1000000000) < 0) printf("something is stuck\n");
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: deadline SECONDS CODE...\n");
    return 1;
  }
  for (int i = 2; i < argc; i++) {
    int rc = run(argv[i], atof(argv[1]));
    if (rc < 0) {
      fprintf(stderr, "deadline: %s\n", gort_strerror(rc));
      return 1;
    }
  }
  return 0;
}
