/* options.c - the command line of gort.
 *
 * SPDX-License-Identifier: MIT
 *
 * Two passes, as in lua: the whole line is checked before anything runs, and
 * what there is to run happens in its order. */
#include "cli/options.h"

#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gort.h"

static const char usage[] =
    "usage: gort [options] [script [args]]\n"
    "  -e stat     run the string stat\n"
    "  -i          enter interactive mode after running the script\n"
    "  -l mod      require library mod into global mod\n"
    "  -l g=mod    require library mod into global g\n"
    "  -v          show version information\n"
    "  -E          ignore environment variables\n"
    "  -W          turn warnings on\n"
    "  --procs N   run tasks on N workers (default: the cores there are)\n"
    "  --leaks     at the end, show the tasks that nothing can wake\n"
    "  --debug=contexts   at the end, show where contexts were made that\n"
    "              nobody has cancelled (or GORT_DEBUG=contexts)\n"
    "  --help      show this help\n"
    "  --version   show the version\n"
    "  --          stop handling options\n"
    "  -           stop handling options and run standard input\n"
    "Without a script: interactive mode on a terminal, else standard input.\n";

/* The last step of --leaks. */
static const char show_leaks[] =
    "local leaks = require 'gort.runtime'.leaks()\n"
    "if #leaks > 0 then io.stderr:write(#leaks, ' leaked:\\n') end\n"
    "for _, t in ipairs(leaks) do\n"
    "  io.stderr:write(('\\ntask %d [%s (leaked)]:\\n%s\\n'):format(t.id,\n"
    "    t.waits_on, t.stack))\n"
    "  if t.created_at then\n"
    "    io.stderr:write('created at ', t.created_at, '\\n')\n"
    "  end\n"
    "end\n";

void cli_print_version(void) {
  printf("gort %s (%s)\n", GORT_VERSION, LUA_RELEASE);
  fflush(stdout);
}

static int mistake(const char *what, const char *arg) {
  fprintf(stderr, "gort: %s '%s'\n%s", what, arg, usage);
  return 1;
}

/* What the short options ask for besides steps. */
typedef struct flags {
  bool code, interactive, version;
} flags;

static void add(cli_options *o, cli_kind kind, const char *text,
                const char *name) {
  o->steps[o->nsteps++] = (cli_step){kind, text, name};
}

static void add_init(cli_options *o) {
  const char *name = "=LUA_INIT_5_4";
  const char *init = getenv("LUA_INIT_5_4");
  if (!init) {
    name = "=LUA_INIT";
    init = getenv("LUA_INIT");
  }
  if (!init) return;
  if (*init == '@')
    add(o, CLI_FILE, init + 1, NULL);
  else
    add(o, CLI_CODE, init, name);
}

static bool parse_procs(cli_options *o, const char *text) {
  char *end;
  long n = text ? strtol(text, &end, 10) : 0;
  if (!text || end == text || *end || n < 1 || n > 1 << 16) return false;
  o->procs = (unsigned)n;
  return true;
}

static bool parse_debug(cli_options *o, const char *what) {
  o->debug_contexts = strcmp(what, "contexts") == 0;
  return o->debug_contexts;
}

/* A long option at argv[*i]; -1: go on. */
static int parse_long(cli_options *o, int *i) {
  const char *arg = o->argv[*i];
  if (strcmp(arg, "--help") == 0) {
    fputs(usage, stdout);
    return 0;
  }
  if (strcmp(arg, "--version") == 0) {
    cli_print_version();
    return 0;
  }
  if (strcmp(arg, "--leaks") == 0) {
    o->leaks = true;
    return -1;
  }
  if (strncmp(arg, "--debug=", 8) == 0) {
    if (parse_debug(o, arg + 8)) return -1;
    return mistake("--debug knows contexts, not", arg + 8);
  }
  const char *value = NULL;
  if (strncmp(arg, "--procs=", 8) == 0)
    value = arg + 8;
  else if (strcmp(arg, "--procs") == 0)
    value = o->argv[*i + 1] ? o->argv[++*i] : "";
  else
    return mistake("unrecognized option", arg);
  if (!parse_procs(o, value))
    return mistake("--procs needs a number of workers from 1 on, not", value);
  return -1;
}

/* -e and -l: the rest of the word, or the next one, which is no option. */
static int parse_valued(cli_options *o, int *i, flags *f) {
  const char *arg = o->argv[*i], *value = arg + 2;
  if (!*value) {
    value = o->argv[*i + 1];
    if (!value || *value == '-') {
      fprintf(stderr, "gort: '%s' needs argument\n%s", arg, usage);
      return 1;
    }
    ++*i;
  }
  if (arg[1] == 'l') {
    add(o, CLI_MODULE, value, NULL);
  } else {
    add(o, CLI_CODE, value, "=(command line)");
    f->code = true;
  }
  return -1;
}

/* A short option; -1: go on. */
static int parse_short(cli_options *o, int *i, flags *f) {
  const char *arg = o->argv[*i];
  if (arg[1] == 'e' || arg[1] == 'l') return parse_valued(o, i, f);
  if (arg[2]) return mistake("unrecognized option", arg);
  switch (arg[1]) {
    case 'E':
      o->no_env = true;
      return -1;
    case 'W':
      o->warnings = true;
      add(o, CLI_WARN, NULL, NULL);
      return -1;
    case 'i':
      f->interactive = true;
      f->version = true;
      return -1;
    case 'v':
      f->version = true;
      return -1;
    default:
      return mistake("unrecognized option", arg);
  }
}

/* All options; o->script is set to what follows them. -1: go on. */
static int parse_options(cli_options *o, flags *f) {
  int i = 1, done;
  for (; o->argv[i] && o->argv[i][0] == '-' && o->argv[i][1]; i++) {
    if (strcmp(o->argv[i], "--") == 0) {
      o->after_dashes = true;
      i++;
      break;
    }
    done = o->argv[i][1] == '-' ? parse_long(o, &i) : parse_short(o, &i, f);
    if (done >= 0) return done;
  }
  if (o->argv[i]) o->script = i;
  return -1;
}

/* LUA_INIT comes before the steps that the options gave. */
static void put_init_first(cli_options *o) {
  int n = o->nsteps;
  add_init(o);
  if (o->nsteps == n) return;
  cli_step init = o->steps[n];
  memmove(o->steps + 1, o->steps, (size_t)n * sizeof *o->steps);
  o->steps[0] = init;
}

int cli_parse(cli_options *o, int argc, char **argv) {
  flags f = {0};
  memset(o, 0, sizeof *o);
  o->argc = argc;
  o->argv = argv;
  o->steps = malloc(((size_t)argc + 4) * sizeof *o->steps);
  if (!o->steps) return mistake("not enough memory for", "the command line");
  int done = argc > 0 ? parse_options(o, &f) : -1;
  if (done >= 0) return done;
  if (!o->no_env) {
    put_init_first(o);
    const char *debug = getenv("GORT_DEBUG");
    if (debug) parse_debug(o, debug);
  }
  if (o->script) add(o, CLI_SCRIPT, NULL, NULL);
  if (f.interactive) {
    add(o, CLI_REPL, NULL, NULL);
  } else if (!o->script && !f.code && !f.version) {
    f.version = isatty(STDIN_FILENO);
    add(o, f.version ? CLI_REPL : CLI_STDIN, NULL, NULL);
  }
  if (o->leaks) add(o, CLI_CODE, show_leaks, "=(leaks)");
  if (f.version) cli_print_version();
  return -1;
}
