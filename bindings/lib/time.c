/* time.c - gort.time: clocks, sleeping, timers and tickers.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "cross/call.h"
#include "lib/duration.h"
#include "lib/lib.h"
#include "vm/bound.h"

/* ---- clocks ------------------------------------------------------------ */

static int time_now(lua_State *L) {
  lua_pushnumber(L, gort_wall_now());
  return 1;
}

static int time_monotonic(lua_State *L) {
  lua_pushnumber(L, (lua_Number)gort_now() * 1e-9);
  return 1;
}

/* A moment this far in the future; never so far that nothing waits for it
 * (an endless sleep is not a deadlock). */
static int64_t moment(lua_State *L, int idx) {
  int64_t when = lgort_after(lgort_check_duration(L, idx));
  return when == GORT_FOREVER ? GORT_FOREVER - 1 : when;
}

/* ---- sleep ------------------------------------------------------------- */

/* status: how the wait ended; its deadline is the end of the sleep (whole) or
 * the timeout. */
static int slept(lua_State *L, bool whole, int status) {
  whole = whole && status == GORT_ETIMEOUT;
  lua_pushboolean(L, whole);
  if (whole) return 1;
  lua_pushstring(L, gort_strerror(status));
  return 2;
}

static int sleep_k(lua_State *L, int status, lua_KContext ctx) {
  gort_result res;
  (void)status;
  lgort_wait_finish(L, &res);
  return slept(L, ctx != 0, res.status);
}

static int time_sleep(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  int64_t when = moment(L, 1);
  gort_limit limit = lgort_check_limit(L, 2);
  bool whole = when <= limit.deadline;
  if (whole) limit.deadline = when;
  if (limit.deadline <= gort_now()) return slept(L, whole, GORT_ETIMEOUT);
  int status = lgort_limit_reached(&limit);
  if (status) return slept(L, whole, status);
  if (!lgort_can_park(L, vm)) lgort_cannot_park(L);
  lgort_check_end(L, vm, &limit);
  int rc = gort_sleep(gort_vm_current(vm->vm), &limit);
  if (rc < 0) lgort_raise(L, rc);
  return lgort_park(L, whole, sleep_k);
}

/* ---- timers ------------------------------------------------------------ */

static gort_timer *check_timer(lua_State *L, lgort_handle **h) {
  *h = lgort_check_handle(L, 1, LGORT_TIMER);
  return (gort_timer *)(void *)(*h)->obj;
}

static int push_timer(lua_State *L, int64_t when, int64_t period) {
  gort_timer *t;
  int rc = gort_timer_new(lgort_vm_of(L)->rt, when, period, &t);
  if (rc < 0) lgort_raise(L, rc);
  lgort_push_new(L, (gort_object *)(void *)t, LGORT_BOTH);
  return 1;
}

/* The period at idx, which must be positive. */
static int64_t check_period(lua_State *L, int idx) {
  int64_t period = lgort_check_duration(L, idx);
  luaL_argcheck(L, period > 0, idx, "the period must be positive");
  return period < GORT_FOREVER / 4 ? period : GORT_FOREVER / 4;
}

static int time_timer(lua_State *L) { return push_timer(L, moment(L, 1), 0); }

static int time_ticker(lua_State *L) {
  int64_t period = check_period(L, 1);
  return push_timer(L, lgort_after(period), period);
}

static int time_tick(lua_State *L) {
  if (lgort_check_duration(L, 1) > 0) return time_ticker(L);
  lua_pushnil(L); /* as in Go: a tick that never comes */
  return 1;
}

/* A call waiting for its time; one per timer, used each time it fires. */
static gort_record *make_call(void *arg) { return lgort_call_copy(arg); }

static void drop_call(void *arg) { lgort_call_free(arg); }

static int time_after_func(lua_State *L) {
  lgort_vm *vm = lgort_vm_of(L);
  gort_timer *t;
  int64_t when = moment(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  gort_record *r = lgort_call_new(L, vm, 2);
  int rc = gort_timer_func(vm->rt, when, make_call, drop_call, r, &t);
  if (rc < 0) {
    drop_call(r);
    lgort_raise(L, rc);
  }
  lgort_push_new(L, (gort_object *)(void *)t, LGORT_BOTH);
  return 1;
}

static int timer_stop(lua_State *L) {
  lgort_handle *h;
  lua_pushboolean(L, gort_timer_stop(check_timer(L, &h)));
  return 1;
}

static int timer_reset(lua_State *L) {
  lgort_handle *h;
  gort_timer *t = check_timer(L, &h);
  bool pending;
  if (gort_timer_is_ticker(t)) {
    int64_t period = check_period(L, 2);
    pending = gort_timer_reset(t, lgort_after(period), period);
  } else {
    pending = gort_timer_reset(t, moment(L, 2), 0);
  }
  lua_pushboolean(L, pending);
  return 1;
}

static int timer_recv(lua_State *L) {
  lgort_handle *h;
  check_timer(L, &h);
  gort_limit limit = lgort_check_limit(L, 2);
  return lgort_recv(L, h, &limit);
}

static int timer_try_recv(lua_State *L) {
  lgort_handle *h;
  check_timer(L, &h);
  return lgort_try_recv(L, h);
}

static int timer_call(lua_State *L) {
  lgort_handle *h;
  check_timer(L, &h);
  return lgort_iterate(L, h);
}

/* ---- durations --------------------------------------------------------- */

static int time_duration(lua_State *L) {
  double seconds;
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  if (strlen(text) != len || !lgort_duration_parse(text, &seconds))
    return luaL_argerror(
        L, 1,
        lua_pushfstring(L,
                        "'%s' is no duration (as in '1h2m3.5s', "
                        "units ns us ms s m h)",
                        text));
  lua_pushnumber(L, seconds);
  return 1;
}

static int time_format(lua_State *L) {
  char text[64];
  lua_Number s = luaL_checknumber(L, 1);
  luaL_argcheck(L, !isnan(s), 1, "the duration is not a number (NaN)");
  lgort_duration_format(s, text, sizeof text);
  lua_pushstring(L, text);
  return 1;
}

static const luaL_Reg methods[] = {
    {"stop", timer_stop},         {"reset", timer_reset}, {"recv", timer_recv},
    {"try_recv", timer_try_recv}, {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__call", timer_call}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"now", time_now},
    {"monotonic", time_monotonic},
    {"sleep", time_sleep},
    {"after", time_timer},
    {"timer", time_timer},
    {"tick", time_tick},
    {"ticker", time_ticker},
    {"after_func", time_after_func},
    {"duration", time_duration},
    {"format", time_format},
    {NULL, NULL},
};

int lgort_open_time(lua_State *L) {
  static const struct {
    const char *name;
    double seconds;
  } units[] = {{"nanosecond", 1e-9},  {"microsecond", 1e-6},
               {"millisecond", 1e-3}, {"second", 1},
               {"minute", 60},        {"hour", 3600}};
  lgort_type_new(L, LGORT_TIMER, methods, meta);
  luaL_newlib(L, functions);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    lua_pushnumber(L, units[i].seconds);
    lua_setfield(L, -2, units[i].name);
  }
  return 1;
}
