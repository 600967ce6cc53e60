/* gort.h - the runtime and its channels, without Lua.
 *
 * SPDX-License-Identifier: MIT
 *
 * A runtime (gort) runs tasks on worker threads. What executes a task is an
 * interpreter behind a table of functions (gort_vm_ops); the runtime decides
 * who runs, who waits and who is woken.
 *
 * Errors: functions return 0 or a positive result, or a negative code from
 *   GORT_ERRORS; libuv's codes pass through. Out-parameters are untouched on
 *   failure unless a comment says otherwise.
 * Ownership words: "owns", "borrows", "takes on success", "returns owned".
 * Times are nanoseconds of the monotonic clock (gort_now) unless named
 *   otherwise. */
#ifndef GORT_H
#define GORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GORT_VERSION_MAJOR 0
#define GORT_VERSION_MINOR 1
#define GORT_VERSION_PATCH 0
#define GORT_VERSION "0.1.0"

#if defined(__GNUC__)
#define GORT_API __attribute__((visibility("default")))
#else
#define GORT_API
#endif

/* Name, code, text. The first four are libuv's (and errno's) values. */
#define GORT_ERRORS(X)                                                   \
  X(EINTR, -4, "interrupted!")                                           \
  X(ENOMEM, -12, "not enough memory")                                    \
  X(EINVAL, -22, "invalid argument")                                     \
  X(ERANGE, -34, "size out of range")                                    \
  X(ECLOSED, -5001, "send on closed channel")                            \
  X(ECLOSE, -5002, "close of closed channel")                            \
  X(ETIMEOUT, -5003, "timeout")                                          \
  X(ECANCELED, -5004, "context canceled")                                \
  X(EDEADLINE, -5005, "context deadline exceeded")                       \
  X(ENEGATIVE, -5006, "negative wait group counter")                     \
  X(EDEADLOCK, -5007, "all tasks are asleep")                            \
  X(EBOUND, -5008, "the task's context is done")                         \
  X(EUNLOCKED, -5010, "unlock of unlocked mutex")                        \
  X(EREADLOCKED, -5011,                                                  \
    "unlock of unlocked rwmutex: it is locked for reading")              \
  X(ERELEASE, -5012, "semaphore: released more than held")               \
  X(EBUSY, -5013, "the group's limit cannot change while its tasks run") \
  X(EAGAIN, -11, "would have to wait")                                   \
  X(EWORKER, -5020, "a task must not block its thread")                  \
  X(ESTOPPED, -5021, "the runtime has stopped")                          \
  X(ELUA, -5022, "error in Lua code")                                    \
  X(ETASK, -5023, "an error that no task caught")

enum {
#define GORT_ERROR_CODE(name, code, text) GORT_##name = (code),
  GORT_ERRORS(GORT_ERROR_CODE)
#undef GORT_ERROR_CODE
};

/* The text of a code; valid until this thread's next call. */
GORT_API const char *gort_strerror(int code);

typedef struct gort gort;
typedef struct gort_vm gort_vm;
typedef struct gort_task gort_task;
typedef struct gort_record gort_record;
typedef struct gort_object gort_object;
typedef struct gort_source gort_source;
typedef struct gort_chan gort_chan;
typedef struct gort_waitgroup gort_waitgroup;
typedef struct gort_timer gort_timer;
typedef struct gort_context gort_context;
typedef struct gort_after gort_after;
typedef struct gort_mutex gort_mutex;
typedef struct gort_rwmutex gort_rwmutex;
typedef struct gort_cond gort_cond;
typedef struct gort_semaphore gort_semaphore;
typedef struct gort_atomic gort_atomic;
typedef struct gort_map gort_map;
typedef struct gort_future gort_future;
typedef struct gort_group gort_group;
typedef struct gort_once gort_once;
typedef struct gort_singleflight gort_singleflight;
typedef struct gort_buf gort_buf;
struct uv_loop_s;

/* ---- memory ------------------------------------------------------------ */

/* The process's allocator. A NULL result is an ordinary failure. */
GORT_API void *gort_malloc(size_t size);
GORT_API void *gort_realloc(void *ptr, size_t size);
GORT_API void gort_free(void *ptr);

/* Replaces it. Call before anything else of this header. */
GORT_API void gort_set_allocator(void *(*malloc_fn)(size_t),
                                 void *(*realloc_fn)(void *, size_t),
                                 void (*free_fn)(void *));

/* ---- values ------------------------------------------------------------ */

typedef enum gort_type {
  GORT_NIL,
  GORT_BOOLEAN,
  GORT_INTEGER,
  GORT_FLOAT,
  GORT_POINTER, /* a light userdata */
  GORT_STRING,  /* u.buf: the bytes */
  GORT_DATA,    /* u.buf: an interpreter's encoded value */
  GORT_OBJECT   /* u.obj: a counted handle */
} gort_type;

/* What a channel carries. A struct copy moves it; whoever holds it last calls
 * gort_value_drop. */
typedef struct gort_value {
  uint8_t type; /* gort_type */
  uint8_t kind; /* GORT_DATA: the interpreter's name for what is inside */
  union {
    bool b;
    int64_t i;
    double n;
    void *p;
    gort_buf *buf;
    gort_object *obj;
  } u;
} gort_value;

GORT_API void gort_value_drop(gort_value *v);
/* Another reference to the same immutable content; returns owned. */
GORT_API gort_value gort_value_copy(const gort_value *v);

/* As Lua's ==, for all but GORT_DATA, which is equal to nothing. */
GORT_API bool gort_value_equal(const gort_value *a, const gort_value *b);

static inline gort_value gort_nil(void) {
  gort_value v;
  v.type = GORT_NIL;
  v.kind = 0;
  v.u.i = 0;
  return v;
}
static inline gort_value gort_boolean(bool b) {
  gort_value v = gort_nil();
  v.type = GORT_BOOLEAN;
  v.u.b = b;
  return v;
}
static inline gort_value gort_integer(int64_t i) {
  gort_value v = gort_nil();
  v.type = GORT_INTEGER;
  v.u.i = i;
  return v;
}
static inline gort_value gort_float(double n) {
  gort_value v = gort_nil();
  v.type = GORT_FLOAT;
  v.u.n = n;
  return v;
}
/* A copy of len bytes, which may hold any. 0 or GORT_ENOMEM; owned. */
GORT_API int gort_string(const char *bytes, size_t len, gort_value *out);
/* A count of its own of an object: a channel, a context ... */
GORT_API gort_value gort_handle(void *object);

/* A counted buffer of len bytes, uninitialised. drop, when not NULL, runs
 * before the bytes are freed (it releases what they refer to).
 * Returns owned, NULL when memory is out. */
GORT_API gort_buf *gort_buf_new(size_t len, void (*drop)(gort_buf *));
GORT_API void gort_buf_retain(gort_buf *b);
GORT_API void gort_buf_release(gort_buf *b);
/* The same for n counts at once. */
GORT_API void gort_buf_retain_many(gort_buf *b, unsigned n);
GORT_API void gort_buf_release_many(gort_buf *b, unsigned n);
/* Somebody has a count beside the caller's. */
GORT_API bool gort_buf_is_shared(const gort_buf *b);
GORT_API char *gort_buf_bytes(gort_buf *b);
GORT_API size_t gort_buf_len(const gort_buf *b);

/* ---- objects: counted handles ------------------------------------------ */

typedef struct gort_class {
  const char *name;                      /* "channel", "timer", ... */
  void (*destroy)(gort_object *);        /* frees it; called once, count 0 */
  const struct gort__source_ops *source; /* NULL: cannot be waited for */
} gort_class;

GORT_API void gort_object_retain(gort_object *o);
GORT_API void gort_object_release(gort_object *o);
/* The same for n counts at once. */
GORT_API void gort_object_retain_many(gort_object *o, unsigned n);
GORT_API void gort_object_release_many(gort_object *o, unsigned n);
GORT_API const gort_class *gort_object_class(const gort_object *o);
/* An interpreter says that a handle of o has come to a vm from elsewhere. */
GORT_API void gort_object_arrived(gort_object *o);

/* ---- runtime ----------------------------------------------------------- */

/* How a start or a resume of a task ended. */
typedef enum gort_step {
  GORT_STEP_PARKED,   /* it waits; the wait core will ready it */
  GORT_STEP_YIELDED,  /* it may go on at any time: preempted or polite */
  GORT_STEP_GAVE_WAY, /* the same, once the tasks that it made have begun */
  GORT_STEP_FINISHED, /* gone; the interpreter has let go of the task */
} gort_step;

/* A growing text. gort_text_take frees t and returns its owned C string, NULL
 * when memory ran out on the way. */
typedef struct gort_text gort_text;
typedef struct gort_reach gort_reach;
GORT_API gort_text *gort_text_new(void);
GORT_API void gort_text_add(gort_text *t, const char *bytes, size_t len);
GORT_API char *gort_text_take(gort_text *t);
GORT_API size_t gort_text_len(const gort_text *t); /* of NULL: 0 */

/* What the interpreter supplies. Every function but preempt and drop runs on
 * the worker that holds the vm; none runs under a runtime lock. */
typedef struct gort_vm_ops {
  /* Makes the state; gort_vm_set_state. 0 or a code. */
  int (*create)(gort_vm *vm, void *arg);
  void (*destroy)(gort_vm *vm);
  /* Starts r, which it takes, in t; or resumes t: until it stops. What they return
   * is for stopped, which comes at once and tells how it stopped. So they may end
   * with the call that runs the task (a tail call): where a coroutine is left by
   * a long jump, each return from there to the worker is one that the processor
   * does not foresee. */
  int (*start)(gort_vm *vm, gort_task *t, gort_record *r);
  int (*resume)(gort_vm *vm, gort_task *t);
  gort_step (*stopped)(gort_vm *vm, gort_task *t, int status);
  /* Asks the task that runs in vm to yield soon. Async-signal-safe: called
   * in a signal handler on the very thread that runs the vm. */
  void (*preempt)(gort_vm *vm);
  /* Adds the stack of a task that is not running to out. */
  void (*describe)(gort_vm *vm, gort_task *t, gort_text *out);
  /* Tells by gort_reach_add what handles vm has; 0 or a code. May be NULL. */
  int (*reach)(gort_vm *vm, gort_reach *r);
  /* r cannot become a task (memory): to be treated as an uncaught error. On
   * a worker that may hold no vm. Destroys the payload, not r. */
  void (*fail)(gort_record *r, int code);
  /* Lets go of the interpreter's half of a task that will never run again;
   * destroy follows. */
  void (*forget)(gort_vm *vm, gort_task *t);
  /* Destroys the payload of a record that was never started; any thread. */
  void (*drop)(gort_record *r);
} gort_vm_ops;

/* In which vm a task starts: what a test varies to show that it makes no
 * difference. */
typedef enum gort_placement {
  GORT_PLACE_FREELY,
  GORT_PLACE_TOGETHER, /* all in one vm (main excepted) */
  GORT_PLACE_APART     /* in another than the task that started it */
} gort_placement;

typedef struct gort_options {
  unsigned maxprocs; /* 0: the cores this process may use */
  unsigned max_vms;  /* 0: four for each worker that has a processor */
  gort_placement placement;
  bool preempt; /* install the SIGURG handler */
  const gort_vm_ops *ops;
  void *arg; /* handed to ops->create */
  /* Called once on the worker whose main task ended (may not return). */
  void (*on_main_end)(gort *rt, void *arg);
  /* All tasks are asleep; report names them (borrowed; NULL when memory is
   * out). True: the host has woken one (gort_task_interrupt), and the program
   * goes on. Or NULL. */
  bool (*on_stuck)(gort *rt, void *arg, const char *report);
  /* The same, and nobody goes on. May not return; when it does, gort_run gives GORT_EDEADLOCK. */
  void (*on_deadlock)(gort *rt, void *arg, const char *report);
} gort_options;

/* Makes a runtime with its first vm (index 0, which runs only the main
 * task). Returns owned through out. Starts no thread. */
GORT_API int gort_new(const gort_options *options, gort **out);
/* Stops the workers, drops unstarted records, destroys the vms. The caller
 * must not be one of its workers. Waits for a worker stuck in a C call. Objects
 * that somebody still holds stay until they are released; contexts can be
 * cancelled, but no timer of this runtime fires any more. */
GORT_API void gort_destroy(gort *rt);
/* Runs main (takes it) in vm 0 with the calling thread as the first worker,
 * until it has ended. Without one (NULL) the runtime serves: it runs what
 * gort_go and gort_go_main give it until gort_stop. 0 or GORT_EDEADLOCK. */
GORT_API int gort_run(gort *rt, gort_record *main);
/* Asks every worker to stop and waits up to timeout_ns for those that run
 * interpreter code; true when no other worker is left, so that no task runs
 * any more but the caller. From any worker or thread. */
GORT_API bool gort_stop(gort *rt, int64_t timeout_ns);

/* From the beginning of gort_stop, or a deadlock, on. Any thread. */
GORT_API bool gort_is_stopping(gort *rt);
/* Whether this thread is a worker, of any runtime. */
GORT_API bool gort_is_worker(void);

/* While it is held, tasks that wait are no deadlock: somebody outside may
 * wake them. Counted. Any thread. */
GORT_API void gort_hold(gort *rt);
GORT_API void gort_unhold(gort *rt);

GORT_API gort_vm *gort_vm_main(gort *rt);
GORT_API gort_vm *gort_vm_at(gort *rt, unsigned index); /* NULL: none */
GORT_API gort *gort_vm_runtime(gort_vm *vm);
GORT_API void *gort_vm_state(gort_vm *vm);
/* As realloc, for whoever runs vm, or makes or destroys its state: memory that
 * is the vm's own, so nobody has to lock for it. old is ptr's size (0 without
 * one); size 0 frees. NULL without memory: ptr is as it was. */
GORT_API void *gort_vm_realloc(gort_vm *vm, void *ptr, size_t old, size_t size);
/* Gives back to the system what of that memory nobody uses. */
GORT_API void gort_vm_trim(gort_vm *vm);
GORT_API void gort_vm_set_state(gort_vm *vm, void *state);
GORT_API unsigned gort_vm_index(gort_vm *vm);
/* The task that runs in vm now; only on the worker that holds vm. */
GORT_API gort_task *gort_vm_current(gort_vm *vm);
/* The vm's event loop, made on first use and polled while the vm is idle.
 * Only on the worker that holds vm. NULL when libuv fails. */
GORT_API struct uv_loop_s *gort_vm_loop(gort_vm *vm);

GORT_API unsigned gort_numcpu(void);
/* Sets the number of workers when n > 0; returns the number before. */
GORT_API unsigned gort_maxprocs(gort *rt, unsigned n);
/* Tasks started or waiting to be started, the main task included. */
GORT_API uint64_t gort_numtasks(gort *rt);

/* started and parked are of the tasks; the rest has not begun. */
typedef struct gort_stats {
  uint64_t tasks, started, parked, spawned, vms, workers, threads;
  uint64_t steals, preemptions, wakeups, handoffs, timers, blocking;
} gort_stats;
GORT_API void gort_get_stats(gort *rt, gort_stats *out);

/* ---- tasks ------------------------------------------------------------- */

/* A function call waiting to become a task, with size bytes of payload for
 * the interpreter. Returns owned; NULL when memory is out. */
GORT_API gort_record *gort_record_new(gort *rt, size_t size);
GORT_API void *gort_record_payload(gort_record *r);
GORT_API gort *gort_record_runtime(gort_record *r);
/* Binds the task that r becomes to ctx (a count of its own), NULL: to none:
 * when ctx is done its waits end with GORT_EBOUND, and no other begins. 0 or
 * GORT_ENOMEM. */
GORT_API int gort_record_bind(gort_record *r, gort_context *ctx);
/* Borrowed; NULL: it is not bound. */
GORT_API gort_context *gort_record_context(const gort_record *r);
GORT_API uint64_t gort_record_id(gort_record *r);
/* Frees the record only; the payload's content has been dealt with. */
GORT_API void gort_record_free(gort_record *r);
/* Starts r as a task on any worker. Takes r. Never fails. */
GORT_API void gort_go(gort *rt, gort_record *r);
/* The same for a task that may block its thread: it runs on a thread of its
 * own, without a place among the workers. At most 256 at a time, the others
 * wait. From a worker. */
GORT_API void gort_go_blocking(gort *rt, gort_record *r);

/* The same in that vm, without waking anybody else: true, or false, with r
 * dropped, when another such call is on its way there or vm runs no tasks of
 * this kind (vm 0, those of tasks that may block). A worker. */
GORT_API bool gort_vm_go(gort_vm *vm, gort_record *r);

/* The same in vm 0, while the runtime serves. Any thread but a worker. */
GORT_API void gort_go_main(gort *rt, gort_record *r);

GORT_API uint64_t gort_task_id(const gort_task *t);
GORT_API gort_vm *gort_task_vm(gort_task *t);
/* The context that t is bound to, borrowed; or NULL. */
GORT_API gort_context *gort_task_context(const gort_task *t);
/* What gort_context_err says of it, unless t is shielded: not 0, t is to come
 * to its end. Only the task itself may ask, as it may shield. */
GORT_API int gort_task_err(const gort_task *t);
/* While on, t waits like a task that is not bound. Only between waits. */
GORT_API void gort_task_shield(gort_task *t, bool on);
/* The interpreter's half of the task. */
GORT_API void *gort_task_state(const gort_task *t);
GORT_API void gort_task_set_state(gort_task *t, void *state);
/* From now on gort_task_interrupt can end self's waits. */
GORT_API void gort_task_set_interruptible(gort_task *self);
/* Ends the wait of t, if it waits, with GORT_EINTR (not a blocking call);
 * asks the interpreter to stop it soon, if it runs (ops->preempt). True when
 * it ended a wait. Any thread, while t cannot end. */
GORT_API bool gort_task_interrupt(gort_task *t);
/* Describes every task of every vm. gort_dump asks the vms; gort_dump_wait,
 * and gort_dump_resume after each resume, wait for their answers (at most
 * 0.1 s for each: one may be stuck in a C call) and give 0, GORT_PARKED or a
 * code; gort_dump_finish adds the text to out (may be NULL) and frees d. */
typedef struct gort_dump gort_dump;
GORT_API int gort_dump_new(gort_task *self, gort_dump **out);
GORT_API int gort_dump_wait(gort_dump *d, gort_task *self);
GORT_API int gort_dump_resume(gort_dump *d, gort_task *self);
GORT_API void gort_dump_finish(gort_dump *d, gort_text *out);
/* The same for a thread that is no worker: waits itself. 0 or a code. */
GORT_API int gort_dump_all(gort *rt, int64_t timeout_ns, gort_text *out);
/* Looks for leaks: tasks that wait for what nobody else can get at. Parks as a
 * dump does. gort_leaks_finish adds each one's number, what it waits for and
 * its description, a line each, and a zero byte, to out (may be NULL), and
 * frees l. */
typedef struct gort_leaks gort_leaks;
GORT_API int gort_leaks_new(gort_task *self, gort_leaks **out);
GORT_API int gort_leaks_wait(gort_leaks *l, gort_task *self);
GORT_API int gort_leaks_resume(gort_leaks *l, gort_task *self);
GORT_API void gort_leaks_finish(gort_leaks *l, gort_text *out);
/* For ops->reach: the tasks asked about have the numbers 1 to count; others
 * end with NULL (i from 0). who has a handle of obj: 0, when it is reached
 * otherwise than through the tasks asked about; else each of those through
 * which it is. first: this handle was not told before. */
GORT_API size_t gort_reach_count(const gort_reach *r);
GORT_API gort_task *gort_reach_task(const gort_reach *r, size_t who);
GORT_API gort_task *gort_reach_other(const gort_reach *r, size_t i);
GORT_API int gort_reach_add(gort_reach *r, size_t who, gort_object *obj,
                            bool first);
/* Adds "task 7 [chan receive, 3 s]:" and its stack; the caller holds its vm
 * and t does not run, or is the caller itself. */
GORT_API void gort_task_describe(gort_task *t, gort_text *out);

/* ---- waiting ----------------------------------------------------------- */

enum { GORT_PARKED = 1 }; /* started to wait: leave to the scheduler now */

#define GORT_FOREVER INT64_MAX

/* How long a wait may last: until deadline (GORT_FOREVER: none), and until
 * ctx is done (NULL: none; borrowed until the wait has been finished). Where
 * a limit is asked for, NULL is none. What can be done at once is done,
 * whatever the limit. */
typedef struct gort_limit {
  int64_t deadline;
  gort_context *ctx;
} gort_limit;
#ifndef __cplusplus
#define GORT_UNTIL(when) (&(gort_limit){(when), NULL})
#endif

typedef enum gort_op { GORT_RECV, GORT_SEND } gort_op;

/* One alternative of a select. A NULL source is never ready. */
typedef struct gort_case {
  gort_source *source; /* borrowed; the caller keeps it alive */
  gort_op op;
  gort_value value; /* SEND: in; moved out of when this case is chosen */
} gort_case;

/* What a wait came to. */
typedef struct gort_result {
  int status;       /* 0, or GORT_ECLOSED, GORT_ETIMEOUT, ... */
  int index;        /* select: the case chosen, -1 none */
  bool ok;          /* RECV: value was sent (not: closed) */
  gort_value value; /* RECV: owned */
} gort_result;

/* Does op on s for the running task self. 0: done, res is filled.
 * GORT_PARKED: self now waits; return to the scheduler, and call
 * gort_wait_finish when resumed. A limit that is reached gives GORT_ETIMEOUT,
 * GORT_ECANCELED or GORT_EDEADLINE in res->status; one that was reached
 * before never parks. GORT_EBOUND: the context that self is bound to is done
 * (then nothing is tried). value is taken when the result's status is 0, or
 * when it parks. */
GORT_API int gort_wait(gort_task *self, gort_source *s, gort_op op,
                       gort_value *value, const gort_limit *limit,
                       gort_result *res);
/* The same for a channel: the shorter way there. */
GORT_API int gort_wait_send(gort_task *self, gort_chan *c, gort_value *value,
                            const gort_limit *limit, gort_result *res);
GORT_API int gort_wait_recv(gort_task *self, gort_chan *c,
                            const gort_limit *limit, gort_result *res);
/* gort_wait, never parks: 1 done (res filled), 0 would have to wait. */
GORT_API int gort_wait_try(gort_source *s, gort_op op, gort_value *value,
                           gort_result *res);
/* Chooses among n cases, uniformly among those that are ready. Values of the
 * cases not chosen stay the caller's when it returns 0; when it parks all are
 * taken. GORT_ENOMEM: nothing happened. A deadline of 0 makes a look that is
 * no wait: a bound task may take it, too. */
GORT_API int gort_select(gort_task *self, gort_case *cases, size_t n,
                         const gort_limit *limit, gort_result *res);
/* After a resume that follows GORT_PARKED. */
GORT_API void gort_wait_finish(gort_task *self, gort_result *res);
/* Parks until the limit is reached. GORT_PARKED or a code (GORT_EBOUND). */
GORT_API int gort_sleep(gort_task *self, const gort_limit *limit);

/* ---- what one can wait for --------------------------------------------- */

/* cap 0: unbuffered. Returns owned through out. */
GORT_API int gort_chan_new(size_t cap, gort_chan **out);
GORT_API int gort_chan_close(gort_chan *c);
GORT_API size_t gort_chan_len(gort_chan *c);
GORT_API size_t gort_chan_cap(const gort_chan *c);
/* How a channel is at one moment, for people. */
typedef struct gort_chan_info {
  size_t len, receivers, senders; /* values in the buffer; tasks that wait */
  bool closed;
} gort_chan_info;
GORT_API void gort_chan_look(gort_chan *c, gort_chan_info *out);
GORT_API const gort_class *gort_chan_class(void);
/* A number of the owner's choice, set before the channel is shared. */
GORT_API int gort_chan_tag(const gort_chan *c);
GORT_API void gort_chan_set_tag(gort_chan *c, int tag);

GORT_API int gort_waitgroup_new(gort_waitgroup **out);
GORT_API const gort_class *gort_waitgroup_class(void);
/* 0, or GORT_ENEGATIVE: the counter stays as it was. */
GORT_API int gort_waitgroup_add(gort_waitgroup *wg, int64_t n);

/* A timer gives the time at which it fired (seconds since the epoch) to
 * whoever receives from it. period 0: once. period > 0: a ticker. */
GORT_API int gort_timer_new(gort *rt, int64_t when, int64_t period,
                            gort_timer **out);
/* A timer that starts a task: make(arg) gives the record each time it fires,
 * on any thread, and may give NULL when memory is out; drop(arg) at the end. */
GORT_API int gort_timer_func(gort *rt, int64_t when,
                             gort_record *(*make)(void *arg),
                             void (*drop)(void *arg), void *arg,
                             gort_timer **out);
GORT_API const gort_class *gort_timer_class(void);
/* Both: whether it was still pending. period < 0 keeps it. */
GORT_API bool gort_timer_stop(gort_timer *t);
GORT_API bool gort_timer_reset(gort_timer *t, int64_t when, int64_t period);
GORT_API bool gort_timer_is_ticker(const gort_timer *t);

/* ---- contexts ---------------------------------------------------------- */

/* The two roots: never done. Borrowed. */
GORT_API gort_context *gort_context_background(gort *rt);
GORT_API gort_context *gort_context_todo(gort *rt);

/* What makes a context another than its parent. */
typedef struct gort_context_options {
  bool cancels;     /* can be ended by itself: always set with a deadline */
  bool detached;    /* not ended with its parent: only its values */
  int64_t timeout;  /* until its deadline; GORT_FOREVER: it has the parent's,
                     * as it has when that is earlier */
  double wall;      /* the deadline in seconds since the epoch; 0: as it is */
  gort_value cause; /* what ended it, when the deadline has; may be nil */
  gort_value key;   /* nil: it has no value of its own */
  gort_value value;
} gort_context_options;

/* A child of parent, done when that is, or earlier by gort_context_cancel.
 * The options' values are taken on success. Returns owned through out. */
GORT_API int gort_context_new(gort_context *parent,
                              gort_context_options *options,
                              gort_context **out);
GORT_API const gort_class *gort_context_class(void);
/* Ends ctx and all that come from it: they are done when it returns. Takes
 * the cause (NULL or nil: none). No effect on one that is done. Any thread. */
GORT_API void gort_context_cancel(gort_context *ctx, gort_value *cause);
/* 0, or once it is done GORT_ECANCELED or GORT_EDEADLINE. */
GORT_API int gort_context_err(gort_context *ctx);
/* Why it is done; nil: for no other reason than its err. Returns owned. */
GORT_API gort_value gort_context_cause(gort_context *ctx);
/* The value of key on the way from ctx to its root: whether there is one. Keys
 * are compared by gort_value_equal. Returns owned through out. */
GORT_API bool gort_context_value(gort_context *ctx, const gort_value *key,
                                 gort_value *out);
/* Whether it has a deadline: in seconds since the epoch. */
GORT_API bool gort_context_deadline(gort_context *ctx, double *out);

/* For debugging: ctx was made at this place; and each place with contexts made
 * there that have not ended. */
GORT_API void gort_context_note(gort_context *ctx, const char *place);
GORT_API void gort_context_places(gort *rt,
                                  void (*each)(void *arg, const char *place,
                                               unsigned n),
                                  void *arg);

/* ---- locks, counters, a map -------------------------------------------- */

/* A mutex. A wait (GORT_RECV) takes the lock. Nobody owns it: whoever wants
 * may unlock it. gort_wait on it may end with ok false, when the task was
 * woken to compete for the lock: use gort_mutex_lock, and gort_mutex_resume
 * after a resume (both 0, GORT_PARKED or a code; 0: res says). */
GORT_API int gort_mutex_new(gort_mutex **out);
GORT_API const gort_class *gort_mutex_class(void);
GORT_API int gort_mutex_lock(gort_task *self, gort_mutex *mu,
                             const gort_limit *limit, gort_result *res);
GORT_API int gort_mutex_resume(gort_task *self, gort_mutex *mu,
                               const gort_limit *limit, gort_result *res);
GORT_API bool gort_mutex_try_lock(gort_mutex *mu);
GORT_API bool gort_mutex_is_locked(gort_mutex *mu);
/* 0 or GORT_EUNLOCKED. */
GORT_API int gort_mutex_unlock(gort_mutex *mu);

/* Many readers (GORT_RECV takes) or one writer (GORT_SEND takes). A writer
 * that waits keeps new readers out. */
GORT_API int gort_rwmutex_new(gort_rwmutex **out);
GORT_API const gort_class *gort_rwmutex_class(void);
/* 0, or GORT_EUNLOCKED, or GORT_EREADLOCKED when only readers hold it. */
GORT_API int gort_rwmutex_unlock(gort_rwmutex *rw);
GORT_API int gort_rwmutex_runlock(gort_rwmutex *rw);

/* Whoever waits (GORT_RECV) sleeps until a signal (for the one that has waited
 * longest) or a broadcast. Both tell how many were woken. */
GORT_API int gort_cond_new(gort_mutex *mu, gort_cond **out); /* retains mu */
GORT_API const gort_class *gort_cond_class(void);
GORT_API gort_mutex *gort_cond_mutex(const gort_cond *c);
GORT_API unsigned gort_cond_signal(gort_cond *c);
GORT_API unsigned gort_cond_broadcast(gort_cond *c);

/* n units, given out in the order of the requests, the large ones too. A wait
 * (GORT_RECV) takes as many as its value says (GORT_INTEGER), else one; more
 * than n: it waits in vain and holds nobody back. */
GORT_API int gort_semaphore_new(int64_t n, gort_semaphore **out);
GORT_API const gort_class *gort_semaphore_class(void);
/* 0, or GORT_ERELEASE: nothing happened. */
GORT_API int gort_semaphore_release(gort_semaphore *s, int64_t k);

/* An integer that tasks share, without a lock; add wraps around. */
GORT_API int gort_atomic_new(int64_t n, gort_atomic **out);
GORT_API const gort_class *gort_atomic_class(void);
GORT_API int64_t gort_atomic_load(gort_atomic *a);
GORT_API void gort_atomic_store(gort_atomic *a, int64_t n);
GORT_API int64_t gort_atomic_add(gort_atomic *a, int64_t d); /* the new one */
GORT_API int64_t gort_atomic_swap(gort_atomic *a, int64_t n);
GORT_API bool gort_atomic_cas(gort_atomic *a, int64_t from, int64_t to);

/* A map that tasks share. Keys: booleans, integers, floats but NaN (one with an
 * integer's value is that integer), strings, objects. Keys are borrowed and
 * copied when stored; values are taken on success; a found value is owned by
 * the caller. GORT_EINVAL: no such key can be; GORT_ENOMEM. */
GORT_API int gort_map_new(gort_map **out);
GORT_API const gort_class *gort_map_class(void);
GORT_API size_t gort_map_len(gort_map *m);
/* 1 found, 0 not. */
GORT_API int gort_map_load(gort_map *m, const gort_value *k, gort_value *out);
GORT_API int gort_map_store(gort_map *m, const gort_value *k, gort_value *v);
/* 1: there was one, copied to *out; 0: *v was stored. */
GORT_API int gort_map_load_or_store(gort_map *m, const gort_value *k,
                                    gort_value *v, gort_value *out);
/* 1: there was one, moved to *out; 0 not. */
GORT_API int gort_map_delete(gort_map *m, const gort_value *k, gort_value *out);
/* 1: the value was equal to from (gort_value_equal) and is *v now. 0 not. */
GORT_API int gort_map_cas(gort_map *m, const gort_value *k,
                          const gort_value *from, gort_value *v);
/* The pairs of one of the map's parts (0 ... gort_map_parts() - 1), copied
 * at one instant: key, value, key, value ... *pairs is owned by the caller
 * (gort_free, after gort_value_drop), as is what is in it. The number of pairs
 * or GORT_ENOMEM. */
GORT_API unsigned gort_map_parts(void);
GORT_API int64_t gort_map_part(gort_map *m, unsigned part, gort_value **pairs);

/* Starts r when ctx is done, at once if it is. Takes r on success; returns
 * owned through out (which may be released: r starts all the same). */
GORT_API int gort_context_after(gort_context *ctx, gort_record *r,
                                gort_after **out);
GORT_API const gort_class *gort_after_class(void);
/* Whether it kept the record from being started. */
GORT_API bool gort_after_stop(gort_after *a);

/* ---- calls whose results are waited for -------------------------------- */

/* A value that will be there: set once (value is taken, dropped the second
 * time), then whoever receives gets a copy, and ok. */
GORT_API int gort_future_new(gort_future **out);
GORT_API const gort_class *gort_future_class(void);
GORT_API void gort_future_set(gort_future *f, gort_value *value, bool ok);

/* A call that sets f (retained) and is started by the first who wants it.
 * Takes the record on success. */
GORT_API int gort_once_new(gort_record *call, gort_future *f, gort_once **out);
GORT_API const gort_class *gort_once_class(void);
/* The record, to be started, for the first who asks; then NULL. */
GORT_API gort_record *gort_once_begin(gort_once *once);
GORT_API gort_future *gort_once_future(gort_once *once); /* borrowed */

/* One call for each key at a time. join gives 0: the caller makes the call and
 * sets *out; or 1: somebody does already. *out is owned by the caller. */
GORT_API int gort_singleflight_new(gort_singleflight **out);
GORT_API const gort_class *gort_singleflight_class(void);
GORT_API int gort_singleflight_join(gort_singleflight *sf,
                                    const gort_value *key, gort_future **out);
/* Whether several wait for the results of a future that join gave. */
GORT_API bool gort_singleflight_shared(gort_future *f);
/* The next call of key is made anew though one may be under way. */
GORT_API int gort_singleflight_forget(gort_singleflight *sf,
                                      const gort_value *key);

/* Tasks that belong together. Who sends (GORT_SEND, any value) becomes a
 * member, in order of coming when there is a limit, and has to leave; a wait
 * (GORT_RECV) lasts until the last has left and gives true, or ok false and
 * the first error. */
/* parent: of the context that ends at the first error; NULL: there is none.
 * around: of the scope, for its tasks to be bound to. */
GORT_API int gort_group_new(gort_context *parent, gort_context *around,
                            gort_group **out);
GORT_API const gort_class *gort_group_class(void);
GORT_API gort_context *gort_group_context(gort_group *g); /* borrowed; NULL */
GORT_API gort_context *gort_group_scope(gort_group *g);   /* borrowed */
/* Negative: none. 0, or GORT_EBUSY while it has members. */
GORT_API int gort_group_set_limit(gort_group *g, int64_t limit);
GORT_API void gort_group_leave(gort_group *g);
/* A member's error: takes both values, keeps the first, and ends the context,
 * err being the cause. raised: it was not a result. */
GORT_API void gort_group_fail(gort_group *g, gort_value *err, gort_value *trace,
                              bool raised);
/* Whether there was one: a copy, owned; fresh: it was raised, and nobody has
 * asked before. And its traceback, owned; nil when it was a result. */
GORT_API bool gort_group_error(gort_group *g, gort_value *err, bool *fresh);
GORT_API gort_value gort_group_trace(gort_group *g);
/* Ends its context, and the scope with all the tasks in it. */
GORT_API void gort_group_cancel(gort_group *g, bool scope);

/* ---- threads of the host ------------------------------------------------
 *
 * What a thread that is no worker does with channels, contexts and all else
 * that one can wait for. Nothing here needs a task. On a worker these return
 * GORT_EWORKER where they would have to wait: a task must not block its
 * thread.
 *
 * Holds. When all tasks wait and nothing outside can wake one, that is a
 * deadlock. Threads of the host can: so while a runtime is held it has none.
 * A channel that is open to the host (gort_chan_open) holds its runtime. */

/* Does op on s, and waits for it. 0: done, res is filled, value was taken
 * when it is a send. Else a code, and value is still the caller's:
 * GORT_ETIMEOUT, GORT_ECANCELED, GORT_EDEADLINE (the limit; NULL: none),
 * GORT_ECLOSED, GORT_ENOMEM, GORT_EWORKER. Any thread. */
GORT_API int gort_thread_wait(gort_source *s, gort_op op, gort_value *value,
                              const gort_limit *limit, gort_result *res);
/* Chooses among n cases as gort_select does, and waits. 0: res->index is the
 * case that was chosen; the values of all other cases are still the caller's.
 * Else a code as above (a send that was chosen on a closed channel:
 * GORT_ECLOSED, and res->index tells which). */
GORT_API int gort_thread_select(gort_case *cases, size_t n,
                                const gort_limit *limit, gort_result *res);

/* Sends; 0 (value is taken) or a code (it is not). */
GORT_API int gort_chan_send(gort_chan *c, gort_value *value,
                            const gort_limit *limit);
/* Receives: 1 and *out, owned; 0 and nil when c is closed and drained; or a
 * code. */
GORT_API int gort_chan_recv(gort_chan *c, gort_value *out,
                            const gort_limit *limit);
/* The same without waiting: GORT_EAGAIN where the others would. Any thread,
 * workers too. */
GORT_API int gort_chan_try_send(gort_chan *c, gort_value *value);
GORT_API int gort_chan_try_recv(gort_chan *c, gort_value *out);

/* A new channel, open to the host: it holds rt until the host leaves it. When
 * rt stops it is closed (what it has buffered can still be received).
 * Returns owned through out: give it back with gort_chan_leave. */
GORT_API int gort_chan_open(gort *rt, size_t cap, gort_chan **out);
/* The same for a channel that the host has got from a task; takes a count of
 * its own. 0 or GORT_ENOMEM. */
GORT_API int gort_chan_join(gort *rt, gort_chan *c);
/* The host does no more with c: gives back the hold and the count of one
 * gort_chan_open or gort_chan_join. While rt exists; afterwards the count is
 * given back with gort_object_release. */
GORT_API void gort_chan_leave(gort *rt, gort_chan *c);

/* ---- time, blocking work ----------------------------------------------- */

GORT_API int64_t gort_now(void);     /* ns, monotonic */
GORT_API double gort_wall_now(void); /* s since the epoch */

/* Runs work(arg) on a thread that may block and parks self until it is done.
 * GORT_PARKED or a code. */
GORT_API int gort_blocking(gort_task *self, void (*work)(void *arg), void *arg);
/* The same without a task: 0 or a code. What has not begun when the runtime
 * ends never does. Any thread. */
GORT_API int gort_blocking_go(gort *rt, void (*work)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
