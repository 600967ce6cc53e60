/* sleep.pml - submit and sleep: sched/sched.h, "loses no wake-up".
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: gort_go and publish_vm (from a worker and from other threads),
 *   gort__sched_wake, sched_find with stealing, spin, stop_spinning, go_idle,
 *   rejoin, over_limit and sleep_until_woken with its semaphore and the poller.
 * Checks:
 *   - no lost wake-up: when nobody can go on and work is queued, every place
 *     is taken by a worker that runs a task without end. So there is no state
 *     in which work is queued and everyone sleeps, nor one in which work
 *     waits behind a busy worker while a place is free;
 *   - places (rt->active) is the number of active workers; nobody wakes one or
 *     rejoins beyond MAXPROCS;
 *   - rt->spinning is 0 when all sleep, and never goes below 0;
 *   - a worker is woken only while it is in the idle list;
 *   - when all sleep one of them sleeps in the poller.
 * Abstracts: WORKERS workers for MAXPROCS places, all made (as many as places,
 *   so somebody is in the idle list whenever a place is free); work is a
 *   counter for each queue; one search a spin; a task ends at once or never, at
 *   will. The worker's slot with its hint() is left out: there the monitor is
 *   the wake-up by design. So is the monitor's look at the queues at each tick,
 *   which would hide what is lost here. What happens under rt->lock is one
 *   step: each such part writes one variable that is read without the lock
 *   (awake is written after active).
 * Why sequential consistency suffices: S2 and P2 are seq_cst fences between
 *   the store and the loads of either side (the queue; spinning and active),
 *   which is the pattern they order; spinning and active are seq_cst as well.
 *   The relaxed and acquire looks at queues before P2 may be stale: that is an
 *   earlier look.
 * -DBROKEN: no look at the queues (P3) after the place was given back.
 * Faults that this model has found, kept as variants:
 * -DNO_RETRY: a waker that finds no worker to wake does not look again after
 *   it gave up the count in spinning that made others not wake.
 * -DNO_SPINNER: a worker that rejoins after its last look does not spin, so it
 *   wakes nobody for the second of two submits that both saw it spin.
 * -DSHARED_FLAG: go_idle reads w->spinning after the worker is in the idle list
 *   and its waker may have set it. */

#ifndef WORKERS
#define WORKERS 2 /* or 3 */
#endif
#ifndef MAXPROCS
#define MAXPROCS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef SPAWNS
#define SPAWNS 0 /* submitted by tasks */
#endif
#define NONE 255

byte global;
byte own[WORKERS]; /* a worker's ring */
byte places, spinning, idle; /* idle: a set of workers, as bits */
bool awake[WORKERS], flag[WORKERS]; /* flag: w->spinning */
byte sem[WORKERS];
bool polling, polls[WORKERS], kicked;
byte busy; /* run a task without end */
byte spawns = SPAWNS;

#define ANY (global > 0 || own[0] > 0 || own[1] > 0 || own[WORKERS - 1] > 0)
#define LISTED(w) ((idle >> (w)) & 1)

/* The idle worker that fell asleep last is not modelled: any. */
inline wake(v, p) {
  if
  :: spinning > 0 || places >= MAXPROCS
  :: else ->
     do
     :: atomic { spinning == 0 -> spinning = 1 };
        atomic {
          if
          :: places < MAXPROCS ->
             if
             :: LISTED(0) -> v = 0
             :: LISTED(WORKERS - 1) -> v = WORKERS - 1
#if WORKERS > 2
             :: LISTED(1) -> v = 1
#endif
             :: idle == 0
             fi;
             if
             :: v != NONE ->
                idle = idle & ~(1 << v);
                assert(!awake[v]);
                p = polls[v];
                flag[v] = true;
                places++;
                assert(places <= MAXPROCS);
                awake[v] = true
             :: else
             fi
          :: else
          fi
        };
        if
        :: v != NONE ->
           atomic {
             if
             :: p -> kicked = true
             :: else -> sem[v]++
             fi;
             p = false; v = NONE
           };
           break
        :: else ->
           spinning--;
#ifdef NO_RETRY
           break
#else
           if
           :: places < MAXPROCS && ANY
           :: else -> break
           fi
#endif
        fi
     :: spinning > 0 -> break
     od
  fi
}

proctype submitter() {
  byte v = NONE;
  bool p;
  global++;
  wake(v, p)
}

/* rejoin: ok. Under the lock. */
inline rejoin(ok) {
  atomic {
    if
    :: LISTED(w) && places < MAXPROCS ->
       idle = idle & ~(1 << w);
       places++;
#ifndef NO_SPINNER
       spinning++;
       flag[w] = true;
#endif
       ok = true
    :: else -> ok = false
    fi
  }
}

inline look(ok) {
  if
  :: global > 0 -> ok = true
  :: global == 0 ->
     do
     :: i < WORKERS && own[i] > 0 -> i = 0; ok = true; break
     :: i < WORKERS && own[i] == 0 -> i++
     :: i == WORKERS -> i = 0; ok = false; break
     od
  fi
}

/* Its own queue, the global queue, the others'. */
inline find(ok) {
  if
  :: atomic { own[w] > 0 -> own[w]--; ok = true }
  :: own[w] == 0 ->
     if
     :: atomic { global > 0 -> global--; ok = true }
     :: global == 0 ->
        do
        :: atomic { i < WORKERS && own[i] > 0 -> own[i]--; i = 0; ok = true };
           break
        :: i < WORKERS && own[i] == 0 -> i++
        :: i == WORKERS -> i = 0; ok = false; break
        od
     fi
  fi
}

proctype worker(byte w) {
  byte v = NONE, i;
  bool ok, p, spun;
  /* All start as ACTIVE ones. */
search:
  if
  :: places > MAXPROCS -> goto sleep
  :: places <= MAXPROCS
  fi;
  find(ok);
  if
  :: ok -> goto found
  :: else
  fi;
  if
  :: flag[w]
  :: !flag[w] ->
     if
     :: atomic { spinning == 0 -> spinning = 1; flag[w] = true }
     :: spinning > 0 -> goto sleep
     fi
  fi;
  find(ok);
  if
  :: ok -> goto found
  :: else -> goto sleep
  fi;

found:
  ok = false;
  if
  :: flag[w] ->
     flag[w] = false;
     atomic { assert(spinning > 0); spinning-- };
     look(ok);
     if
     :: ok -> wake(v, p)
     :: !ok
     fi;
     ok = false
  :: !flag[w]
  fi;
  /* The task. */
  if
  :: atomic { spawns > 0 -> spawns-- };
     own[w]++;
     wake(v, p)
  :: true
  fi;
  if
  :: goto search
#ifndef ALL_END
  :: true
#endif
  fi;
  busy++;
end_busy:
  false;

sleep:
  atomic {
    awake[w] = false;
    places--;
    idle = idle | (1 << w);
#ifndef SHARED_FLAG
    spun = flag[w];
    flag[w] = false
#endif
  };
#ifdef SHARED_FLAG
  atomic { spun = flag[w]; flag[w] = false };
#endif
  if
  :: spun -> atomic { assert(spinning > 0); spinning--; spun = false }
  :: else
  fi;
#ifndef BROKEN
  look(ok);
  if
  :: ok ->
     rejoin(ok);
     if
     :: ok -> ok = false; goto search
     :: else
     fi
  :: else
  fi;
#endif
  do
  :: awake[w] -> break
  :: !awake[w] ->
     atomic {
       p = !awake[w] && !polling;
       if
       :: p -> polling = true; polls[w] = true
       :: else
       fi
     };
     if
     :: p ->
end_poll: kicked -> kicked = false;
        atomic { polling = false; polls[w] = false; p = false };
#ifndef BROKEN
        look(ok);
        if
        :: ok ->
           rejoin(ok);
           if
           :: ok -> ok = false; goto search
           :: else
           fi
        :: else
        fi
#endif
     :: else ->
end_sem: atomic { sem[w] > 0 -> sem[w]-- }
     fi
  od;
  goto search
}

init {
  byte i;
  atomic {
    for (i : 0 .. WORKERS - 1) { places++; run worker(i) }
    for (i : 1 .. SUBMITTERS) { run submitter() }
  };
  timeout ->
  assert(!ANY || busy >= MAXPROCS);
  assert(places == busy);
  assert(spinning == 0);
  assert(polling || busy > 0)
}
