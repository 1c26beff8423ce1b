/* From fork to exec. Between the two, only async-signal-safe calls: the child is a copy of a multithreaded process, in
 * which another thread may have held any lock (malloc's, stdio's, the Swift runtime's) at the moment of the fork; or it
 * shares that process's memory. */
#define _GNU_SOURCE
#include "Internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The plain clone system call, because
 * - CLONE_PIDFD gives the pidfd in the same step, so that no reaping in between can make it name another process;
 * - glibc's fork runs pthread_atfork handlers of libraries we do not know, and we call nothing that would need them;
 * - clone3, which could do the same, answers ENOSYS under systemd's RestrictNamespaces= (a filter cannot see its
 *   arguments), and this is called by services that may well be confined so.
 * The first three arguments stand in the same order on x86-64 and arm64, and the others are zero. */
pid_t cspawn_fork(const struct cspawn_request *request, int *pidfd) {
    unsigned long flags = SIGCHLD | (pidfd != NULL ? CLONE_PIDFD : 0);
    if (request != NULL && request->process_namespace) flags |= CLONE_NEWPID;
    return (pid_t)syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL);
}

/* A daemon ignores SIGPIPE and perhaps others, and ignored signals stay ignored across exec. By the raw system call,
 * because glibc's sigaction refuses the two numbers that it uses itself, and a parent with another C library may have
 * left them ignored (seen: signal 32). All zero is SIG_DFL with no flags and an empty mask, on every architecture. */
int cspawn_default_dispositions(void) {
    struct {
        unsigned long handler, flags, restorer;
        uint64_t mask;
    } standard = {0};
    for (int number = 1; number < NSIG; number++) {
        if (number == SIGKILL || number == SIGSTOP) continue;
        if (syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof standard.mask) != 0) return errno;
    }
    return 0;
}

static _Noreturn void fail(int descriptor, enum cspawn_step step, int error) {
    struct cspawn_failure failure = {.step = (int32_t)step, .error = (int32_t)error};
    /* Nothing can be done if the reader is gone: then nobody asks. */
    ssize_t written = write(descriptor, &failure, sizeof failure);
    (void)written;
    _exit(127);
}

/* Raw system calls: glibc's setuid and friends tell every thread of the process to change as well, by a thread list
 * that the child has inherited and that is no longer true. */
static void change_credentials(const struct cspawn_request *request, int failure) {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) fail(failure, CSPAWN_STEP_CAPABILITIES, errno);
    if (syscall(SYS_setgroups, request->supplementary_group_count, request->supplementary_groups) != 0)
        fail(failure, CSPAWN_STEP_GROUPS, errno);
    if (syscall(SYS_setresgid, request->group, request->group, request->group) != 0)
        fail(failure, CSPAWN_STEP_GROUP, errno);
    if (syscall(SYS_setresuid, request->user, request->user, request->user) != 0)
        fail(failure, CSPAWN_STEP_USER, errno);

    uint32_t low = (uint32_t)request->capabilities;
    uint32_t high = (uint32_t)(request->capabilities >> 32);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {
        {.effective = low, .permitted = low, .inheritable = low},
        {.effective = high, .permitted = high, .inheritable = high},
    };
    if (syscall(SYS_capset, &header, data) != 0) fail(failure, CSPAWN_STEP_CAPABILITIES, errno);

    /* Ambient, because that is the only set that survives exec of an ordinary file by a user other than root. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        fail(failure, CSPAWN_STEP_CAPABILITIES, errno);
    for (unsigned long capability = 0; capability < 64; capability++) {
        if ((request->capabilities >> capability & 1) == 0) continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
            fail(failure, CSPAWN_STEP_CAPABILITIES, errno);
    }
}

/* The sources are first lifted above 2, so that placing one never overwrites another that is still to be placed (a
 * daemon may have been started with a closed stdin, and then one of its pipes is descriptor 0). */
static void place_standard_streams(const struct cspawn_request *request, int failure) {
    int lifted[3];
    for (int stream = 0; stream < 3; stream++) {
        lifted[stream] = fcntl(request->standard_streams[stream], F_DUPFD_CLOEXEC, 3);
        if (lifted[stream] < 0) fail(failure, CSPAWN_STEP_STANDARD_STREAMS, errno);
    }
    for (int stream = 0; stream < 3; stream++)
        if (dup2(lifted[stream], stream) < 0) fail(failure, CSPAWN_STEP_STANDARD_STREAMS, errno);
}

/* Whether the kernel would let this process's parent-death signal through to the user: it asks for the dying parent's
 * right to signal the child. To be asked while the credentials still are the parent's. Returns 0 or errno. */
static int may_kill(uid_t user) {
    if (geteuid() == user || getuid() == user) return 0;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    return data[0].effective >> CAP_KILL & 1 ? 0 : EPERM;
}

/* Whose child this process is by now, as /proc has it: getppid() answers 0 in a process namespace whose first process
 * this is. Returns -1 with errno. */
static pid_t current_parent(void) {
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    char text[256]; /* id, name of 15 bytes at most in brackets, state, parent */
    ssize_t count = read(file, text, sizeof text);
    int error = errno;
    close(file);
    errno = count < 0 ? error : EPROTO;
    ssize_t at = count;
    while (at > 0 && text[at - 1] != ')') at--; /* the name may hold any byte, what follows holds no bracket */
    if (at <= 0 || count - at < 4) return -1;
    pid_t parent = 0;
    for (at += 3; at < count && text[at] >= '0' && text[at] <= '9'; at++) parent = parent * 10 + (text[at] - '0');
    return at < count ? parent : -1;
}

_Noreturn void cspawn_become(const struct cspawn_request *request, pid_t parent, int failure) {
    /* For the same reason as in place_standard_streams. */
    if (failure <= 2) {
        int lifted = fcntl(failure, F_DUPFD_CLOEXEC, 3);
        if (lifted < 0) fail(failure, CSPAWN_STEP_STANDARD_STREAMS, errno);
        failure = lifted;
    }
    if (setpgid(0, 0) != 0) fail(failure, CSPAWN_STEP_PROCESS_GROUP, errno);
    /* Needs CAP_SYS_ADMIN, so before the change of credentials. */
    if (request->network_namespace >= 0 && setns(request->network_namespace, CLONE_NEWNET) != 0)
        fail(failure, CSPAWN_STEP_NETWORK_NAMESPACE, errno);
    if (request->changes_credentials) {
        int error = may_kill(request->user);
        if (error != 0) fail(failure, CSPAWN_STEP_RIGHT_TO_KILL, error);
        change_credentials(request, failure);
    }

    /* After the credentials: the kernel clears the parent-death signal at every change of them. (A program that
     * changes them itself throws it away; so it is started as its final user.) */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(failure, CSPAWN_STEP_PARENT_DEATH, errno);
    /* After the prctl: a parent that died before it sends no signal any more, but is seen here. */
    pid_t current = request->process_namespace ? current_parent() : getppid();
    if (current < 0) fail(failure, CSPAWN_STEP_PARENT_DEATH, errno);
    if (current != parent) fail(failure, CSPAWN_STEP_PARENT_GONE, ESRCH);

    if (request->working_directory != NULL && chdir(request->working_directory) != 0)
        fail(failure, CSPAWN_STEP_WORKING_DIRECTORY, errno);
    place_standard_streams(request, failure);
    /* Everything above 2, whoever opened it and however; at exec, so that the failure pipe still works until then. */
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail(failure, CSPAWN_STEP_CLOSE_DESCRIPTORS, errno);

    int error = cspawn_default_dispositions();
    if (error != 0) fail(failure, CSPAWN_STEP_SIGNALS, error);
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0) fail(failure, CSPAWN_STEP_SIGNALS, errno);

    /* Last: a parent that was stopped, or a machine that slept, between the decision and the start. */
    if (request->not_after != 0) {
        struct timespec time;
        if (clock_gettime(CLOCK_BOOTTIME, &time) != 0) fail(failure, CSPAWN_STEP_TOO_LATE, errno);
        if ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec > request->not_after)
            fail(failure, CSPAWN_STEP_TOO_LATE, ETIME);
    }
    execve(request->path, request->arguments, request->environment);
    fail(failure, CSPAWN_STEP_EXECUTE, errno);
}

/* Blocks every signal, so that no handler of the daemon runs in the child, on the daemon's data. */
static void block_signals(sigset_t *previous) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, previous);
}

struct start {
    const struct cspawn_request *request;
    pid_t parent;
    int failure;
};

static int become(void *argument) {
    const struct start *start = argument;
    cspawn_become(start->request, start->parent, start->failure);
}

/* A child in this process's memory, on a stack of its own, while this thread waits for its exec or its end: it costs no
 * copy of the page tables, and no copy of each page that other threads write to meanwhile. Not for one that changes its
 * credentials: the kernel would then take the parent's memory for that of a process that has changed them. */
static pid_t start_sharing(struct start *start, int *pidfd) {
    _Alignas(16) char stack[32 << 10]; /* a hundred times the largest array of cspawn_become */
    return clone(become, stack + sizeof stack, SIGCHLD | CLONE_VM | CLONE_VFORK | CLONE_PIDFD, start, pidfd);
}

int cspawn_direct(const struct cspawn_request *request, struct cspawn_child *child) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
    pid_t parent = getpid();
    sigset_t previous;
    block_signals(&previous);
    struct start start = {.request = request, .parent = parent, .failure = ends[1]};
    bool shares = !request->process_namespace && !request->changes_credentials;
    child->pid = shares ? start_sharing(&start, &child->pidfd) : cspawn_fork(request, &child->pidfd);
    int error = errno;
    if (child->pid == 0) cspawn_become(request, parent, ends[1]);
    sigprocmask(SIG_SETMASK, &previous, NULL);
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        return error;
    }
    child->failure = ends[0];
    return 0;
}

int cspawn_kept(const struct cspawn_request *request, struct cspawn_terms terms, int control,
                struct cspawn_child *child) {
    sigset_t previous;
    block_signals(&previous);
    child->pid = cspawn_fork(NULL, &child->pidfd);
    int error = errno;
    if (child->pid == 0) cspawn_keep(request, terms, control);
    sigprocmask(SIG_SETMASK, &previous, NULL);
    child->failure = -1;
    return child->pid < 0 ? error : 0;
}
