// A network between a queue and its server: hands on each message some time after it has come, in both directions, and
// counts round trips.
//
// A round trip is a message of a client that is the first one of its connection, or the first one after an answer. For
// each line of input it prints how many there have been.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_EVENTS 64
#define MOST_BYTES (256 * 1024)  // of one message; a longer one is several
#define MOST_WAITING 128         // connections that are not accepted yet
#define FULL_PAUSE 50000         // in ns, until a receiver that takes no more is tried again

struct pair {
    struct end { struct pair *pair; int socket; } client, server;
    bool client_spoke;  // last
    int ended;          // directions
};

// In the order in which they came, which is also the order in which they go.
static struct message {
    struct message *next;
    int64_t due;
    struct end *to;
    size_t length, sent;  // of length 0 at the end of a direction
    char bytes[];
} *first, **last = &first;

static int poller;
static int64_t delay;  // in ns
static long round_trips;

static void die(const char *what) {
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int open_socket(const char *path, int (*use)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) errno = ENAMETOOLONG, die(path);
    strcpy(address.sun_path, path);
    const int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (opened < 0 || use(opened, (struct sockaddr *)&address, sizeof address)) die(path);
    return opened;
}

static void watch(int socket, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event)) die("epoll_ctl");
}

static void accept_client(int listener, const char *path) {
    struct pair *pair = calloc(1, sizeof *pair);
    const int client = accept(listener, NULL, NULL);
    if (!pair || client < 0) die("accept");
    pair->client = (struct end){pair, client}, pair->server = (struct end){pair, open_socket(path, connect)};
    watch(client, &pair->client), watch(pair->server.socket, &pair->server);
}

static void take(struct end *from) {
    static char bytes[MOST_BYTES];
    struct pair *pair = from->pair;
    const bool is_client = from == &pair->client;
    const ssize_t got = recv(from->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const size_t length = got > 0 ? (size_t)got : 0;
    if (!length) epoll_ctl(poller, EPOLL_CTL_DEL, from->socket, NULL);
    if (length && is_client && !pair->client_spoke) round_trips++;
    if (length) pair->client_spoke = is_client;
    struct message *message = malloc(sizeof *message + length);
    if (!message) die("malloc");
    *message = (struct message){NULL, now() + delay, is_client ? &pair->server : &pair->client, length, 0};
    memcpy(message->bytes, bytes, length);
    *last = message, last = &message->next;
}

// Hands on what is due. All wait for a receiver that takes no more, but nobody is kept from being read: whom it waits
// for may be waiting itself until somebody reads.
static void hand_on(void) {
    for (struct message *message; (message = first) && message->due <= now(); free(message)) {
        struct pair *pair = message->to->pair;
        while (message->sent < message->length) {
            const ssize_t more = send(message->to->socket, message->bytes + message->sent,
                                      message->length - message->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (more < 0 && errno == EAGAIN) {
                message->due = now() + FULL_PAUSE;
                return;
            }
            // Its end is heard from itself.
            if (more < 0) break;
            message->sent += (size_t)more;
        }
        if (!message->length) shutdown(message->to->socket, SHUT_WR);
        if (!message->length && ++pair->ended == 2)
            close(pair->client.socket), close(pair->server.socket), free(pair);
        if (!(first = message->next)) last = &first;
    }
}

int main(int count, char **arguments) {
    if (count != 4 || (delay = atol(arguments[3]) * 1000) < 0) {
        fputs("usage: delay LISTEN SERVER MICROSECONDS\n", stderr);
        return 64;
    }
    // The kernel may be late by 50 µs otherwise, in order to wake processors more rarely.
    prctl(PR_SET_TIMERSLACK, 1);
    poller = epoll_create1(EPOLL_CLOEXEC);
    const int listener = open_socket(arguments[1], bind);
    if (listen(listener, MOST_WAITING)) die("listen");
    watch(listener, NULL), watch(STDIN_FILENO, &poller);
    puts("ready");
    fflush(stdout);
    for (;;) {
        // Of one reading of the clock: it may be due between two.
        const int64_t left = first ? first->due - now() : 0, wait = left > 0 ? left : 0;
        const struct timespec time = {wait / 1000000000, wait % 1000000000};
        struct epoll_event events[MOST_EVENTS];
        const int found = epoll_pwait2(poller, events, MOST_EVENTS, first ? &time : NULL, NULL);
        if (found < 0 && errno != EINTR) die("epoll_pwait2");
        for (int event = 0; event < found; event++) {
            char line[64];
            void *what = events[event].data.ptr;
            if (!what) accept_client(listener, arguments[2]);
            else if (what != &poller) take(what);
            else if (read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
            else printf("%ld\n", round_trips), fflush(stdout);
        }
        hand_on();
    }
}
