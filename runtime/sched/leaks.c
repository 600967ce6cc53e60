/* leaks.c - parked tasks that nothing can ever wake.
 *
 * SPDX-License-Identifier: MIT
 *
 * A task that waits without a deadline is woken only by who has one of the
 * things it waits for. It is leaked when all counts of these are handles that
 * only leaked tasks can reach: then nobody else ever gets at them.
 *
 *   1. Each vm, between two tasks, tells which of its tasks wait so (the
 *      suspects) and, by ops->reach, which handles it has: reached from
 *      anything else, or from suspects only.
 *   2. (judge) A thing is alive when it is reached from anything else, when it
 *      has a count that is no handle we have seen (a value under way, a
 *      record, another thing), when a handle of it has arrived in a vm since 1
 *      began, or when it becomes ready by itself. A suspect that waits for
 *      something alive is alive, and so is all that it reaches; until nothing
 *      changes.
 *   3. The vms describe the other suspects; one that no longer waits as it did
 *      is alive, and the judgement is made again.
 * The vms are not looked at together. What moves meanwhile is caught: it has
 * a count we do not know, or it has arrived since (gort_object.arrived).
 * A vm that does not answer has told nothing: its handles are such counts. So
 * there is no false alarm; what is missed are leaks through buffered values
 * and records.
 *
 * Threads: a part is its vm's until it has answered, then the asking task's. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctx/bond.h"
#include "sched/runtime.h"
#include "sched/survey.h"

/* What a vm has for the walk through all its values. */
static const int64_t PATIENCE_NS = 10000000000;

typedef struct suspect {
  gort_task *task;  /* while it waits */
  uint32_t wait;    /* which of its waits */
  uint32_t reaches; /* where its entries begin, from 1; 0: none */
  bool woken;       /* it does not wait so any more */
  bool alive;
  gort_text *text;
} suspect;

/* Suspect number who (0: anything else) has, or waits for, obj. */
typedef struct entry {
  uint32_t who;
  bool first;       /* a handle that was not seen before */
  gort_object *obj; /* owned */
} entry;

typedef struct entries {
  entry *at;
  size_t n, room;
} entries;

/* What one vm tells. */
struct gort_reach {
  suspect *suspects; /* number k is suspects[k - 1] */
  gort_task **others;
  size_t n, nothers;
  entries has, awaits;
};

/* A thing that is waited for. */
typedef struct thing {
  gort_object *obj;
  size_t waits, nwaits; /* in court.waits */
  unsigned ours;        /* counts of this file */
  unsigned handles;     /* of suspects */
  bool alive;
} thing;

typedef struct wait_for {
  gort_object *obj;
  gort_reach *part;
  uint32_t who;
} wait_for;

/* A judgement. */
typedef struct court {
  thing *things; /* by address */
  size_t n;
  wait_for *waits; /* by the address of what they wait for */
  size_t nwaits;
  wait_for *todo; /* suspects found alive */
  size_t ntodo;
} court;

struct gort_leaks {
  gort_object obj; /* counted: by the asking task and each survey */
  gort__survey *survey, *second;
  gort_task *asker;
  uint32_t epoch;
  unsigned n;
  gort_reach parts[];
};

_Atomic uint32_t gort__arrivals;

void gort_object_arrived(gort_object *o) {
  uint32_t now = atomic_load_explicit(&gort__arrivals, memory_order_relaxed);
  /* Mostly known: its cache line stays where it is. */
  if (atomic_load_explicit(&o->arrived, memory_order_relaxed) != now)
    atomic_store_explicit(&o->arrived, now, memory_order_relaxed);
}

/* ---- what a vm tells --------------------------------------------------- */

/* Retains e.obj. */
static bool add(entries *es, entry e) {
  if (es->n == es->room) {
    size_t room = es->room ? es->room * 2 : 32;
    entry *at = gort_realloc(es->at, room * sizeof *at);
    if (!at) return false;
    es->at = at;
    es->room = room;
  }
  gort_object_retain(e.obj);
  es->at[es->n++] = e;
  return true;
}

static void clear(entries *es) {
  for (size_t i = 0; i < es->n; i++) gort_object_release(es->at[i].obj);
  gort_free(es->at);
  *es = (entries){0};
}

static void clear_part(gort_reach *r) {
  for (size_t i = 0; i < r->n; i++)
    gort_free(gort_text_take(r->suspects[i].text));
  gort_free(r->suspects);
  gort_free(r->others);
  clear(&r->has);
  clear(&r->awaits);
  memset(r, 0, sizeof *r);
}

int gort_reach_add(gort_reach *r, size_t who, gort_object *obj, bool first) {
  if (who && !r->suspects[who - 1].reaches)
    r->suspects[who - 1].reaches = (uint32_t)r->has.n + 1;
  return add(&r->has, (entry){(uint32_t)who, first, obj}) ? 0 : GORT_ENOMEM;
}

size_t gort_reach_count(const gort_reach *r) { return r->n; }

gort_task *gort_reach_task(const gort_reach *r, size_t who) {
  return r->suspects[who - 1].task;
}

gort_task *gort_reach_other(const gort_reach *r, size_t i) {
  return i < r->nothers ? r->others[i] : NULL;
}

/* A source of a suspect's; false when somebody has claimed it there. */
static bool still_queued(gort_waiter *w) {
  gort__lock_take(&w->source->lock);
  bool queued = gort__link_listed(&w->link);
  gort__lock_give(&w->source->lock);
  return queued;
}

static bool is_suspect(const gort_leaks *l, gort_task *t) {
  gort__wait *wait = &t->wait;
  if (t == l->asker || t == t->vm->rt->main_task || !wait->parked ||
      wait->armed || !t->state)
    return false;
  if (wait->n == 0) return atomic_load(&wait->ticket) == GORT_TICKET_OPEN;
  gort_waiter *ws = gort__wait_waiters(wait);
  for (uint32_t i = 0; i < wait->n; i++)
    if (ws[i].source && !still_queued(&ws[i])) return false;
  return true;
}

/* A root never ends: it is no hope. */
static bool is_hope(const gort_object *o) {
  return o->cls != gort_context_class() ||
         gort__container(o, gort_context, src.obj)->can_end;
}

static bool add_suspect(gort_reach *r, gort_task *t) {
  gort__wait *wait = &t->wait;
  uint32_t who = (uint32_t)++r->n;
  r->suspects[who - 1] = (suspect){.task = t, .wait = wait->number};
  for (uint32_t i = 0; i < wait->n; i++) {
    gort_source *s = gort__wait_waiters(wait)[i].source;
    if (s && is_hope(&s->obj) && !add(&r->awaits, (entry){who, false, &s->obj}))
      return false;
  }
  if (!t->bond) return true;
  gort_object *ctx = &t->bond->ctx->src.obj;
  if (!t->bond->shielded && is_hope(ctx) &&
      !add(&r->awaits, (entry){who, false, ctx}))
    return false;
  return gort_reach_add(r, who, ctx, true) == 0; /* the bond's count */
}

static bool list_tasks(const gort_leaks *l, gort_vm *vm, gort_reach *r) {
  size_t n = 0;
  for (gort__link *k = vm->tasks.next; k != &vm->tasks; k = k->next) n++;
  r->suspects = gort_malloc((n + 1) * sizeof *r->suspects);
  r->others = gort_malloc((n + 1) * sizeof(gort_task *));
  if (!r->suspects || !r->others) return false;
  for (gort__link *k = vm->tasks.next; k != &vm->tasks; k = k->next) {
    gort_task *t = gort__container(k, gort_task, all);
    if (!is_suspect(l, t))
      r->others[r->nothers++] = t;
    else if (!add_suspect(r, t))
      return false;
  }
  return true;
}

static void look(gort_vm *vm, unsigned i, void *arg) {
  gort_leaks *l = arg;
  gort_reach *r = &l->parts[i];
  int (*reach)(gort_vm *, gort_reach *) = vm->rt->options.ops->reach;
  if (!reach || !list_tasks(l, vm, r) || reach(vm, r) < 0) clear_part(r);
}

/* ---- the judgement ----------------------------------------------------- */

/* Whether o becomes ready without anybody who has it. */
static bool acts_by_itself(const gort_object *o) {
  if (o->cls == gort_timer_class()) return true;
  if (o->cls != gort_context_class()) return false;
  const gort_context *c = gort__container(o, gort_context, src.obj);
  return c->linked || c->has_timer;
}

static int by_object(const void *a, const void *b) {
  uintptr_t x = (uintptr_t)((const wait_for *)a)->obj;
  uintptr_t y = (uintptr_t)((const wait_for *)b)->obj;
  return x < y ? -1 : x > y;
}

static thing *find(const court *c, const gort_object *o) {
  size_t from = 0, to = c->n;
  while (from < to) {
    size_t mid = from + (to - from) / 2;
    if (c->things[mid].obj == o) return &c->things[mid];
    if ((uintptr_t)c->things[mid].obj < (uintptr_t)o)
      from = mid + 1;
    else
      to = mid;
  }
  return NULL;
}

static void revive(court *c, const wait_for *w) {
  suspect *s = &w->part->suspects[w->who - 1];
  if (s->alive) return;
  s->alive = true;
  c->todo[c->ntodo++] = *w;
}

static void revive_thing(court *c, thing *t) {
  if (t->alive) return;
  t->alive = true;
  for (size_t i = 0; i < t->nwaits; i++) revive(c, &c->waits[t->waits + i]);
}

/* All that a live suspect has is alive. */
static void spread(court *c, const wait_for *w) {
  const entries *has = &w->part->has;
  size_t i = w->part->suspects[w->who - 1].reaches;
  if (!i) return;
  for (i--; i < has->n && has->at[i].who == w->who; i++) {
    thing *t = find(c, has->at[i].obj);
    if (t) revive_thing(c, t);
  }
}

static void free_court(court *c) {
  gort_free(c->things);
  gort_free(c->waits);
  gort_free(c->todo);
}

/* The parts that told something: NULL after the last. */
static gort_reach *part_of(gort_leaks *l, unsigned *i) {
  while (*i < l->n) {
    unsigned k = (*i)++;
    if (gort__survey_asked(l->survey, k) && gort__survey_answered(l->survey, k))
      return &l->parts[k];
  }
  return NULL;
}

#define EACH_PART(l, r)                                    \
  for (unsigned r##_i = 0, r##_go = 1; r##_go; r##_go = 0) \
    for (gort_reach * (r); ((r) = part_of(l, &r##_i)) != NULL;)

/* Lists what is waited for, and by whom. */
static bool open_court(gort_leaks *l, court *c) {
  size_t waits = 0, suspects = 0;
  memset(c, 0, sizeof *c);
  EACH_PART(l, r) waits += r->awaits.n, suspects += r->n;
  c->things = gort_malloc((waits + 1) * sizeof *c->things);
  c->waits = gort_malloc((waits + 1) * sizeof *c->waits);
  c->todo = gort_malloc((suspects + 1) * sizeof *c->todo);
  if (!c->things || !c->waits || !c->todo) return false;
  EACH_PART(l, r)
  for (size_t i = 0; i < r->awaits.n; i++)
    c->waits[c->nwaits++] =
        (wait_for){r->awaits.at[i].obj, r, r->awaits.at[i].who};
  qsort(c->waits, c->nwaits, sizeof *c->waits, by_object);
  for (size_t i = 0; i < c->nwaits; i++) {
    gort_object *o = c->waits[i].obj;
    if (!c->n || c->things[c->n - 1].obj != o)
      c->things[c->n++] = (thing){.obj = o, .waits = i};
    c->things[c->n - 1].nwaits++;
    c->things[c->n - 1].ours++;
  }
  return true;
}

/* Counts the handles; what is not reached by suspects alone is alive. */
static void count_handles(gort_leaks *l, court *c) {
  EACH_PART(l, r)
  for (size_t i = 0; i < r->has.n; i++) {
    entry *e = &r->has.at[i];
    thing *t = find(c, e->obj);
    if (!t) continue;
    t->ours++;
    t->handles += e->who && e->first;
    if (!e->who) revive_thing(c, t);
  }
}

static bool judge(gort_leaks *l) {
  court c;
  if (!open_court(l, &c)) {
    free_court(&c);
    return false;
  }
  EACH_PART(l, r)
  for (size_t k = 1; k <= r->n; k++) {
    r->suspects[k - 1].alive = false;
    if (r->suspects[k - 1].woken) revive(&c, &(wait_for){NULL, r, (uint32_t)k});
  }
  count_handles(l, &c);
  for (size_t i = 0; i < c.n; i++) {
    thing *t = &c.things[i];
    unsigned refs = atomic_load_explicit(&t->obj->refs, memory_order_acquire);
    if (refs != t->ours + t->handles || acts_by_itself(t->obj) ||
        atomic_load_explicit(&t->obj->arrived, memory_order_acquire) >=
            l->epoch)
      revive_thing(&c, t);
  }
  for (size_t i = 0; i < c.ntodo; i++) spread(&c, &c.todo[i]);
  free_court(&c);
  return true;
}

/* ---- the second look --------------------------------------------------- */

static int by_task(const void *a, const void *b) {
  uintptr_t x = (uintptr_t)(*(suspect *const *)a)->task;
  uintptr_t y = (uintptr_t)(*(suspect *const *)b)->task;
  return x < y ? -1 : x > y;
}

static void describe(gort_vm *vm, suspect *s) {
  gort__wait *wait = &s->task->wait;
  if (!wait->parked || wait->number != s->wait) return;
  s->woken = false;
  s->text = gort_text_new();
  if (!s->text) return;
  gort__text_format(s->text, "%llu\n%s\n", (unsigned long long)s->task->id,
                    gort__wait_reason(wait));
  vm->rt->options.ops->describe(vm, s->task, s->text);
}

/* A suspect's task is only looked at when it is among the vm's. */
static void look_again(gort_vm *vm, unsigned i, void *arg) {
  gort_leaks *l = arg;
  gort_reach *r = &l->parts[i];
  if (!gort__survey_asked(l->survey, i) || !gort__survey_answered(l->survey, i))
    return;
  suspect **left = gort_malloc((r->n + 1) * sizeof(suspect *));
  size_t n = 0;
  for (size_t k = 0; k < r->n; k++)
    if ((r->suspects[k].woken = !r->suspects[k].alive) && left)
      left[n++] = &r->suspects[k];
  if (n) qsort(left, n, sizeof *left, by_task);
  for (gort__link *k = vm->tasks.next; n && k != &vm->tasks; k = k->next) {
    suspect key = {.task = gort__container(k, gort_task, all)}, *at = &key;
    suspect **found = bsearch(&at, left, n, sizeof *left, by_task);
    if (found) describe(vm, *found);
  }
  gort_free(left);
}

/* ---- from the asking task ---------------------------------------------- */

static void leaks_destroy(gort_object *o) {
  gort_leaks *l = gort__container(o, gort_leaks, obj);
  for (unsigned i = 0; i < l->n; i++) clear_part(&l->parts[i]);
  gort_free(l);
}

static const gort_class leaks_class = {"leaks", leaks_destroy, NULL};

static void let_go(void *arg) {
  gort_object_release(&((gort_leaks *)arg)->obj);
}

static gort__survey *ask(gort_leaks *l, unsigned n,
                         void (*with)(gort_vm *, unsigned, void *)) {
  gort *rt = l->asker->vm->rt;
  gort_object_retain(&l->obj);
  gort__survey *s = gort__survey_new(rt, n, l->asker->vm, with, let_go, l);
  if (s)
    gort__survey_patience(s, PATIENCE_NS);
  else
    gort_object_release(&l->obj);
  return s;
}

int gort_leaks_new(gort_task *self, gort_leaks **out) {
  unsigned n = gort__survey_room(self->vm->rt);
  gort_leaks *l = gort_malloc(sizeof *l + n * sizeof(gort_reach));
  if (!l) return GORT_ENOMEM;
  memset(l, 0, sizeof *l + n * sizeof(gort_reach));
  gort__object_init(&l->obj, &leaks_class);
  l->asker = self;
  l->n = n;
  l->epoch = atomic_fetch_add(&gort__arrivals, 1) + 1;
  l->survey = ask(l, n, look);
  if (!l->survey) {
    gort_object_release(&l->obj);
    return GORT_ENOMEM;
  }
  *out = l;
  return 0;
}

/* Goes on after a wait that came to rc. */
static int go_on(gort_leaks *l, gort_task *self, int rc) {
  if (rc != 0 || l->second) return rc;
  if (!judge(l) || !(l->second = ask(l, l->n, look_again))) return GORT_ENOMEM;
  return gort__survey_wait(l->second, self);
}

int gort_leaks_wait(gort_leaks *l, gort_task *self) {
  return go_on(l, self, gort__survey_wait(l->survey, self));
}

int gort_leaks_resume(gort_leaks *l, gort_task *self) {
  gort__survey *s = l->second ? l->second : l->survey;
  return go_on(l, self, gort__survey_resume(s, self));
}

static void report(gort_leaks *l, gort_text *out) {
  unsigned i = 0;
  gort_reach *r;
  while ((r = part_of(l, &i))) {
    unsigned k = (unsigned)(r - l->parts);
    if (!gort__survey_asked(l->second, k) ||
        !gort__survey_answered(l->second, k))
      continue;
    for (size_t j = 0; j < r->n; j++) {
      suspect *s = &r->suspects[j];
      if (s->alive || s->woken) continue;
      char *text = gort_text_take(s->text);
      s->text = NULL;
      if (text) gort_text_add(out, text, strlen(text) + 1);
      gort_free(text);
    }
  }
}

void gort_leaks_finish(gort_leaks *l, gort_text *out) {
  if (out && l->second && judge(l)) report(l, out);
  if (l->second) gort__survey_release(l->second);
  gort__survey_release(l->survey);
  gort_object_release(&l->obj);
}
