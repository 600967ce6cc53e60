/* bond.pml - no wait outlasts the context of a bound task: ctx/bond.h.
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: gort_wait of a bound task (gort_task_err, wait_begin, enqueue, W2,
 *   W3), gort_wait_finish, gort_task_shield with its join and leave, the end
 *   of the context (status, bonds taken under its lock), and a sender.
 *   The task waits ROUNDS times, each time shielded or not; the context ends
 *   at any time; the sender sends VALUES values at any time.
 * Checks (assertions):
 *   - a wait is claimed once and its task readied once, and only while it
 *     waits: between waits nobody finds the ticket open;
 *   - no value is lost: received or still there;
 *   - a wait that was not shielded is over when nobody can go on and the
 *     context has ended.
 * Abstracts: one source, one bond; a shielded task waits without a ticket (its
 *   waiter is the one way to wake it).
 * Why fences: W1 and W3 are a store and a load of different things, as E1 and
 *   E3 are; with them sequential consistency holds, which spin has.
 * -DBROKEN: the task does not look again after it has queued itself (W3).
 * -DNO_IDLE: a shield is taken off without closing the ticket. */

#define ROUNDS 3
#define VALUES 2
#define OPEN 1
#define IDLE 2
#define SENT 3
#define BOUND 4

byte ticket = IDLE;
bool status, linked_bond, linked, shared, shielded, waiting, ctx_lock, lock;
byte count, value, readied, received;
bool over;

inline take(l) { atomic { !l -> l = true } }
inline ready() { atomic { assert(waiting && readied == 0); readied++ } }
inline claim(to, won) {
  atomic {
    won = (ticket == OPEN);
    if
    :: won -> ticket = to
    :: else
    fi
  }
}

inline join() {
#ifndef NO_IDLE
  ticket = IDLE;
#endif
  take(ctx_lock);
  if
  :: !status -> linked_bond = true
  :: else
  fi;
  ctx_lock = false
}

inline leave() {
  take(ctx_lock);
  linked_bond = false;
  ctx_lock = false
}

proctype ender() {
  bool won;
  take(ctx_lock);
  status = true;
  if
  :: linked_bond -> linked_bond = false; claim(BOUND, won)
  :: else
  fi;
  ctx_lock = false;
  if
  :: won -> ready()
  :: else
  fi
}

proctype sender() {
  bool won;
  byte i;
  do
  :: i == VALUES -> break
  :: else ->
     i++;
     won = false;
     take(lock);
     if
     :: linked ->
        linked = false;
        if
        :: shared -> claim(SENT, won)
        :: else -> won = true
        fi
     :: else
     fi;
     if
     :: won -> value++
     :: else -> count++
     fi;
     lock = false;
     if
     :: won -> ready()
     :: else
     fi
  od
}

proctype task() {
  byte round;
  bool won;
  join();
  do
  :: round == ROUNDS -> break
  :: else ->
     round++;
     if
     :: shielded -> shielded = false; join()
     :: !shielded -> shielded = true; leave()
     :: true
     fi;
     if
     :: !shielded && status -> goto next
     :: else
     fi;
     take(lock);
     if
     :: count > 0 -> atomic { count--; received++ }; lock = false; goto next
     :: else
     fi;
     atomic { waiting = true; shared = !shielded; over = false };
     ticket = OPEN; /* where it is not shared nobody looks, and it stays so */
     linked = true;
     lock = false;
#ifndef BROKEN
     if
     :: shared && status ->
        claim(BOUND, won);
        if
        :: won -> ready()
        :: else
        fi
     :: else
     fi;
#endif
end_parked:
     atomic { readied > 0 -> readied-- };
     take(lock);
     linked = false;
     lock = false;
     atomic {
       waiting = false;
       if
       :: shared && ticket == BOUND -> assert(value == 0)
       :: else -> assert(value == 1); value = 0; received++
       fi
     };
next:
     skip
  od;
  over = true
}

init {
  atomic {
    run task();
    run ender();
    run sender()
  };
  timeout ->
  assert(VALUES == received + count);
  assert(over || (waiting && linked && count == 0));
  assert(over || !shared)
}
