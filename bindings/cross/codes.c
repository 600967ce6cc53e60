/* codes.c - the table of codes, and their counts.
 *
 * SPDX-License-Identifier: MIT */
#include "cross/codes.h"

#include <string.h>

#include "cross/env.h"
#include "cross/factory.h"
#include "cross/message.h"
#include "vm/vm.h"

/* ---- the host's table -------------------------------------------------- */

int lgort_codes_init(lgort_codes *cs) {
  memset(cs, 0, sizeof *cs);
  return uv_mutex_init(&cs->mutex);
}

static void code_free(lgort_code *c) {
  gort_free(c->dump);
  gort_free(c->factory);
  lgort_analysis_free(c->info);
  gort_free(c);
}

void lgort_codes_fini(lgort_codes *cs) {
  for (size_t i = 0; i < cs->nbuckets; i++)
    while (cs->bucket[i]) {
      lgort_code *c = cs->bucket[i];
      cs->bucket[i] = c->next;
      code_free(c);
    }
  gort_free(cs->bucket);
  for (size_t i = 0; i < LGORT_CHUNKNAMES; i++)
    while (cs->sources[i]) {
      lgort_chunkname *s = cs->sources[i];
      cs->sources[i] = s->next;
      gort_free(s);
    }
  while (cs->nstandard > 0) gort_free(cs->standard[--cs->nstandard]);
  gort_free(cs->standard);
  uv_mutex_destroy(&cs->mutex);
}

static uint64_t hash_bytes(const char *s, size_t len, uint64_t h) {
  for (size_t i = 0; i < len; i++)
    h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
  return h;
}

static int grow_locked(lgort_codes *cs) {
  if (cs->count < cs->nbuckets) return 0;
  size_t n = cs->nbuckets ? cs->nbuckets * 2 : 64;
  lgort_code **bucket = gort_malloc(n * sizeof *bucket);
  if (!bucket) return cs->nbuckets ? 0 : GORT_ENOMEM;
  memset(bucket, 0, n * sizeof *bucket);
  for (size_t i = 0; i < cs->nbuckets; i++)
    while (cs->bucket[i]) {
      lgort_code *c = cs->bucket[i];
      cs->bucket[i] = c->next;
      c->next = bucket[c->hash % n];
      bucket[c->hash % n] = c;
    }
  gort_free(cs->bucket);
  cs->bucket = bucket;
  cs->nbuckets = n;
  return 0;
}

static int code_fill(lgort_code *c, const char *dump, size_t len) {
  c->dump = gort_malloc(len);
  if (!c->dump) return GORT_ENOMEM;
  memcpy(c->dump, dump, len);
  c->len = len;
  int rc = lgort_analyse(dump, len, c->env_up, &c->info);
  if (rc == 0)
    rc = lgort_factory_build(dump, len, &c->factory, &c->factory_len);
  if (rc < 0) return rc;
  c->needs_env = lgort_env_needed(c);
  /* Nothing in it has it as an upvalue's owner, and it cannot ask debug for
   * itself. */
  c->reusable = !c->info->makes_closures && c->needs_env == LGORT_ENV_BASE;
  c->bad_up = -1;
  c->named = true;
  for (int i = 0; i < c->info->nups; i++) {
    const char *name = c->info->ups[i].name;
    if (!name || (i != c->env_up && strcmp(name, "_ENV") == 0))
      c->named = false;
  }
  for (int i = 0; i < c->info->nups && c->bad_up < 0; i++)
    if (c->info->ups[i].assigned && i != c->env_up) c->bad_up = i;
  return 0;
}

static int intern_locked(lgort_codes *cs, const char *dump, size_t len,
                         int env_up, lgort_code **out) {
  uint64_t hash = hash_bytes(dump, len, 0xCBF29CE484222325u + (unsigned)env_up);
  int rc = grow_locked(cs);
  if (rc < 0) return rc;
  lgort_code **bucket = &cs->bucket[hash % cs->nbuckets];
  for (lgort_code *c = *bucket; c; c = c->next)
    if (c->hash == hash && c->env_up == env_up && c->len == len &&
        memcmp(c->dump, dump, len) == 0) {
      lgort_code_retain(c);
      *out = c;
      return 0;
    }
  lgort_code *c = gort_malloc(sizeof *c);
  if (!c) return GORT_ENOMEM;
  memset(c, 0, sizeof *c);
  c->env_up = env_up;
  c->hash = hash;
  rc = code_fill(c, dump, len);
  if (rc < 0) {
    code_free(c);
    return rc;
  }
  atomic_init(&c->refs, 1);
  c->table = cs;
  c->id = ++cs->last_id;
  cs->count++;
  c->next = *bucket;
  *bucket = c;
  *out = c;
  return 0;
}

int lgort__codes_intern(lgort_codes *cs, const char *dump, size_t len,
                        int env_up, lgort_code **out) {
  uv_mutex_lock(&cs->mutex);
  int rc = intern_locked(cs, dump, len, env_up, out);
  uv_mutex_unlock(&cs->mutex);
  return rc;
}

/* So many names are kept; a program that makes up more sees this. */
enum { MAX_NAMES = 10000 };
static const char too_many[] = "[string]";

const char *lgort__codes_source(lgort_codes *cs, const char *name) {
  size_t size = strlen(name) + 1;
  uint64_t hash = hash_bytes(name, size, 0xCBF29CE484222325u);
  lgort_chunkname **bucket = &cs->sources[hash % LGORT_CHUNKNAMES];
  const char *found = NULL;
  uv_mutex_lock(&cs->mutex);
  for (lgort_chunkname *s = *bucket; s && !found; s = s->next)
    if (strcmp(s->name, name) == 0) found = s->name;
  if (!found && cs->nsources < MAX_NAMES) {
    lgort_chunkname *s = gort_malloc(sizeof *s + size);
    if (s) {
      memcpy(s->name, name, size);
      s->next = *bucket;
      *bucket = s;
      cs->nsources++;
      found = s->name;
    }
  }
  uv_mutex_unlock(&cs->mutex);
  return found ? found : too_many;
}

/* ---- counts ------------------------------------------------------------ */

void lgort_code_retain(lgort_code *code) {
  atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
}

static void unlink_locked(lgort_codes *cs, lgort_code *code) {
  lgort_code **at = &cs->bucket[code->hash % cs->nbuckets];
  while (*at != code) at = &(*at)->next;
  *at = code->next;
  cs->count--;
}

/* Releases n counts. The last one goes under the mutex: nobody can find the
 * code in the table meanwhile. */
static void release(lgort_code *code, unsigned n) {
  unsigned refs = atomic_load_explicit(&code->refs, memory_order_relaxed);
  while (refs > n)
    if (atomic_compare_exchange_weak_explicit(&code->refs, &refs, refs - n,
                                              memory_order_release,
                                              memory_order_relaxed))
      return;
  lgort_codes *cs = code->table;
  uv_mutex_lock(&cs->mutex);
  bool last =
      atomic_fetch_sub_explicit(&code->refs, n, memory_order_acq_rel) == n;
  if (last) unlink_locked(cs, code);
  uv_mutex_unlock(&cs->mutex);
  if (last) code_free(code);
}

void lgort_code_release(lgort_code *code) {
  if (code) release(code, 1);
}

void lgort_purse_fini(lgort_purse *p) {
  if (p->n) release(p->code, p->n);
  *p = (lgort_purse){0};
}

enum { HANDFUL = 256 };

static lgort_purse *purse_for(lgort_vm *vm, const lgort_code *code) {
  return &vm->purses[code->id % LGORT_PURSES];
}

void lgort_code_put(lgort_vm *vm, lgort_code *code) {
  lgort_purse *p = purse_for(vm, code);
  lgort_purse_fini(p);
  *p = (lgort_purse){code, 1};
}

void lgort_code_take(lgort_vm *vm, lgort_code *code) {
  lgort_purse *p = purse_for(vm, code);
  if (p->code != code) {
    lgort_purse_fini(p);
    p->code = code;
  }
  if (p->n == 0) {
    atomic_fetch_add_explicit(&code->refs, HANDFUL, memory_order_relaxed);
    p->n = HANDFUL;
  }
  p->n--;
}

void lgort_code_give(lgort_vm *vm, lgort_code *code) {
  lgort_purse *p = purse_for(vm, code);
  if (p->n == 0) p->code = code;
  if (p->code != code) {
    release(code, 1);
  } else if (++p->n > 4 * HANDFUL) {
    p->n -= 2 * HANDFUL;
    release(code, 2 * HANDFUL);
  }
}
