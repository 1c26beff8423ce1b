#define _GNU_SOURCE
#include "CNetlink.h"
#include "Closing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

static int subscribe(int protocol, const int *groups, size_t count, int receive_buffer, bool *everywhere) {
    int listener = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (listener < 0) return -1;
    /* Beyond rmem_max where CAP_NET_ADMIN allows it, or as much as rmem_max allows. */
    if (setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return closing(listener);
    for (size_t i = 0; i < count; i++)
        if (setsockopt(listener, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) != 0)
            return closing(listener);
    int yes = 1;
    *everywhere = setsockopt(listener, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &yes, sizeof yes) == 0;
    /* Without CAP_NET_BROADCAST the events of this namespace are still worth receiving. */
    if (!*everywhere && errno != EPERM) return closing(listener);
    return listener;
}

/* Leaves out the events of rows that nobody has made: those that bridges learn, and the kernel's neighbours. A guest
 * can make as many of them as it can send frames. Leaves out those of routes other than default ones, of which a router
 * has as many as there are networks in the world. Each event is a datagram of its own. */
static int leave_out_masses(int listener) {
    enum { type = offsetof(struct nlmsghdr, nlmsg_type), body = NLMSG_HDRLEN };
    enum { family = body + offsetof(struct ndmsg, ndm_family), state = body + offsetof(struct ndmsg, ndm_state) };
    enum { destination_length = body + offsetof(struct rtmsg, rtm_dst_len) };
    struct sock_filter program[] = {
        /* BPF loads numbers in the order of the network; those of netlink have this machine's. */
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWNEIGH), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELNEIGH), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 4, 6),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, family),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 0, 5),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, state),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htons(NUD_PERMANENT | NUD_NOARP), 2, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, destination_length),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

int cnetlink_subscribe_routes(int receive_buffer, bool *everywhere) {
    static const int groups[] = {
        RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFINFO,
    };
    int listener = subscribe(NETLINK_ROUTE, groups, sizeof groups / sizeof groups[0], receive_buffer, everywhere);
    if (listener >= 0 && leave_out_masses(listener) != 0) return closing(listener);
    return listener;
}

int cnetlink_subscribe_rules(int receive_buffer, bool *everywhere) {
    static const int groups[] = {NFNLGRP_NFTABLES};
    return subscribe(NETLINK_NETFILTER, groups, 1, receive_buffer, everywhere);
}

ssize_t cnetlink_next(int listener, void *buffer, size_t capacity, bool *elsewhere) {
    struct sockaddr_nl sender = {0};
    struct iovec piece = {.iov_base = buffer, .iov_len = capacity};
    char control[256];
    struct msghdr message;
    ssize_t length;
    do {
        message = (struct msghdr){.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &piece, .msg_iovlen = 1,
                                  .msg_control = control, .msg_controllen = sizeof control};
        length = recvmsg(listener, &message, MSG_DONTWAIT);
        /* Only the kernel is believed; a process may send to a socket as well. */
    } while ((length < 0 && errno == EINTR) || (length >= 0 && sender.nl_pid != 0));
    if (length < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    if (message.msg_flags & MSG_TRUNC) {
        errno = ENOBUFS;
        return -1;
    }
    *elsewhere = false;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_NETLINK && part->cmsg_type == NETLINK_LISTEN_ALL_NSID) *elsewhere = true;
    return length;
}
