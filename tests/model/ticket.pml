/* ticket.pml - one claim for each wait: wait/waiter.h, I1 to I4.
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: gort_wait and gort_select (poll, wait_begin, arm, enqueue), claims by
 *   gort__waiter_pop and by wait_timeout, gort_wait_finish with leave. A task
 *   waits ROUNDS times, with the same waiters and the same ticket, for one
 *   source or two, with or without a deadline; senders come at any time.
 * Checks (assertions):
 *   - a wait is claimed once and its task readied once (I2, I3);
 *   - a claim is of the wait its waiter or timer was set up for: nothing of an
 *     old wait decides or wakes the next (I4);
 *   - after finish no waiter is linked and the timer is not armed (I4);
 *   - finish finds the ticket decided and the winner's value there;
 *   - no value is lost or received twice: sent = received + buffered;
 *   - no lost wake-up: when nobody can go on, a task that still waits has an
 *     open ticket, linked waiters, no armed timer and empty sources.
 *   Invalid end states: a lock that is never given back.
 * Abstracts: one task and unbounded buffers; a value is a count; ready is a
 *   count (vm.pml has what follows it) and may come before the task has parked,
 *   as its vm is held until then. The timer heap is one timer.
 * Why sequential consistency suffices: everything but the ticket is guarded by
 *   a lock (source or timers), which orders it; the ticket is decided by CAS,
 *   read by the task only after it was readied (inbox push, take), and reset
 *   while no waiter is linked and no timer armed, which the locks publish.
 * -DBROKEN: the claim is a look and a store instead of a CAS.
 * -DBROKEN_FINISH: finish leaves the losers linked and the timer armed. */

#define ROUNDS 2
#define SENDERS 3 /* one on source 0, the others on source 1 */
#define OPEN 255
#define TIMEOUT 254

byte ticket = OPEN;
bool lock[2], heap_lock;
bool linked[2], shared, armed;
byte value[2], count[2];
byte wait, waiter_wait[2], timer_wait; /* numbers of waits, for the checks */
byte readied, received, sent;
bool waiting;

inline take(l) { atomic { !l -> l = true } }

inline claim(to, n_wait, won) {
#ifdef BROKEN
  won = (ticket == OPEN);
  if
  :: won -> ticket = to; assert(n_wait == wait)
  :: else
  fi
#else
  atomic {
    won = (ticket == OPEN);
    if
    :: won -> ticket = to; assert(n_wait == wait)
    :: else
    fi
  }
#endif
}

inline ready() {
  atomic {
    readied++;
    assert(readied == 1 && waiting)
  }
}

proctype sender(byte s) {
  bool won;
  take(lock[s]);
  if
  :: linked[s] ->
     linked[s] = false; /* all waiters here are the one task's */
     if
     :: shared -> claim(s, waiter_wait[s], won)
     :: else -> won = true; assert(waiter_wait[s] == wait)
     fi
  :: else
  fi;
  atomic {
    sent++;
    if
    :: won -> assert(value[s] == 0); value[s] = 1
    :: else -> count[s]++
    fi
  };
  lock[s] = false;
  if
  :: won -> ready()
  :: else
  fi
}

proctype timer() {
  bool won;
end:
  do
  :: armed ->
     take(heap_lock);
     if
     :: armed ->
        armed = false;
        claim(TIMEOUT, timer_wait, won)
     :: else
     fi;
     heap_lock = false;
     if
     :: won -> ready(); won = false
     :: else
     fi
  od
}

proctype task() {
  byte s, n, won;
  bool deadline;
  do
  :: wait == ROUNDS -> break
  :: else ->
     if
     :: n = 1
     :: n = 2
     fi;
     if
     :: deadline = true
     :: deadline = false
     fi;
     take(lock[0]);
     if
     :: n == 2 -> take(lock[1])
     :: else
     fi;
     wait++;
     if
     :: count[0] > 0 -> atomic { count[0]--; received++ }; goto unlock
     :: n == 2 && count[1] > 0 -> atomic { count[1]--; received++ }; goto unlock
     :: else
     fi;
     atomic { /* nobody sees it */
       assert(!linked[0] && !linked[1] && !armed);
       shared = (n == 2 || deadline);
       waiting = true;
       ticket = OPEN
     };
     if
     :: deadline ->
        take(heap_lock);
        atomic { armed = true; timer_wait = wait };
        heap_lock = false
     :: else
     fi;
     atomic { linked[0] = true; waiter_wait[0] = wait };
     if
     :: n == 2 -> atomic { linked[1] = true; waiter_wait[1] = wait }
     :: else
     fi;
unlock:
     if
     :: n == 2 -> lock[1] = false
     :: else
     fi;
     lock[0] = false;
     if
     :: !waiting -> goto next
     :: else
     fi;
end_parked:
     atomic { readied > 0 -> readied-- };
     /* finish */
     won = 0;
     if
     :: shared -> won = ticket; assert(won != OPEN)
     :: else
     fi;
#ifndef BROKEN_FINISH
     if
     :: deadline ->
        take(heap_lock);
        armed = false;
        heap_lock = false
     :: else
     fi;
     s = 0;
     do
     :: shared && s < n ->
        if
        :: s != won ->
           take(lock[s]);
           linked[s] = false;
           lock[s] = false
        :: else
        fi;
        s++
     :: else -> break
     od;
#endif
     atomic {
       waiting = false;
       if
       :: won < 2 -> assert(value[won] == 1); value[won] = 0; received++
       :: else -> assert(won == TIMEOUT && deadline)
       fi;
       assert(!linked[0] && !linked[1] && !armed)
     };
next:
     atomic { s = 0; won = 0; n = 0; deadline = false }
  od
}

init {
  byte i;
  atomic {
    run task();
    run timer();
    run sender(0);
    for (i : 2 .. SENDERS) { run sender(1) }
  };
  timeout ->
  assert(sent == SENDERS);
  assert(sent == received + count[0] + count[1]);
  assert(readied == 0 && value[0] == 0 && value[1] == 0);
  if
  :: waiting ->
     assert(linked[0] && !armed && count[0] == 0);
     assert(!shared || ticket == OPEN);
     assert(!linked[1] || count[1] == 0)
  :: else -> assert(wait == ROUNDS)
  fi
}
