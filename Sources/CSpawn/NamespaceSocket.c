/* A socket belongs to the network namespace in which its maker was, for as long as it lives. So its maker goes there,
 * makes it, and comes back: four system calls, of which none waits for anything. */
#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int cspawn_datagram_socket_in(const char *namespace_path) {
    int descriptor = -1, error = 0;
    int there = open(namespace_path, O_RDONLY | O_CLOEXEC);
    if (there < 0) return -1;
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (here < 0 || setns(there, CLONE_NEWNET) != 0) {
        error = errno;
    } else {
        descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        error = errno;
        /* A thread that stayed there would go on with whatever comes next, and start children in there. */
        if (setns(here, CLONE_NEWNET) != 0) abort();
    }
    if (here >= 0) close(here);
    close(there);
    errno = error;
    return descriptor;
}

int cspawn_set_hardware_address_in(const char *namespace_path, const char *device, const uint8_t *octets) {
    /* A packet socket, to send what the kernel then sends, would cost 10 ms to close: the kernel waits for all readers. */
    int descriptor = cspawn_datagram_socket_in(namespace_path);
    if (descriptor < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, octets, 6);
    int result = ioctl(descriptor, SIOCSIFHWADDR, &request);
    int error = errno;
    close(descriptor);
    errno = error;
    return result;
}
