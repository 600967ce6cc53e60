/* ring.pml - the ring of sync/ring.h: one owner pushes, anyone takes.
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: gort__ring_push, gort__ring_pop, gort__ring_steal and steal_half of
 *   sched/sched.c, which moves what it stole into the thief's own ring.
 * Checks (assertions):
 *   - I1: never more than RING items between head and tail;
 *   - FIFO and nothing taken twice: the item at position p is taken by the CAS
 *     that moves head past p, and it is the item that was pushed there;
 *   - nothing lost: when all have stopped every item was taken once;
 *   - steal_half's pushes into the thief's own ring never fail, however full
 *     that ring was (a failure aborts the program).
 *   Every process ends: a state in which one cannot is an invalid end state.
 * Abstracts: 4 slots for 256; positions count modulo 8 and start at 6, so they
 *   wrap, but a process cannot sleep through a whole turn of the counter (2^32
 *   operations in the code). The thief's ring is only its fill.
 * Why sequential consistency suffices: every slot is read before an acq_rel
 *   CAS of head and written after an acquire load of head that saw that CAS;
 *   tail's release/acquire orders the writing of a slot before its reading. A
 *   stale head or tail is the same as an earlier look, which the model
 *   has; and a CAS reads the latest head in every memory model.
 * -DBROKEN: the thief moves head first and reads the slots after it.
 * -DNO_ROOM: steal_half does not look at the room in its own ring. */

#define RING 4
#define MOD 8
#define FIRST 6
#define ITEMS 6
#define LESS(a, b) ((a + MOD - b) % MOD)

byte head = FIRST, tail = FIRST;
byte slot[RING];
byte taken[ITEMS + 1];
byte done;

/* item is what the taker got from position at */
inline take(at, item) {
  assert(item == LESS(at, FIRST) + 1);
  assert(taken[item] == 0);
  taken[item]++
}

proctype owner() {
  byte h, item, next = 1;
  do
  :: next <= ITEMS -> /* push */
     h = head;
     if
     :: LESS(tail, h) >= RING -> goto pop /* full */
     :: else
     fi;
     atomic { slot[tail % RING] = next; h = 0 };
     atomic {
       tail = (tail + 1) % MOD;
       next++;
       assert(LESS(tail, head) <= RING)
     }
  :: true -> /* pop */
pop: h = head;
     do
     :: tail == h -> break
     :: else ->
        item = slot[h % RING];
        if
        :: atomic { head == h -> take(h, item); head = (h + 1) % MOD };
           break
        :: h = head /* moved, or the weak CAS failed for no reason */
        fi
     od;
     if
     :: next > ITEMS && tail == h -> break
     :: else -> atomic { h = 0; item = 0 }
     fi
  od;
  done++
}

/* mine: the fill of its own ring */
proctype thief(byte rounds; byte mine) {
  byte h, n, i, room;
  byte out[RING / 2];
  do
  :: rounds == 0 -> break
  :: else ->
     atomic {
       rounds--;
#ifdef NO_ROOM
       room = RING / 2;
#else
       room = (RING - mine < RING / 2 -> RING - mine : RING / 2);
#endif
       h = head
     };
     do
     :: n = LESS(tail, h);
        if
        :: n == 0 -> break
        :: n > RING -> h = head
        :: else ->
           atomic { n = n - n / 2; n = (n > room -> room : n) };
#ifdef BROKEN
           if
           :: atomic { head == h -> head = (h + n) % MOD }
           :: atomic { head != h -> h = head; goto retry }
           fi;
#endif
           do
           :: i < n -> atomic { out[i] = slot[(h + i) % RING]; i++ }
           :: else -> break
           od;
           if
#ifdef BROKEN
           :: atomic { i = 0;
#else
           :: atomic { head == h -> i = 0;
#endif
                do
                :: i < n -> take((h + i) % MOD, out[i]); out[i] = 0; i++
                :: else -> break
                od;
#ifndef BROKEN
                head = (h + n) % MOD
#endif
              };
              break
#ifndef BROKEN
           :: atomic { h = head; out[0] = 0; out[1] = 0 }
#endif
           fi
        fi;
retry:
        atomic { n = 0; i = 0 }
     od;
     atomic {
       /* One to run, or given back when no vm can start it; the rest moves. */
       if
       :: n > 1 -> mine = mine + n - 1; assert(mine <= RING)
       :: else
       fi;
       n = 0; i = 0; h = 0; room = 0
     }
  od;
  done++
}

init {
  byte i;
  atomic {
    run owner();
    run thief(2, 0);
    run thief(1, RING)
  };
  done == 3 ->
  atomic { for (i : 1 .. ITEMS) { assert(taken[i] == 1) } }
}
