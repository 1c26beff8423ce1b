/* The keeper: a process between the daemon and a command, so that the command and everything it started end when the
 * daemon dies (kill -9 included) or is stopped for longer than its lease. A parent-death signal cannot do that: it
 * reaches one process only, is lost at a setuid exec, and does not know of a stopped parent.
 *
 * The keeper is a forked copy of the daemon that never execs. So, as in CSpawn.c: no malloc, no stdio, no lock. It
 * holds three descriptors, blocks every signal for its whole life (only SIGKILL and SIGSTOP reach it), lives in a
 * session of its own (signals to the daemon's process group or terminal do not reach it), and is the reaper of all
 * that its command leaves behind.
 *
 * Why killing only direct children is enough, and safe: a child that we have not reaped keeps its process id, so the
 * id cannot name a stranger; and when it dies, its own children become ours and are found in the next round. Nothing
 * escapes by setsid or by a double fork. A program that forks faster than we kill can prolong the rounds; it cannot
 * leave. */
#define _GNU_SOURCE
#include "Internal.h"
#include "Orders.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS = 1000000000, NANOSECONDS_PER_MILLISECOND = 1000000 };
static const int64_t NEVER = INT64_MAX;

/* How often the last rounds look again without being told. A descendant that becomes ours brings no signal by itself;
 * this bounds how long it stays unseen while another one is slow to die (uninterruptible I/O). */
static const int64_t ROUND = 20 * NANOSECONDS_PER_MILLISECOND;

struct keeper {
    int control;   /* to the daemon; its end of file means that the daemon is gone */
    int failure;   /* the command's failure pipe; -1 once the command runs */
    int children;  /* signalfd for SIGCHLD */
    int lease;     /* timerfd that is readable once the lease has ended */
    pid_t command; /* not reaped before the last kill, so that the number stays ours */
    bool told;     /* the daemon knows how the command ended */
    int64_t lease_until; /* CLOCK_BOOTTIME; the others CLOCK_MONOTONIC */
    int64_t terminate_at;
    int64_t kill_at;
    int64_t grace;
    enum cspawn_cause cause;
};

static int64_t reading(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static int64_t now(void) { return reading(CLOCK_MONOTONIC); }

static int64_t after(int64_t interval) {
    int64_t start = now();
    return interval > NEVER - start ? NEVER : start + interval;
}

static void report(const struct keeper *keeper, enum cspawn_report_kind kind, int first, int second) {
    struct cspawn_report message = {
        .kind = (int32_t)kind, .first = first, .second = second, .cause = (int32_t)keeper->cause};
    /* A daemon that is gone does not read it. The buffer cannot be full: two reports at most are ever sent. */
    (void)send(keeper->control, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- Ending ---------------------------------------------------------------------------------------------------- */

enum round { ROUND_KILLED, ROUND_REFUSED };

/* Sends SIGKILL to every direct child. REFUSED: it reached none, and waiting for those that are left is in vain. */
static enum round kill_children(const struct keeper *keeper) {
    int list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (list < 0) /* no /proc: the command itself we know; what else there is, we do not */
        return !keeper->told && kill(keeper->command, SIGKILL) == 0 ? ROUND_KILLED : ROUND_REFUSED;
    char buffer[1024];
    pid_t pid = 0;
    int refused = 0, allowed = 0;
    ssize_t count;
    while ((count = read(list, buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < count; i++) { /* decimal numbers, each followed by a blank */
            if (buffer[i] >= '0' && buffer[i] <= '9') {
                pid = pid * 10 + (buffer[i] - '0');
            } else if (pid != 0) {
                if (kill(pid, SIGKILL) == 0) allowed++;
                else if (errno == EPERM) refused++;
                pid = 0;
            }
        }
    }
    close(list);
    return allowed == 0 && refused > 0 ? ROUND_REFUSED : ROUND_KILLED;
}

/* Reaps what has died, and reports the command when it is among them. Returns false when no child is left. */
static bool reap(struct keeper *keeper) {
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) {
            if (errno == EINTR) continue;
            return false; /* ECHILD */
        }
        if (info.si_pid == 0) return true;
        if (info.si_pid != keeper->command || keeper->told) continue;
        keeper->told = true;
        report(keeper, CSPAWN_REPORT_ENDED, info.si_status, info.si_code != CLD_EXITED);
    }
}

static void wait_for_child(const struct keeper *keeper, int64_t interval) {
    struct pollfd sources[1] = {{.fd = keeper->children, .events = POLLIN}};
    struct timespec limit = {.tv_sec = interval / NANOSECONDS, .tv_nsec = interval % NANOSECONDS};
    (void)ppoll(sources, 1, &limit, NULL);
    struct signalfd_siginfo ignored;
    (void)read(keeper->children, &ignored, sizeof ignored);
}

/* Ends the command, its process group and every descendant; then the keeper. */
static _Noreturn void finish(struct keeper *keeper) {
    /* One call for the ordinary case. The command is not yet reaped, so the group's number is still ours. */
    kill(-keeper->command, SIGKILL);
    for (;;) {
        enum round round = kill_children(keeper);
        if (!reap(keeper)) _exit(CSPAWN_KEEPER_CLEAN);
        if (round == ROUND_REFUSED) break;
        wait_for_child(keeper, ROUND);
    }
    /* What is left has changed its user (sudo) or cannot be listed (no /proc). Waiting for it could take for ever,
     * and the daemon's deadline would mean nothing: so we say so and go. */
    if (!keeper->told) report(keeper, CSPAWN_REPORT_ABANDONED, keeper->command, 0);
    _exit(CSPAWN_KEEPER_LEFT_DESCENDANTS);
}

/* --- Guarding -------------------------------------------------------------------------------------------------- */

static void begin_termination(struct keeper *keeper, enum cspawn_cause cause, int64_t grace) {
    int64_t kill_at = after(grace);
    if (kill_at < keeper->kill_at) keeper->kill_at = kill_at;
    if (keeper->cause != CSPAWN_CAUSE_ITSELF) return;
    keeper->cause = cause;
    keeper->terminate_at = NEVER;
    kill(-keeper->command, SIGTERM);
    kill(-keeper->command, SIGCONT); /* a stopped process takes SIGTERM only after this */
}

static _Noreturn void finish_because(struct keeper *keeper, enum cspawn_cause cause) {
    if (keeper->cause == CSPAWN_CAUSE_ITSELF) keeper->cause = cause;
    finish(keeper);
}

/* The failure pipe closes at exec, or brings the reason why there was none. */
static void learn_whether_it_runs(struct keeper *keeper) {
    struct cspawn_failure failure;
    ssize_t count = read(keeper->failure, &failure, sizeof failure);
    if (count < 0) return; /* EAGAIN: neither yet */
    close(keeper->failure);
    keeper->failure = -1;
    if (count != (ssize_t)sizeof failure) return;
    report(keeper, CSPAWN_REPORT_FAILED, failure.step, failure.error);
    keeper->told = true; /* its exit code 127 says nothing more */
    finish(keeper);
}

static int64_t milliseconds(int64_t count) {
    return count > NEVER / NANOSECONDS_PER_MILLISECOND ? NEVER : count * NANOSECONDS_PER_MILLISECOND;
}

static void take_orders(struct keeper *keeper) {
    struct cspawn_order order;
    ssize_t count = recv(keeper->control, &order, sizeof order, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count != (ssize_t)sizeof order) finish_because(keeper, CSPAWN_CAUSE_DAEMON_GONE);
    switch (order.kind) {
    case CSPAWN_ORDER_EXTEND:
        if (order.value > keeper->lease_until) keeper->lease_until = order.value;
        break;
    case CSPAWN_ORDER_TERMINATE:
        begin_termination(keeper, CSPAWN_CAUSE_TERMINATED, milliseconds(order.value));
        break;
    case CSPAWN_ORDER_KILL:
        finish_because(keeper, CSPAWN_CAUSE_KILLED);
    }
}

/* Reaps orphans of a running command, which are ours as its subreaper and would pile up as zombies. The command itself
 * is looked at and left unreaped: its number, and its group's, must stay ours until the last kill. */
static void notice_children(struct keeper *keeper) {
    struct signalfd_siginfo ignored;
    (void)read(keeper->children, &ignored, sizeof ignored);
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
        if (info.si_pid == keeper->command) {
            if (keeper->failure >= 0) learn_whether_it_runs(keeper);
            finish(keeper);
        }
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    }
}

static int64_t earliest(int64_t one, int64_t other) { return one < other ? one : other; }

/* Lets the timer wake us at the end of the lease: poll's own timeout stands still in suspend. It cannot fail: the time is
 * a valid one, and one that has passed makes the timer readable at once. */
static void arm(const struct keeper *keeper) {
    struct itimerspec setting = {.it_value = {.tv_sec = keeper->lease_until / NANOSECONDS,
                                              .tv_nsec = keeper->lease_until % NANOSECONDS}};
    (void)timerfd_settime(keeper->lease, TFD_TIMER_ABSTIME, &setting, NULL);
}

static _Noreturn void guard(struct keeper *keeper) {
    for (;;) {
        if (reading(CLOCK_BOOTTIME) >= keeper->lease_until) finish_because(keeper, CSPAWN_CAUSE_LEASE);
        int64_t time = now();
        if (time >= keeper->kill_at) finish(keeper);
        if (time >= keeper->terminate_at) begin_termination(keeper, CSPAWN_CAUSE_TIMEOUT, keeper->grace);

        struct pollfd sources[4] = {
            {.fd = keeper->control, .events = POLLIN},
            {.fd = keeper->children, .events = POLLIN},
            {.fd = keeper->failure, .events = POLLIN}, /* -1 is skipped by poll */
            {.fd = keeper->lease, .events = POLLIN},
        };
        int64_t next = earliest(keeper->terminate_at, keeper->kill_at);
        int64_t left = next > time ? next - time : 0;
        struct timespec limit = {.tv_sec = left / NANOSECONDS, .tv_nsec = left % NANOSECONDS};
        arm(keeper);
        if (ppoll(sources, 4, &limit, NULL) < 0) continue;
        if (sources[2].revents != 0) learn_whether_it_runs(keeper);
        if (sources[1].revents != 0) notice_children(keeper);
        if (sources[0].revents != 0) take_orders(keeper);
    }
}

/* --- Starting -------------------------------------------------------------------------------------------------- */

/* Closes everything but two: above all the daemon's ends of other commands' sockets and pipes, which must close when
 * the daemon dies. By ranges, because duplicating the two into place could fail for want of a descriptor. */
static void close_all_but(int one, int other) {
    unsigned low = (unsigned)(one < other ? one : other);
    unsigned high = (unsigned)(one < other ? other : one);
    if (low > 0) close_range(0, low - 1, 0);
    if (high > low + 1) close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0U, 0);
}

_Noreturn void cspawn_keep(const struct cspawn_request *request, struct cspawn_terms terms, int control) {
    struct keeper keeper = {
        .control = control,
        .failure = -1,
        .children = -1,
        .lease = -1,
        .lease_until = terms.lease_until,
        .terminate_at = terms.terminate_at,
        .kill_at = NEVER,
        .grace = terms.grace,
    };
    setsid(); /* fails only for a group leader, which a new process is not */
    prctl(PR_SET_NAME, "co-keeper", 0, 0, 0);
    int failure[2] = {-1, -1};
    pid_t self = getpid();
    int error = cspawn_default_dispositions();
    if (error == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) error = errno;
    if (error == 0 && pipe2(failure, O_CLOEXEC | O_NONBLOCK) != 0) error = errno;
    if (error == 0) {
        keeper.command = cspawn_fork(request, NULL);
        if (keeper.command == 0) cspawn_become(request, self, failure[1]);
        if (keeper.command < 0) error = errno;
    }
    if (error != 0) {
        report(&keeper, CSPAWN_REPORT_FAILED, CSPAWN_STEP_KEEPER, error);
        _exit(CSPAWN_KEEPER_CLEAN);
    }
    /* The command does this too; whoever comes first, the group exists before we signal it. */
    setpgid(keeper.command, keeper.command);
    keeper.failure = failure[0];
    close_all_but(keeper.control, keeper.failure);
    (void)!chdir("/"); /* so that a keeper never holds a file system busy */

    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    /* Cannot lack a descriptor: all but two were just closed. Without memory for it, nothing can be guarded. */
    keeper.children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    keeper.lease = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (keeper.children < 0 || keeper.lease < 0) finish_because(&keeper, CSPAWN_CAUSE_KILLED);
    guard(&keeper);
}
