/* The parent's end: small system calls whose C types Swift would have to take apart by hand. None blocks, except
 * cspawn_reap when told to. */
#define _GNU_SOURCE
#include "CSpawn.h"
#include "Orders.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* SEQPACKET keeps message boundaries, and a socket has MSG_NOSIGNAL, which a pipe has not: an order to a keeper that
 * has just ended must not bring SIGPIPE to a thread of the daemon. One pair carries orders and reports. */
int cspawn_control_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
}

int cspawn_order(int control, enum cspawn_order_kind kind, int64_t value) {
    struct cspawn_order order = {.kind = (int32_t)kind, .value = value};
    ssize_t sent = send(control, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)sizeof order ? 0 : errno;
}

struct cspawn_report cspawn_next_report(int control) {
    struct cspawn_report report;
    for (;;) {
        ssize_t count = recv(control, &report, sizeof report, MSG_DONTWAIT);
        if (count == (ssize_t)sizeof report) return report;
        /* ECONNRESET: the keeper ended with unread orders. The kernel says so once, before what the keeper had sent. */
        if (count < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
        return (struct cspawn_report){.kind = CSPAWN_REPORT_NONE};
    }
}

bool cspawn_read_failure(int descriptor, struct cspawn_failure *failure) {
    ssize_t count;
    do count = read(descriptor, failure, sizeof *failure);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof *failure;
}

int cspawn_reap(int pidfd, bool wait, struct cspawn_exit *result) {
    siginfo_t info = {0};
    int outcome;
    do outcome = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | (wait ? 0 : WNOHANG));
    while (outcome != 0 && errno == EINTR);
    if (outcome != 0) return errno;
    if (info.si_pid == 0) return EAGAIN;
    result->value = info.si_status;
    result->signalled = info.si_code != CLD_EXITED;
    return 0;
}

int cspawn_foreign(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int cspawn_foreign_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : errno;
}

bool cspawn_foreign_ended(int pidfd) {
    struct pollfd question = {.fd = pidfd, .events = POLLIN};
    int answers;
    do answers = poll(&question, 1, 0);
    while (answers < 0 && errno == EINTR);
    return answers > 0;
}
