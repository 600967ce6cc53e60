/* SPDX-License-Identifier: MIT */
/* analysis.c - what a dumped function reads and writes. See analysis.h.
 *
 * A walk visits every function of the tree with a map from its upvalues to
 * those of the dumped function (NONE: a local of something inside the tree).
 * Instructions that touch a mapped upvalue are noted in the walk; build_result
 * then copies what was found into one allocation.
 *
 * Names live in one hash set. A plain name (owner NONE) carries the flags of
 * a global and of a method; a field is an entry owned by the plain name of its
 * global. Field entries point at the plain entry of their text, so each
 * distinct string is copied once and the result stays smaller than the dump
 * times a constant.
 *
 * In a function with over 255 constants, or for a name over 40 bytes, a
 * global's name does not fit into GETTABUP and SETTABUP. The compiler then
 * loads table and name into registers:
 *   GETUPVAL R env; LOADK R+1 name; GETTABLE R R R+1
 *   GETUPVAL R env; LOADK R+1 name; (value); SETTABLE R R+1 value
 * That is recognised where R provably holds the table for this use only. */
#include "cross/analysis.h"

#include <limits.h>

#include "cross/dump.h"
#include "gort.h"

enum { MAX_UPVALUES = 255, NOT_OURS = 255 };
#define NONE UINT32_MAX

typedef struct name {
  lgort__str str;
  uint32_t hash;
  uint32_t owner; /* field: entry of its global; NONE: plain name */
  uint32_t text;  /* field: plain entry of the same string */
  bool global, method;
  bool read, written, escapes;
  int line;
  const char *copy; /* plain name: its string in the result */
} name;

typedef struct walk {
  int err; /* first error; nothing is added after it */
  int env;
  bool env_escapes;
  lgort_upinfo ups[MAX_UPVALUES]; /* assigned and line only */
  name *names;
  uint32_t nnames, cap;
  uint32_t *slots; /* indices into names, NONE if free */
  uint32_t nslots; /* a power of two, over nnames; or 0 */
} walk;

/* A function of the tree; map leads from its upvalues to the walk's. */
typedef struct frame {
  const lgort__proto *p;
  const uint8_t *map;
} frame;

/* A read of a constant string key from the table in a register. */
typedef struct access {
  lgort__str key;
  unsigned dest; /* register that gets the value */
  size_t next;   /* pc after the access */
  bool last;     /* the register's only use */
} access;

static void fail(walk *w, int err) {
  if (w->err == 0) w->err = err;
}

/* ---- names ---- */

static bool same_name(const name *n, lgort__str s, uint32_t hash,
                      uint32_t owner) {
  if (n->hash != hash || n->owner != owner || n->str.len != s.len) return false;
  return n->str.s == s.s || memcmp(n->str.s, s.s, s.len) == 0;
}

static uint32_t hash_name(lgort__str s, uint32_t owner) {
  uint32_t h = 2166136261u ^ owner; /* FNV-1a */
  for (size_t i = 0; i < s.len; i++)
    h = (h ^ (unsigned char)s.s[i]) * 16777619u;
  return h ^ h >> 15;
}

/* Makes room for one more name. */
static bool grow_names(walk *w) {
  if (w->nnames < w->cap) return true;
  if (w->cap >= NONE / 4) {
    fail(w, GORT_ENOMEM);
    return false;
  }
  uint32_t cap = w->cap == 0 ? 32 : w->cap * 2, nslots = cap * 2;
  name *names = gort_realloc(w->names, cap * sizeof *names);
  if (names != NULL) w->names = names;
  uint32_t *slots = gort_malloc(nslots * sizeof *slots);
  if (names == NULL || slots == NULL) {
    gort_free(slots);
    fail(w, GORT_ENOMEM);
    return false;
  }
  memset(slots, 0xff, nslots * sizeof *slots);
  for (uint32_t i = 0; i < w->nnames; i++) {
    uint32_t at = names[i].hash & (nslots - 1);
    while (slots[at] != NONE) at = (at + 1) & (nslots - 1);
    slots[at] = i;
  }
  gort_free(w->slots);
  w->slots = slots;
  w->nslots = nslots;
  w->cap = cap;
  return true;
}

/* The entry of a name, added if new; NONE after a failure. */
static uint32_t intern(walk *w, lgort__str s, uint32_t owner) {
  if (w->err != 0 || !grow_names(w)) return NONE;
  uint32_t hash = hash_name(s, owner), at = hash & (w->nslots - 1);
  for (; w->slots[at] != NONE; at = (at + 1) & (w->nslots - 1)) {
    if (same_name(&w->names[w->slots[at]], s, hash, owner)) return w->slots[at];
  }
  w->slots[at] = w->nnames;
  w->names[w->nnames] = (name){.str = s, .hash = hash, .owner = owner};
  return w->nnames++;
}

static void earliest(int *line, int64_t at) {
  if (at > 0 && at <= INT_MAX && (*line == 0 || at < *line)) *line = (int)at;
}

static name *note_global(walk *w, lgort__str s) {
  uint32_t i = intern(w, s, NONE);
  if (i == NONE) return NULL;
  if (memchr(s.s, 0, s.len)) w->env_escapes = true; /* not by a C string */
  w->names[i].global = true;
  return &w->names[i];
}

static void note_write(walk *w, lgort__str s, int64_t line) {
  name *g = note_global(w, s);
  if (g == NULL) return;
  g->written = true;
  earliest(&g->line, line);
}

static void note_method(walk *w, lgort__str s) {
  uint32_t i = intern(w, s, NONE);
  if (i != NONE) w->names[i].method = true;
}

static void note_field(walk *w, lgort__str global, lgort__str field) {
  uint32_t owner = intern(w, global, NONE);
  uint32_t text = intern(w, field, NONE);
  uint32_t i = intern(w, field, owner);
  if (i != NONE) w->names[i].text = text;
}

/* ---- operands ---- */

/* True when constant i is a string, which goes to *s. */
static bool const_string(walk *w, frame f, size_t i, lgort__str *s) {
  if (i >= f.p->nconsts) {
    fail(w, GORT_EINVAL);
    return false;
  }
  *s = f.p->consts[i];
  return s->s != NULL;
}

/* What upvalue i is to the dumped function: an index, or NOT_OURS. */
static int upvalue(walk *w, frame f, unsigned i) {
  if (i < f.p->nups) return f.map[i];
  fail(w, GORT_EINVAL);
  return NOT_OURS;
}

/* Is there a string constant loaded at pc? Returns the number of instructions
 * that it takes, 0 if there is none. */
static size_t loaded_string(walk *w, frame f, size_t pc, unsigned *reg,
                            lgort__str *s) {
  if (pc >= f.p->ncode) return 0;
  uint32_t ins = lgort__proto_ins(f.p, pc);
  *reg = lgort__ins_a(ins);
  if (lgort__ins_op(ins) == LGORT__OP_LOADK)
    return const_string(w, f, lgort__ins_bx(ins), s) ? 1 : 0;
  if (lgort__ins_op(ins) != LGORT__OP_LOADKX || pc + 1 >= f.p->ncode) return 0;
  ins = lgort__proto_ins(f.p, pc + 1);
  if (lgort__ins_op(ins) != LGORT__OP_EXTRAARG) return 0;
  return const_string(w, f, lgort__ins_ax(ins), s) ? 2 : 0;
}

/* Is reg no local variable at pc, but a place for one intermediate value? The
 * compiler uses such a value once. Without debug information: false. */
static bool is_temporary(frame f, size_t pc, unsigned reg) {
  if (f.p->nlines == 0) return false;
  size_t alive = 0;
  for (size_t i = 0; i < f.p->nlocals; i++) {
    const lgort__local *l = &f.p->locals[i];
    if (l->startpc >= 0 && (size_t)l->startpc > pc) break; /* sorted */
    if (l->endpc >= 0 && (size_t)l->endpc > pc) alive++;
  }
  return reg >= alive;
}

/* Does the instruction at pc, or a key loaded there and the one after it, read
 * a field with a constant name from the table in reg? */
static bool indexed_read(walk *w, frame f, size_t pc, unsigned reg, access *a) {
  unsigned keyreg;
  size_t n = loaded_string(w, f, pc, &keyreg, &a->key);
  pc += n;
  if (pc >= f.p->ncode || (n != 0 && keyreg == reg)) return false;
  uint32_t ins = lgort__proto_ins(f.p, pc);
  if (lgort__ins_b(ins) != reg) return false;
  if (n != 0) {
    if (lgort__ins_op(ins) != LGORT__OP_GETTABLE) return false;
    if (lgort__ins_c(ins) != keyreg) return false;
  } else {
    if (lgort__ins_op(ins) != LGORT__OP_GETFIELD) return false;
    if (!const_string(w, f, lgort__ins_c(ins), &a->key)) return false;
  }
  a->dest = lgort__ins_a(ins);
  a->next = pc + 1;
  a->last = a->dest == reg || is_temporary(f, pc, reg);
  return true;
}

/* Can ins stand between the load of a table and its key (in reg and keyreg,
 * intermediate values) and the store into it? Passes what computes in higher
 * registers; false ("can't tell") may also hit code that is harmless. */
static bool computes_above(uint32_t ins, unsigned reg, unsigned keyreg) {
  unsigned op = lgort__ins_op(ins), a = lgort__ins_a(ins);
  if (op == LGORT__OP_EXTRAARG || op == LGORT__OP_SETTABUP) return true;
  if (op >= LGORT__OP_MMBIN && op <= LGORT__OP_MMBINK) return true;
  if (op == LGORT__OP_JMP) return lgort__ins_sj(ins) >= 0;
  if (op >= LGORT__OP_EQ && op <= LGORT__OP_LE)
    return a != reg && lgort__ins_b(ins) != reg;
  if (op > LGORT__OP_LE && op <= LGORT__OP_TEST) return a != reg;
  if (op >= LGORT__OP_SETTABLE && op <= LGORT__OP_SETFIELD) return a != reg;
  if (op == LGORT__OP_CLOSE || op == LGORT__OP_TBC) return false;
  if (op >= LGORT__OP_FORLOOP && op <= LGORT__OP_TFORLOOP) return false;
  return a > keyreg; /* also calls: they use registers from A upwards */
}

/* Is a table that was just put into reg there for one store with a constant
 * name, and nothing else? */
static bool indexed_write(walk *w, frame f, size_t pc, unsigned reg,
                          lgort__str *key) {
  unsigned keyreg;
  size_t n = loaded_string(w, f, pc, &keyreg, key);
  pc += n;
  if (pc >= f.p->ncode || !is_temporary(f, pc, reg)) return false;
  if (n == 0) {
    uint32_t ins = lgort__proto_ins(f.p, pc);
    return lgort__ins_op(ins) == LGORT__OP_SETFIELD &&
           lgort__ins_a(ins) == reg &&
           const_string(w, f, lgort__ins_b(ins), key);
  }
  for (; keyreg > reg && pc < f.p->ncode; pc++) {
    uint32_t ins = lgort__proto_ins(f.p, pc);
    if (lgort__ins_op(ins) == LGORT__OP_SETTABLE && lgort__ins_a(ins) == reg &&
        lgort__ins_b(ins) == keyreg)
      return true;
    if (!computes_above(ins, reg, keyreg)) return false;
  }
  return false;
}

/* ---- the walk ---- */

/* A global was read into reg; pc is the instruction after. */
static void global_value(walk *w, frame f, size_t pc, unsigned reg,
                         int64_t line, lgort__str s) {
  access a;
  lgort__str key;
  bool is_globals = s.len == 2 && memcmp(s.s, "_G", 2) == 0;
  if (is_globals && indexed_write(w, f, pc, reg, &key))
    note_write(w, key, line);
  bool indexed = indexed_read(w, f, pc, reg, &a);
  name *g = note_global(w, s);
  if (g == NULL) return;
  g->read = true;
  if (!indexed || !a.last) g->escapes = true;
  if (indexed) note_field(w, s, a.key);
}

/* The globals table was put into reg; pc is the instruction after. */
static void env_value(walk *w, frame f, size_t pc, unsigned reg, int64_t line) {
  access a;
  lgort__str key;
  if (indexed_read(w, f, pc, reg, &a)) {
    if (!a.last) w->env_escapes = true;
    global_value(w, f, a.next, a.dest, line, a.key);
  } else if (indexed_write(w, f, pc, reg, &key)) {
    note_write(w, key, line);
  } else {
    w->env_escapes = true;
  }
}

static void method_call(walk *w, frame f, size_t pc, uint32_t ins) {
  lgort__str s;
  unsigned reg;
  if (lgort__ins_k(ins)) {
    if (const_string(w, f, lgort__ins_c(ins), &s)) note_method(w, s);
    return;
  }
  /* The name is in a register, loaded just before; LOADKX takes two. */
  for (size_t n = 1; n <= 2 && n <= pc; n++) {
    if (loaded_string(w, f, pc - n, &reg, &s) != n) continue;
    if (reg == lgort__ins_c(ins)) note_method(w, s);
  }
}

static void visit(walk *w, frame f, size_t pc, int64_t line) {
  uint32_t ins = lgort__proto_ins(f.p, pc);
  unsigned a = lgort__ins_a(ins), b = lgort__ins_b(ins);
  lgort__str s;
  int up;
  switch (lgort__ins_op(ins)) {
    case LGORT__OP_GETUPVAL:
      if (upvalue(w, f, b) == w->env) env_value(w, f, pc + 1, a, line);
      break;
    case LGORT__OP_SETUPVAL:
      up = upvalue(w, f, b);
      if (up == NOT_OURS) break;
      if (up == w->env) w->env_escapes = true;
      w->ups[up].assigned = true;
      earliest(&w->ups[up].line, line);
      break;
    case LGORT__OP_GETTABUP:
      if (upvalue(w, f, b) != w->env) break;
      if (const_string(w, f, lgort__ins_c(ins), &s))
        global_value(w, f, pc + 1, a, line, s);
      else
        w->env_escapes = true;
      break;
    case LGORT__OP_SETTABUP:
      if (upvalue(w, f, a) != w->env) break;
      if (const_string(w, f, b, &s))
        note_write(w, s, line);
      else
        w->env_escapes = true;
      break;
    case LGORT__OP_SELF:
      method_call(w, f, pc, ins);
      break;
    case LGORT__OP_CLOSURE:
      if (lgort__ins_bx(ins) >= f.p->nchildren) fail(w, GORT_EINVAL);
      break;
    default:
      break;
  }
}

/* Visits a function and what is nested in it; the dump bounds the depth. */
static void walk_function(walk *w, frame f) {
  enum { ABSOLUTE_LINE = -128 }; /* the line stands in abslines */
  const lgort__proto *p = f.p;
  int64_t line = p->nlines != 0 ? p->linedefined : 0;
  size_t nextabs = 0;
  for (size_t pc = 0; pc < p->ncode && w->err == 0; pc++) {
    if (p->nlines != 0 && p->lines[pc] != ABSOLUTE_LINE)
      line += p->lines[pc];
    else if (p->nlines != 0 && nextabs < p->nabslines)
      line = p->abslines[nextabs++].line;
    visit(w, f, pc, line);
  }
  for (const lgort__proto *child = p->children; child != NULL;
       child = child->next) {
    uint8_t map[MAX_UPVALUES];
    for (size_t i = 0; i < child->nups; i++) {
      const uint8_t *desc = child->updescs + i * LGORT__UPDESC_SIZE;
      bool local = desc[0] != 0;
      map[i] = local ? NOT_OURS : f.map[desc[1]];
    }
    walk_function(w, (frame){child, map});
  }
}

/* ---- the result ---- */

/* Hands out pieces of the result's allocation; strings come last. */
static void *take(char **at, size_t count, size_t size) {
  void *mem = *at;
  *at += count * size;
  return mem;
}

static const char *copy_string(char **at, lgort__str s) {
  if (s.s == NULL) return NULL;
  char *mem = take(at, s.len + 1, 1);
  memcpy(mem, s.s, s.len);
  mem[s.len] = '\0';
  return mem;
}

static void fill_names(lgort_analysis *a, walk *w, char **at) {
  for (uint32_t i = 0; i < w->nnames; i++) {
    name *n = &w->names[i];
    size_t len = n->str.len;
    if (n->owner != NONE) { /* owner and text are older: copied already */
      a->fields[a->nfields++] =
          (lgort_field){w->names[n->owner].copy, w->names[n->owner].str.len,
                        w->names[n->text].copy, len};
      continue;
    }
    n->copy = copy_string(at, n->str);
    if (n->global)
      a->globals[a->nglobals++] = (lgort_global){
          n->copy, len, n->read, n->written, n->escapes, n->line};
    if (n->method) a->methods[a->nmethods++] = (lgort_name){n->copy, len};
  }
}

static int build_result(walk *w, const lgort__proto *f, lgort_analysis **out) {
  size_t nglobals = 0, nfields = 0, nmethods = 0;
  size_t bytes = f->source.len + 1;
  for (uint32_t i = 0; i < w->nnames; i++) {
    const name *n = &w->names[i];
    nglobals += n->global;
    nmethods += n->method;
    if (n->owner != NONE)
      nfields++;
    else
      bytes += n->str.len + 1;
  }
  for (size_t i = 0; i < f->nups && f->upnames != NULL; i++)
    bytes += f->upnames[i].len + 1;

  lgort_analysis *a = gort_malloc(
      sizeof *a + f->nups * sizeof *a->ups + nglobals * sizeof *a->globals +
      nfields * sizeof *a->fields + nmethods * sizeof *a->methods + bytes);
  if (a == NULL) return GORT_ENOMEM;
  *a = (lgort_analysis){
      .nups = (int)f->nups,
      .env_escapes = w->env_escapes,
      .makes_closures = f->children != NULL,
      .is_vararg = f->is_vararg,
      .nparams = (int)f->nparams,
      .linedefined = f->linedefined,
      .lastlinedefined = f->lastlinedefined,
      .source_len = f->source.len,
  };
  char *at = (char *)(a + 1);
  a->ups = take(&at, f->nups, sizeof *a->ups);
  a->globals = take(&at, nglobals, sizeof *a->globals);
  a->fields = take(&at, nfields, sizeof *a->fields);
  a->methods = take(&at, nmethods, sizeof *a->methods);
  a->source = copy_string(&at, f->source);
  for (size_t i = 0; i < f->nups; i++) {
    a->ups[i] = w->ups[i];
    if (f->upnames == NULL) continue;
    a->ups[i].name = copy_string(&at, f->upnames[i]);
    a->ups[i].name_len = f->upnames[i].len;
  }
  fill_names(a, w, &at);
  *out = a;
  return 0;
}

int lgort_analyse(const void *dump, size_t len, int env_up,
                  lgort_analysis **out) {
  lgort__dump *d;
  int err = lgort__dump_parse(dump, len, &d);
  if (err != 0) return err;
  uint8_t map[MAX_UPVALUES];
  for (size_t i = 0; i < MAX_UPVALUES; i++) map[i] = (uint8_t)i;
  walk w = {.env = env_up};
  if (env_up < -1 || env_up >= (int)d->main->nups) w.err = GORT_EINVAL;
  walk_function(&w, (frame){d->main, map});
  if (w.err == 0) w.err = build_result(&w, d->main, out);
  gort_free(w.names);
  gort_free(w.slots);
  lgort__dump_free(d);
  return w.err;
}

void lgort_analysis_free(lgort_analysis *a) { gort_free(a); }
