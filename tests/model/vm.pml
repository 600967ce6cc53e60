/* vm.pml - waking and leaving a vm: sync/inbox.h and sched/vm.h.
 *
 * SPDX-License-Identifier: MIT
 *
 * Models: gort__ready (inbox push, then IDLE -> QUEUED and queue the vm),
 *   gort__inbox_take, gort__vm_next, found_vm, put_down, leave_vm and
 *   leave_for_partner, and the IDLE -> RUNNING claim of placement.c.
 * Checks (assertions):
 *   - a vm is in at most one queue, once, and only while QUEUED;
 *   - at most one worker holds it, and only while RUNNING;
 *   - no task runs twice, and the tasks of one waker run in its order;
 *   - nothing lost: when nobody can go on, every task has run, the vm is IDLE
 *     and its inbox empty (no task in the inbox of an idle vm).
 * Progress (pan -l): there are no cycles at all, every run ends. With the last
 *   assertion: each task is run in the end.
 * Abstracts: one vm and one queue for all queues (ring.pml is about those); a
 *   worker that finds nothing waits for the queue (sleep.pml is about that); a
 *   task is a number; a worker puts the vm down with work in it at will.
 * Why sequential consistency suffices: the four operations that the argument
 *   needs - the push's CAS and the look at the state, the store of IDLE and
 *   the look at the inbox - are seq_cst, so they have one total order, and the
 *   claims are CAS. (In leave_for_partner the store is a release, and the exchange
 *   of the slot stands between it and the look: a full fence where that is done,
 *   see GORT_BEFORE_EXCHANGE.) The relaxed look at the inbox in gort__vm_next may be
 *   stale, but is followed by leave_vm's when it saw nothing. A task's fields
 *   travel with the push (release) and the take (acquire).
 * -DBROKEN: leave_vm looks at the inbox before the state is IDLE, not after. */

#define WAKERS 2
#define EACH 2
#define TASKS (WAKERS * EACH)
#define WORKERS 2
#define NONE 255

mtype = { IDLE, QUEUED, RUNNING };
mtype state = IDLE;
byte queued;       /* how often the vm is in the queue */
byte holders;
byte inbox = NONE; /* top of the stack */
byte next[TASKS] = NONE;
byte last[WAKERS]; /* 1 + the waker's task that ran last */
byte ran;
byte first = NONE; /* owner-only: the run queue, linked by next */
byte claims = 1;   /* records to start */

inline run_task(t) {
  assert(t % EACH == last[t / EACH]); /* in order, hence once */
  last[t / EACH]++;
  ran++
}

proctype waker(byte id) {
  byte i, t, top;
  for (i : 0 .. EACH - 1) {
    t = id * EACH + i;
    top = inbox;
    do
    :: next[t] = top;
       if
       :: atomic { inbox == top -> inbox = t }; break
       :: atomic { inbox != top -> top = inbox }
       fi
    od;
    if
    :: state == IDLE ->
       if
       :: atomic { state == IDLE -> state = QUEUED };
          atomic { queued++; assert(queued == 1) }
       :: state != IDLE
       fi
    :: state != IDLE
    fi
  }
}

proctype worker() {
  byte stack, t;
end:
  do
  :: atomic { queued > 0 -> queued--; assert(state == QUEUED) };
     state = RUNNING;
     goto hold
  :: atomic { claims > 0 -> claims-- };
     if
     :: atomic { state == IDLE -> state = RUNNING }; goto hold
     :: state != IDLE
     fi
  od;
hold:
  atomic { holders++; assert(holders == 1) };
loop:
  if
  :: first == NONE && inbox != NONE ->
     atomic { stack = inbox; inbox = NONE };
     do /* turn it round; only the holder sees it */
     :: stack != NONE ->
        atomic { t = stack; stack = next[t]; next[t] = first; first = t }
     :: else -> break
     od
  :: first == NONE && inbox == NONE -> goto leave
  :: first != NONE
  fi;
  atomic { t = first; first = next[t]; next[t] = NONE; run_task(t) };
  assert(state == RUNNING);
  if
  :: goto loop
  :: /* put_down, with or without a task left */
     atomic { holders--; t = 0 };
     state = QUEUED;
     atomic { queued++; assert(queued == 1) };
     goto end
  fi;
leave:
#ifdef BROKEN
  if
  :: inbox != NONE -> goto loop
  :: inbox == NONE
  fi;
  atomic { holders--; t = 0 };
  state = IDLE;
  goto end;
#else
  atomic { holders--; t = 0 };
  state = IDLE;
  if
  :: inbox == NONE -> goto end
  :: inbox != NONE
  fi;
  if
  :: atomic { state == IDLE -> state = RUNNING }; goto hold
  :: /* leave_for_partner: it has another vm in hand */
     atomic { state == IDLE -> state = QUEUED };
     atomic { queued++; assert(queued == 1) };
     goto end
  :: state != IDLE -> goto end
  fi;
#endif
}

init {
  byte i;
  atomic {
    for (i : 0 .. WORKERS - 1) { run worker() }
    for (i : 0 .. WAKERS - 1) { run waker(i) }
  };
  timeout ->
  assert(ran == TASKS && state == IDLE && inbox == NONE && queued == 0)
}
