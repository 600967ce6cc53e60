/* deadlock.pml - a deadlock is found, and only a real one: sched/dump.c.
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: is_stuck_locked and gort__deadlock_check; what they look at and who
 *   changes it: go_idle, rejoin, over_limit, gort__sched_wake, publishing to a
 *   worker's ring and to the global queue, a blocking thread (blocking.c),
 *   gort__timers_fire (timers.c) by the monitor, gort_maxprocs.
 *   Two tasks do, at will: a blocking job; a wait with a deadline; a wait
 *   without; wake the other (a send) and go on.
 * Checks (assertions):
 *   - no false deadlock: when one is reported, every task is parked, no job is
 *     under way, no timer armed, nothing queued anywhere;
 *   - a real one is found: every run ends in one (the tasks' steps are
 *     bounded), so when nobody can go on, it has been reported;
 *   - it is reported once.
 * Abstracts: vms, uv loops and hand-off (loops_alive and blocked are counts
 *   like jobs, but changed only by workers that hold a vm or under rt->lock);
 *   spinning (sleep.pml): a waker wakes whenever a place is free. A sleeper
 *   that the poller's kick reaches is any of them, as sleep.pml shows that one
 *   polls when all sleep.
 * Why sequential consistency suffices: active, blocked, the idle list and the
 *   global queues change only under rt->lock, which the checker holds. external
 *   and jobs are seq_cst. timers.next must be stored with release and loaded
 *   with acquire: who reads FOREVER after a timer left the heap must then see
 *   that timer's count in external.
 * -DBROKEN: the blocking thread counts its job off before it readies the task.
 * Faults that this model has found, kept as variants:
 * -DNO_RECHECK: who counts the last job or firing off when all workers sleep
 *   makes nobody check again. The last check counted it, so a deadlock that
 *   came about in between is never reported.
 * -DNO_RINGS: the rings are not among what is looked at under the lock. A
 *   worker over the limit may sleep with work in its ring while the last
 *   active one is between giving its place back and looking at the queues. */

#ifndef STEPS
#define STEPS 1 /* of task 0; task 1 has one */
#endif
#define BIT(t) (1 << (t))

bool lock;     /* rt->lock */
bool heap_lock;
byte places, procs = 2;
byte idle;     /* sets of workers and tasks, as bits */
byte global, own[2];
byte armed, next; /* in the heap; what others see of it: timers.next */
byte external, jobs, jobs_queued;
byte open;     /* parked, and may be claimed */
bool awake[2], kicked, stopping;
byte steps[2] = 1;

inline wake() {
  atomic {
    !lock ->
    if
    :: places < procs && idle && !stopping ->
       if
       :: idle & 1 -> idle = idle & ~1; awake[0] = true
       :: idle & 2 -> idle = idle & ~2; awake[1] = true
       fi;
       places++
    :: else
    fi
  }
}

inline push_global(t) {
  atomic { !lock -> global = global | BIT(t) };
  wake()
}

/* It was the last thing that kept the checker from a verdict. */
inline recheck(count) {
#ifndef NO_RECHECK
  if
  :: count == 0 ->
     if
     :: places == 0 -> kicked = true
     :: places > 0
     fi
  :: count > 0
  fi
#else
  skip
#endif
}

proctype blocking() {
  byte t;
end:
  do
  :: atomic {
       jobs_queued > 0 ->
       t = (jobs_queued & 1 -> 0 : 1);
       jobs_queued = jobs_queued & ~BIT(t)
     };
#ifdef BROKEN
     jobs--;
     push_global(t);
#else
     push_global(t);
     jobs--;
#endif
     recheck(jobs);
     t = 0
  od
}

proctype monitor() {
  byte t;
  bool won;
end:
  do
  :: next != 0 ->
     external++;
     atomic { !heap_lock -> heap_lock = true };
     if
     :: armed == 0 -> won = false
     :: atomic {
          armed != 0 ->
          t = (armed & 1 -> 0 : 1);
          armed = armed & ~BIT(t)
        };
        atomic { won = ((open & BIT(t)) != 0); open = open & ~BIT(t) }
     fi;
     next = armed;
     heap_lock = false;
     if
     :: won -> push_global(t)
     :: else
     fi;
     atomic { t = 0; won = false };
     external--;
     recheck(external)
  od
}

proctype set_maxprocs() {
  procs = 1;
  if
  :: global || own[0] || own[1] -> wake()
  :: else
  fi
}

inline rejoin(ok) {
  atomic {
    !lock ->
    ok = ((idle & BIT(w)) && places < procs);
    if
    :: ok -> idle = idle & ~BIT(w); places++
    :: else
    fi
  }
}

inline look(ok) {
  if
  :: global != 0 -> ok = true
  :: global == 0 ->
     if
     :: own[0] != 0 -> ok = true
     :: own[0] == 0 -> ok = (own[1] != 0)
     fi
  fi
}

inline check() {
  atomic { !lock -> lock = true };
  if
  :: places == 0 && !stopping ->
     if
     :: next == 0 ->
        if
        :: external == 0 ->
           if
           :: jobs == 0 ->
              if
#ifdef NO_RINGS
              :: global == 0 ->
#else
              :: global == 0 && own[0] == 0 && own[1] == 0 ->
#endif
                 atomic {
                   stopping = true;
                   assert(own[0] == 0 && own[1] == 0);
                   assert(armed == 0 && jobs_queued == 0);
                   assert(open == 3)
                 }
              :: else
              fi
           :: jobs > 0
           fi
        :: external > 0
        fi
     :: next != 0
     fi
  :: else
  fi;
  lock = false
}

#define LOW(set) ((set) & 1 -> 0 : 1)

proctype worker(byte w) {
  byte t;
  bool ok;
search:
  if
  :: places > procs -> goto sleep
  :: places <= procs
  fi;
  if
  :: atomic { own[w] != 0 -> t = LOW(own[w]); own[w] = own[w] & ~BIT(t) }
  :: own[w] == 0 ->
     if
     :: atomic { !lock && global != 0 ->
          t = LOW(global); global = global & ~BIT(t) }
     :: global == 0 ->
        if
        :: atomic { own[1 - w] != 0 ->
             t = LOW(own[1 - w]); own[1 - w] = own[1 - w] & ~BIT(t) }
        :: own[1 - w] == 0 -> goto sleep
        fi
     fi
  fi;
  /* The task's wait is finished. */
  assert((open & BIT(t)) == 0);
  if
  :: armed & BIT(t) ->
     atomic { !heap_lock -> armed = armed & ~BIT(t); next = armed }
  :: else ->
     heap_lock == false /* a firing under way has let go of it */
  fi;
  if
  :: atomic { steps[t] > 0 -> steps[t]-- };
     if
     :: jobs++;
        atomic { jobs_queued = jobs_queued | BIT(t); t = 0 }
     :: open = open | BIT(t); /* its own locks are held meanwhile */
        t = 0
     :: atomic { !heap_lock ->
          armed = armed | BIT(t); next = armed; open = open | BIT(t); t = 0 }
     :: if
        :: atomic { open & BIT(1 - t) -> open = open & ~BIT(1 - t) };
           own[w] = own[w] | BIT(1 - t);
           wake()
        :: else
        fi;
        own[w] = own[w] | BIT(t);
        t = 0;
        wake()
     fi
  :: steps[t] == 0 -> open = open | BIT(t); t = 0
  fi;
  goto search;

sleep:
  atomic {
    !lock ->
    t = 0;
    awake[w] = false;
    places--;
    idle = idle | BIT(w)
  };
again:
  look(ok);
  if
  :: ok -> rejoin(ok)
  :: else
  fi;
  if
  :: ok -> ok = false; goto search
  :: else
  fi;
  check();
end_asleep:
  if
  :: awake[w] -> goto search
  :: stopping
  :: atomic { kicked && !awake[w] -> kicked = false }; goto again
  fi
}

init {
  atomic {
    /* Worker 1 may have been woken for the task that main has started. */
    places = 2;
    steps[0] = STEPS;
    own[0] = 3;
    run worker(0);
    run worker(1);
    run blocking();
    run monitor()
#ifndef FIXED_PROCS
    ;
    run set_maxprocs()
#endif
  };
  timeout ->
  assert(stopping)
}
