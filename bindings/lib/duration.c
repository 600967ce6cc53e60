/* duration.c - "1h2m3.5s" to seconds and back.
 *
 * SPDX-License-Identifier: MIT */
#include "lib/duration.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  double seconds;
} units[] = {/* longer names before their prefixes */
             {"ns", 1e-9},        {"us", 1e-6}, {"\xC2\xB5s", 1e-6},
             {"\xCE\xBCs", 1e-6}, {"ms", 1e-3}, {"s", 1},
             {"m", 60},           {"h", 3600}};
enum { NUNITS = sizeof units / sizeof *units };

/* One "12.5ms"; NULL when there is none at s. */
static const char *parse_part(const char *s, double *sum) {
  const char *p = s;
  while (isdigit((unsigned char)*p)) p++;
  size_t digits = (size_t)(p - s);
  if (*p == '.') {
    p++;
    while (isdigit((unsigned char)*p)) p++, digits++;
  }
  if (digits == 0) return NULL;
  double n = strtod(s, NULL);
  for (int i = 0; i < NUNITS; i++) {
    size_t len = strlen(units[i].name);
    if (strncmp(p, units[i].name, len) == 0) {
      *sum += n * units[i].seconds;
      return p + len;
    }
  }
  return NULL;
}

bool lgort_duration_parse(const char *text, double *out) {
  const char *s = text;
  double sum = 0, sign = 1;
  if (*s == '-' || *s == '+') sign = *s++ == '-' ? -1 : 1;
  if (strcmp(s, "0") == 0) {
    *out = 0;
    return true;
  }
  if (!*s) return false;
  while (*s)
    if (!(s = parse_part(s, &sum))) return false;
  *out = sign * sum;
  return true;
}

/* "12.5" without trailing zeros, from a count of ns per unit. */
static int put_fraction(char *out, size_t size, unsigned long long ns,
                        unsigned long long unit, const char *name) {
  char digits[32];
  int n = snprintf(out, size, "%llu", ns / unit);
  unsigned long long rest = ns % unit;
  if (rest) {
    int width = unit == 1000000000 ? 9 : unit == 1000000 ? 6 : 3;
    snprintf(digits, sizeof digits, "%0*llu", width, rest);
    size_t len = strlen(digits);
    while (len > 0 && digits[len - 1] == '0') digits[--len] = '\0';
    n += snprintf(out + n, size - (size_t)n, ".%s", digits);
  }
  return n + snprintf(out + n, size - (size_t)n, "%s", name);
}

void lgort_duration_format(double seconds, char *out, size_t size) {
  char *end = out + size;
  if (isinf(seconds) || fabs(seconds) >= 9.2e9) {
    snprintf(out, size, isinf(seconds) ? "%f" : "%.0fs", seconds);
    return;
  }
  unsigned long long ns = (unsigned long long)llround(fabs(seconds) * 1e9);
  if (seconds < 0 && ns > 0) *out++ = '-';
  if (ns == 0) {
    snprintf(out, (size_t)(end - out), "0s");
  } else if (ns < 1000) {
    snprintf(out, (size_t)(end - out), "%lluns", ns);
  } else if (ns < 1000000) {
    put_fraction(out, (size_t)(end - out), ns, 1000, "\xC2\xB5s");
  } else if (ns < 1000000000) {
    put_fraction(out, (size_t)(end - out), ns, 1000000, "ms");
  } else {
    unsigned long long minutes = ns / 60000000000u, hours = minutes / 60;
    if (hours) out += snprintf(out, (size_t)(end - out), "%lluh", hours);
    if (minutes)
      out += snprintf(out, (size_t)(end - out), "%llum", minutes % 60);
    put_fraction(out, (size_t)(end - out), ns % 60000000000u, 1000000000, "s");
  }
}
