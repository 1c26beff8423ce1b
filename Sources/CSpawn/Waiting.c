/* Descriptors that Linux has and Swift's Glibc module does not show (they need _GNU_SOURCE, or a header that the module
 * leaves out). All return -1 with errno on error, as the system calls do. */
#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

int cspawn_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cspawn_memory(const void *bytes, size_t count) {
    int file = memfd_create("clusterops", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    for (size_t written = 0; written < count;) {
        ssize_t result = write(file, (const char *)bytes + written, count - written);
        if (result < 0 && errno == EINTR) continue;
        if (result < 0) goto failed;
        written += (size_t)result;
    }
    if (lseek(file, 0, SEEK_SET) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return file;
failed:;
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

int cspawn_pipe_capacity(int end) { return fcntl(end, F_GETPIPE_SZ); }

int cspawn_timer(int64_t nanoseconds) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0) return -1;
    if (nanoseconds < 1) nanoseconds = 1; /* zero would disarm it */
    struct itimerspec setting = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    if (timerfd_settime(timer, 0, &setting, NULL) == 0) return timer;
    int error = errno;
    close(timer);
    errno = error;
    return -1;
}

int cspawn_bell(void) { return eventfd(0, EFD_CLOEXEC); }

void cspawn_bell_ring(int bell) { (void)eventfd_write(bell, 1); }

void cspawn_bell_wait(int bell) {
    eventfd_t rings;
    (void)eventfd_read(bell, &rings);
}

int cspawn_close_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno; }

void cspawn_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int cspawn_poll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cspawn_poll_add(int poll, int descriptor, uint64_t watch) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = watch}};
    return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

int cspawn_poll_remove(int poll, int descriptor) { return epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, NULL); }

int cspawn_poll_wait(int poll, uint64_t *watches, int capacity) {
    struct epoll_event events[64];
    int count = epoll_wait(poll, events, capacity < 64 ? capacity : 64, -1);
    for (int i = 0; i < count; i++) watches[i] = events[i].data.u64;
    return count;
}
