/* What netnode needs of netlink and cannot say in Swift: addresses of sockets, control messages, and asking a namespace
 * that the process is not in. What comes back is the kernel's bytes; Swift reads them. Nothing here logs. -1 and errno
 * on error everywhere. */
#ifndef CNETLINK_H
#define CNETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A non-blocking, close-on-exec socket that receives the events of devices (also that one begins to take IPv6), IPv4
 * addresses, IPv4 default routes and forwarding entries other than learned ones, of this namespace and of each that has
 * an id here (as one has in which a device's other end is). The kernel keeps that many bytes. `everywhere` tells
 * whether it receives those of other namespaces, for which the kernel wants CAP_NET_BROADCAST. */
int cnetlink_subscribe_routes(int receive_buffer, bool *_Nonnull everywhere);

/* The same, for the events of the nftables of these namespaces. */
int cnetlink_subscribe_rules(int receive_buffer, bool *_Nonnull everywhere);

/* Takes the next datagram without waiting. Returns its length, and 0 when there is none. ENOBUFS: the kernel had to
 * drop some, or this one is longer than `capacity`. `elsewhere` tells whether it is of another namespace. */
ssize_t cnetlink_next(int socket, void *_Nonnull buffer, size_t capacity, bool *_Nonnull elsewhere);

enum cnetlink_subject {
    CNETLINK_ROUTING = 1, /* devices, addresses, routes and forwarding entries */
    CNETLINK_RULES,       /* nftables */
};

/* A blocking socket that asks the namespace of a file, or this process's when `path` is NULL. The calling thread is in
 * that namespace for a moment, and back when this returns. EINVAL: the file is no namespace. */
int cnetlink_ask(const char *_Nullable path, enum cnetlink_subject subject);

/* Makes a socket of each subject for the namespace of a file, in one visit. On error there is neither. */
int cnetlink_ask_both(const char *_Nonnull path, int *_Nonnull routing, int *_Nonnull rules);

/* Reads settings of the namespace of a file, each a file below /proc/sys/net, one in a line; their values come in lines
 * too, and the one that is not there has an empty line. Returns their length. ENOENT: there is no such namespace. */
ssize_t cnetlink_settings(
    const char *_Nonnull path,
    const char *_Nonnull files,
    char *_Nonnull values,
    size_t capacity
);

enum cnetlink_kind {
    CNETLINK_LINKS = 1,
    CNETLINK_LINKS_WITHOUT_COUNTERS, /* nor what follows IPv6's counters, such as the mode of its addresses */
    CNETLINK_ADDRESSES, /* of IPv4 */
    CNETLINK_ROUTES,    /* of IPv4, of all tables */
    CNETLINK_RULE_LIST, /* of nftables, of all tables; asked of a socket of CNETLINK_RULES */
};

/* Asks for all of a kind. `answer` gets the kernel's messages one behind the other, to be given to free(). EINTR: they
 * changed meanwhile, so that the answer may not be whole, and there is none. ETIMEDOUT: none came within seconds. */
ssize_t cnetlink_dump(int socket, enum cnetlink_kind kind, void *_Nullable *_Nonnull answer);

/* Asks for the forwarding entries of one device, by its number: of a bridge's port, those of the bridge that lead to it
 * too. Otherwise as above; where there is no such device the answer is empty. From then on the kernel refuses requests
 * of the socket with a filter that it does not know. */
ssize_t cnetlink_dump_entries(int socket, int device, void *_Nullable *_Nonnull answer);

enum cnetlink_part {
    CNETLINK_TABLE_CHAINS = 1, /* of all tables of the family: the kernel has no filter for them */
    CNETLINK_TABLE_RULES,
    CNETLINK_TABLE_ELEMENTS, /* of one set or map */
    CNETLINK_TABLE_COUNTERS, /* and other objects with names */
};

/* Asks a socket of CNETLINK_RULES for a part of a table of the bridge family, as above. ENOENT: there is no such table
 * or set. */
ssize_t cnetlink_dump_bridge_table(
    int socket,
    enum cnetlink_part part,
    const char *_Nonnull table,
    const char *_Nullable set,
    void *_Nullable *_Nonnull answer
);

/* Asks a socket of CNETLINK_RULES for the number of the last transaction on its namespace's nftables, which rises with
 * each and goes round at 2^32. */
int64_t cnetlink_rules_generation(int socket);

/* Puts a device of the socket's namespace into a device group. ENODEV: there is none of that name. */
int cnetlink_set_group(int socket, const char *_Nonnull device, uint32_t group);

/* Asks a socket of CNETLINK_RULES for the handle of a table of the bridge family. ENOENT: there is no such table. */
int64_t cnetlink_bridge_table(int socket, const char *_Nonnull name);

#endif
