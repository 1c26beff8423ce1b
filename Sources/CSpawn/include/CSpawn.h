/* What the target ChildProcess needs from Linux and cannot say in Swift: code that runs in a process which was
 * forked from a multithreaded one, where only async-signal-safe calls are allowed. CSpawn.c starts a program,
 * Keeper.c guards one, Supervision.c is the parent's end of both, Waiting.c how the parent waits. Nothing here
 * allocates or logs, and nothing blocks unless its name or comment says so. */
#ifndef CSPAWN_H
#define CSPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The step before exec at which a start failed; reported with its errno. */
enum cspawn_step {
    CSPAWN_STEP_PROCESS_GROUP = 1,
    CSPAWN_STEP_NETWORK_NAMESPACE,
    CSPAWN_STEP_GROUPS,
    CSPAWN_STEP_GROUP,
    CSPAWN_STEP_USER,
    CSPAWN_STEP_CAPABILITIES,
    CSPAWN_STEP_PARENT_DEATH,
    CSPAWN_STEP_PARENT_GONE,
    CSPAWN_STEP_WORKING_DIRECTORY,
    CSPAWN_STEP_STANDARD_STREAMS,
    CSPAWN_STEP_CLOSE_DESCRIPTORS,
    CSPAWN_STEP_SIGNALS,
    CSPAWN_STEP_EXECUTE,
    CSPAWN_STEP_KEEPER,
    CSPAWN_STEP_TOO_LATE,
    CSPAWN_STEP_RIGHT_TO_KILL,
};

/* Written by a child whose start failed, as one message of eight bytes (below PIPE_BUF, so never torn). */
struct cspawn_failure {
    int32_t step;
    int32_t error;
};

/* What to start, and as whom. Read by the child only, before exec: the pointers need to live until the call returns,
 * because the child has its own copy of the memory. */
struct cspawn_request {
    const char *_Nullable path; /* found before the fork; no PATH search in the child */
    char *_Nullable const *_Nullable arguments;
    char *_Nullable const *_Nullable environment;
    const char *_Nullable working_directory;
    int network_namespace;  /* descriptor, or -1: stay */
    bool process_namespace; /* it is the first process of a new one: the kernel ends all that it forks with it */
    int standard_streams[3];
    bool changes_credentials; /* false: the four fields below are not looked at */
    uid_t user;
    gid_t group;
    const gid_t *_Nullable supplementary_groups;
    size_t supplementary_group_count;
    uint64_t capabilities; /* bit n is capability n; exactly these are kept, and ambient */
    int64_t not_after;     /* CLOCK_BOOTTIME in nanoseconds after which the program is not started; 0: no limit */
};

struct cspawn_child {
    pid_t pid;
    int pidfd;   /* close-on-exec */
    int failure; /* direct only: end of file means "the program runs", a cspawn_failure that it does not */
};

/* Starts the program as a child that dies by SIGKILL when the calling *thread* ends. Returns 0 or errno. */
int cspawn_direct(const struct cspawn_request *_Nonnull request, struct cspawn_child *_Nonnull child);

/* When a keeper acts by itself, so that a stopped daemon's lease ends without its help. All times are nanoseconds. */
struct cspawn_terms {
    int64_t lease_until;  /* CLOCK_BOOTTIME: the time in suspend counts, because others count it too */
    int64_t terminate_at; /* CLOCK_MONOTONIC: what the command could not use does not count */
    int64_t grace; /* nanoseconds between SIGTERM and SIGKILL once terminate_at has passed */
};

/* Starts a keeper process that starts the program and guards it. `control` is the keeper's end of a
 * socketpair(AF_UNIX, SOCK_SEQPACKET). Returns 0 or errno; the program's own failure comes as a report. */
int cspawn_kept(const struct cspawn_request *_Nonnull request, struct cspawn_terms terms, int control,
                struct cspawn_child *_Nonnull child);

/* Exit codes of a keeper: whether it could end every descendant of its command. */
enum cspawn_keeper_exit {
    CSPAWN_KEEPER_CLEAN = 0,
    CSPAWN_KEEPER_LEFT_DESCENDANTS = 1,
};

enum cspawn_order_kind {
    CSPAWN_ORDER_EXTEND = 1,    /* value: lease until, CLOCK_BOOTTIME nanoseconds; never shortens */
    CSPAWN_ORDER_TERMINATE = 2, /* value: grace in milliseconds */
    CSPAWN_ORDER_KILL = 3,
};

enum cspawn_cause {
    CSPAWN_CAUSE_ITSELF = 0,
    CSPAWN_CAUSE_TIMEOUT = 1,
    CSPAWN_CAUSE_TERMINATED = 2, /* ordered: terminate */
    CSPAWN_CAUSE_KILLED = 3,     /* ordered: kill */
    CSPAWN_CAUSE_LEASE = 4,
    CSPAWN_CAUSE_DAEMON_GONE = 5, /* nobody reads this one; it makes the keeper's states complete */
};

enum cspawn_report_kind {
    CSPAWN_REPORT_NONE = 0,   /* nothing (more) to read */
    CSPAWN_REPORT_FAILED = 1, /* first: step, second: errno */
    CSPAWN_REPORT_ENDED = 2,  /* first: exit code or signal number, second: 1 if signal; with cause */
    CSPAWN_REPORT_ABANDONED = 3, /* the command runs as another user and the kernel refuses to let us kill it */
};

struct cspawn_report {
    int32_t kind;
    int32_t first;
    int32_t second;
    int32_t cause;
};

/* --- The parent's end ------------------------------------------------------------------------------------------ */

/* How a child ended. */
struct cspawn_exit {
    int32_t value; /* exit code, or signal number */
    bool signalled;
};

/* Two connected control sockets, close-on-exec; ends[0] for the daemon, ends[1] for the keeper. Returns 0 or errno. */
int cspawn_control_pair(int ends[_Nonnull 2]);

/* Sends an order without blocking and without SIGPIPE. A keeper that is gone needs no order, so the result is only
 * informative: 0 or errno. */
int cspawn_order(int control, enum cspawn_order_kind kind, int64_t value);

/* Takes the next report without blocking; kind NONE when there is none. */
struct cspawn_report cspawn_next_report(int control);

/* Reads a cspawn_failure without blocking. Returns true if there is one. */
bool cspawn_read_failure(int descriptor, struct cspawn_failure *_Nonnull failure);

/* Reaps the child. `wait` false: returns EAGAIN while it lives. Returns 0 or errno. */
int cspawn_reap(int pidfd, bool wait, struct cspawn_exit *_Nonnull result);

/* A pidfd, close-on-exec, of a process that need not be a child. -1 and errno when there is none. */
int cspawn_foreign(pid_t pid);

/* Sends a signal to the very process that the pidfd was made for. Returns 0 or errno. */
int cspawn_foreign_signal(int pidfd, int signal);

/* Whether it has ended, be it reaped or not. */
bool cspawn_foreign_ended(int pidfd);

/* --- Waiting --------------------------------------------------------------------------------------------------- */

/* As pipe2 with O_CLOEXEC. -1 and errno on error, here and below. */
int cspawn_pipe(int ends[_Nonnull 2]);

/* A file in memory with these bytes, close-on-exec, at its beginning, sealed against every change. */
int cspawn_memory(const void *_Nullable bytes, size_t count);

/* How many bytes the pipe can hold. */
int cspawn_pipe_capacity(int end);

/* A descriptor that becomes readable once, that many nanoseconds of CLOCK_MONOTONIC from now. */
int cspawn_timer(int64_t nanoseconds);

/* A descriptor by which one thread wakes another; rings that come before the wait count. */
int cspawn_bell(void);
void cspawn_bell_ring(int bell);
void cspawn_bell_wait(int bell);

/* Closes this process's memory, and what /proc shows of it, to other processes of its user; those that it forks and that do
 * not execute another program inherit that. */
int cspawn_close_memory(void);

/* Names the calling thread, for ps and debuggers; at most 15 bytes. */
void cspawn_name_thread(const char *_Nonnull name);

/* An epoll set. `watch` is given back by the wait, which blocks, and which takes 64 at most. */
int cspawn_poll_create(void);
int cspawn_poll_add(int poll, int descriptor, uint64_t watch);
int cspawn_poll_remove(int poll, int descriptor);
int cspawn_poll_wait(int poll, uint64_t *_Nonnull watches, int capacity);

/* --- Namespaces ------------------------------------------------------------------------------------------------ */

/* A UDP socket in another network namespace, close-on-exec and non-blocking. The calling thread is back in its own when
 * this returns, whatever it returns. Needs CAP_SYS_ADMIN. -1 and errno on error. */
int cspawn_datagram_socket_in(const char *_Nonnull namespace_path);

/* Gives an Ethernet device of another network namespace an address of six octets, be it the one that it has. As above. */
int cspawn_set_hardware_address_in(const char *_Nonnull namespace_path, const char *_Nonnull device,
                                   const uint8_t *_Nonnull octets);

#endif
