#define _GNU_SOURCE
#include "CNetlink.h"
#include "Closing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The most that the kernel puts into one datagram of a dump is 32 KiB. */
#define CHUNK (64 * 1024)
/* An answer that is longer than this is refused: 100,000 entries have 7 MB. */
#define LONGEST (256 * 1024 * 1024)
/* A dump does not wait for anything; this is for a machine that does nothing at all. */
#define PATIENCE_SECONDS 5

static int ask_here(enum cnetlink_subject subject) {
    int protocol = subject == CNETLINK_RULES ? NETLINK_NETFILTER : NETLINK_ROUTE;
    int asker = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (asker < 0) return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    if (setsockopt(asker, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        bind(asker, (struct sockaddr *)&address, sizeof address) != 0)
        return closing(asker);
    return asker;
}

/* Does something in the namespace of a file, and returns what that returns. */
static ssize_t within(const char *path, ssize_t (*action)(void *), void *argument) {
    int there = open(path, O_RDONLY | O_CLOEXEC);
    if (there < 0) return -1;
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (here < 0) return closing(there);
    ssize_t result = -1;
    if (setns(there, CLONE_NEWNET) == 0) {
        result = action(argument);
        int error = errno;
        /* A thread that stays elsewhere would change another namespace than its process means to. */
        if (setns(here, CLONE_NEWNET) != 0) abort();
        errno = error;
    }
    int error = errno;
    close(here);
    close(there);
    errno = error;
    return result;
}

/* A socket stays in the namespace in which it was made. */
static ssize_t ask_there(void *subject) { return ask_here(*(enum cnetlink_subject *)subject); }

int cnetlink_ask(const char *path, enum cnetlink_subject subject) {
    return path == NULL ? ask_here(subject) : (int)within(path, ask_there, &subject);
}

struct pair {
    int *routing;
    int *rules;
};

static ssize_t ask_both_there(void *argument) {
    struct pair *pair = argument;
    *pair->routing = ask_here(CNETLINK_ROUTING);
    if (*pair->routing < 0) return -1;
    *pair->rules = ask_here(CNETLINK_RULES);
    return *pair->rules < 0 ? closing(*pair->routing) : 0;
}

int cnetlink_ask_both(const char *path, int *routing, int *rules) {
    struct pair pair = {.routing = routing, .rules = rules};
    return (int)within(path, ask_both_there, &pair);
}

struct settings {
    const char *files;
    char *values;
    size_t capacity;
};

static ssize_t read_settings(void *argument) {
    struct settings *settings = argument;
    size_t length = 0;
    const char *file = settings->files;
    while (*file != '\0') {
        char name[256];
        size_t end = strcspn(file, "\n");
        if (end >= sizeof name) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, file, end);
        name[end] = '\0';
        if (length == settings->capacity) {
            errno = ENOBUFS;
            return -1;
        }
        int setting = open(name, O_RDONLY | O_CLOEXEC);
        if (setting >= 0) {
            ssize_t count = read(setting, settings->values + length, settings->capacity - length);
            if (count < 0) return closing(setting);
            close(setting);
            length += (size_t)count;
        } else if (errno == ENOENT) {
            /* That of a device which is not there. */
            settings->values[length++] = '\n';
        } else {
            return -1;
        }
        file += end + (file[end] == '\n');
    }
    return (ssize_t)length;
}

ssize_t cnetlink_settings(const char *path, const char *files, char *values, size_t capacity) {
    struct settings settings = {.files = files, .values = values, .capacity = capacity};
    return within(path, read_settings, &settings);
}

static int request(int asker, enum cnetlink_kind kind) {
    struct {
        struct nlmsghdr header;
        union {
            struct {
                struct ifinfomsg message;
                struct rtattr header;
                uint32_t mask;
            } link;
            struct ifaddrmsg address;
            struct rtmsg route;
            struct nfgenmsg rule;
        } body;
    } question = {.header = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1}};
    size_t body = 0;
    switch (kind) {
    case CNETLINK_LINKS:
        question.header.nlmsg_type = RTM_GETLINK;
        body = sizeof question.body.link.message;
        break;
    case CNETLINK_LINKS_WITHOUT_COUNTERS:
        question.header.nlmsg_type = RTM_GETLINK;
        question.body.link.header.rta_type = IFLA_EXT_MASK;
        question.body.link.header.rta_len = RTA_LENGTH(sizeof question.body.link.mask);
        question.body.link.mask = RTEXT_FILTER_SKIP_STATS;
        body = sizeof question.body.link;
        break;
    case CNETLINK_ADDRESSES:
        question.header.nlmsg_type = RTM_GETADDR;
        question.body.address.ifa_family = AF_INET;
        body = sizeof question.body.address;
        break;
    case CNETLINK_ROUTES:
        question.header.nlmsg_type = RTM_GETROUTE;
        question.body.route.rtm_family = AF_INET;
        body = sizeof question.body.route;
        break;
    case CNETLINK_RULE_LIST:
        question.header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
        question.body.rule = (struct nfgenmsg){.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
        body = sizeof question.body.rule;
        break;
    }
    question.header.nlmsg_len = NLMSG_LENGTH(body);
    return send(asker, &question, question.header.nlmsg_len, 0) < 0 ? -1 : 0;
}

/* What a datagram of a dump means for it: 1 it goes on, 0 it is done, -1 and errno it has failed. */
static int judge(const void *bytes, ssize_t length) {
    for (const struct nlmsghdr *header = bytes; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
        if (header->nlmsg_flags & NLM_F_DUMP_INTR) {
            errno = EINTR;
            return -1;
        }
        if (header->nlmsg_type != NLMSG_DONE && header->nlmsg_type != NLMSG_ERROR) continue;
        int error = 0;
        if (header->nlmsg_len >= NLMSG_LENGTH(sizeof error)) memcpy(&error, NLMSG_DATA(header), sizeof error);
        if (error == 0) return 0;
        errno = -error;
        return -1;
    }
    return 1;
}

/* Takes the answer to a request for a dump. */
static ssize_t take_dump(int asker, void **answer) {
    char *bytes = NULL;
    size_t used = 0, room = 0;
    int verdict = 1;
    while (verdict == 1) {
        if (room - used < CHUNK) {
            room = room == 0 ? 4 * CHUNK : 2 * room;
            char *larger = room > LONGEST ? NULL : realloc(bytes, room);
            if (larger == NULL) {
                verdict = -1;
                errno = ENOMEM;
                break;
            }
            bytes = larger;
        }
        ssize_t length = recv(asker, bytes + used, CHUNK, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) {
            verdict = -1;
            if (length == 0 || errno == EAGAIN || errno == EWOULDBLOCK) errno = ETIMEDOUT;
            break;
        }
        verdict = judge(bytes + used, length);
        used += (size_t)length;
    }
    if (verdict != 0) {
        int error = errno;
        free(bytes);
        errno = error;
        return -1;
    }
    *answer = bytes;
    return (ssize_t)used;
}

ssize_t cnetlink_dump(int asker, enum cnetlink_kind kind, void **answer) {
    *answer = NULL;
    return request(asker, kind) != 0 ? -1 : take_dump(asker, answer);
}

ssize_t cnetlink_dump_entries(int asker, int device, void **answer) {
    *answer = NULL;
    int yes = 1;
    /* Otherwise a kernel that does not know the filter would answer with the rows of all devices. */
    if (setsockopt(asker, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &yes, sizeof yes) != 0) return -1;
    struct {
        struct nlmsghdr header;
        struct ndmsg body;
    } question = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof question.body),
                             .nlmsg_type = RTM_GETNEIGH,
                             .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                             .nlmsg_seq = 1},
                  .body = {.ndm_family = AF_BRIDGE, .ndm_ifindex = device}};
    if (send(asker, &question, question.header.nlmsg_len, 0) < 0) return -1;
    return take_dump(asker, answer);
}

ssize_t cnetlink_dump_bridge_table(
    int asker,
    enum cnetlink_part part,
    const char *table,
    const char *set,
    void **answer
) {
    *answer = NULL;
    static const uint16_t messages[] = {[CNETLINK_TABLE_CHAINS] = NFT_MSG_GETCHAIN,
                                        [CNETLINK_TABLE_RULES] = NFT_MSG_GETRULE,
                                        [CNETLINK_TABLE_ELEMENTS] = NFT_MSG_GETSETELEM,
                                        [CNETLINK_TABLE_COUNTERS] = NFT_MSG_GETOBJ};
    struct {
        struct nlmsghdr header;
        struct nfgenmsg body;
        char attributes[2 * (NLA_HDRLEN + NLA_ALIGN(NFT_NAME_MAXLEN))];
    } question = {.header = {.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | messages[part],
                             .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                             .nlmsg_seq = 1},
                  .body = {.nfgen_family = NFPROTO_BRIDGE, .version = NFNETLINK_V0}};
    /* The attributes for the names of a table and of a set have these numbers in requests of all kinds. */
    const char *names[] = {table, set};
    size_t length = 0;
    for (uint16_t i = 0; i < 2 && names[i] != NULL; i++) {
        size_t size = strlen(names[i]) + 1;
        if (size > NFT_NAME_MAXLEN) {
            errno = ENOENT;
            return -1;
        }
        struct nlattr attribute = {.nla_len = NLA_HDRLEN + size, .nla_type = i + 1};
        memcpy(question.attributes + length, &attribute, sizeof attribute);
        memcpy(question.attributes + length + NLA_HDRLEN, names[i], size);
        length += NLA_HDRLEN + NLA_ALIGN(size);
    }
    question.header.nlmsg_len = offsetof(__typeof__(question), attributes) + length;
    if (send(asker, &question, question.header.nlmsg_len, 0) < 0) return -1;
    return take_dump(asker, answer);
}

/* Reads a number of the first message of a kind, of 4 or 8 octets; -1 and errno when there is none. */
static int64_t number(const void *bytes, ssize_t length, uint16_t kind, uint16_t type, size_t size) {
    for (const struct nlmsghdr *header = bytes; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
        if (header->nlmsg_type == NLMSG_ERROR) {
            int error = 0;
            if (header->nlmsg_len >= NLMSG_LENGTH(sizeof error)) memcpy(&error, NLMSG_DATA(header), sizeof error);
            errno = error == 0 ? EBADMSG : -error;
            return -1;
        }
        if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | kind)) continue;
        const char *start = (const char *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
        const char *end = (const char *)header + header->nlmsg_len;
        while (end - start >= (ssize_t)sizeof(struct nlattr)) {
            struct nlattr attribute;
            memcpy(&attribute, start, sizeof attribute);
            if (attribute.nla_len < sizeof attribute || attribute.nla_len > end - start) break;
            if ((attribute.nla_type & NLA_TYPE_MASK) == type && attribute.nla_len >= NLA_HDRLEN + size) {
                uint64_t value = 0;
                for (size_t i = 0; i < size; i++) value = value << 8 | (uint8_t)start[NLA_HDRLEN + i];
                return (int64_t)value;
            }
            start += NLA_ALIGN(attribute.nla_len);
        }
    }
    errno = EBADMSG;
    return -1;
}

/* Sends a question about rules and takes its answer, which is one datagram. */
static ssize_t answer_about_rules(int asker, const void *question, size_t size, void *answer, size_t room) {
    if (send(asker, question, size, 0) < 0) return -1;
    ssize_t length;
    do length = recv(asker, answer, room, 0);
    while (length < 0 && errno == EINTR);
    if (length <= 0) {
        if (length == 0 || errno == EAGAIN || errno == EWOULDBLOCK) errno = ETIMEDOUT;
        return -1;
    }
    return length;
}

int64_t cnetlink_rules_generation(int asker) {
    struct {
        struct nlmsghdr header;
        struct nfgenmsg body;
    } question = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof question.body),
                             .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                             .nlmsg_flags = NLM_F_REQUEST,
                             .nlmsg_seq = 1},
                  .body = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0}};
    char answer[4096];
    ssize_t length = answer_about_rules(asker, &question, question.header.nlmsg_len, answer, sizeof answer);
    return length < 0 ? -1 : number(answer, length, NFT_MSG_NEWGEN, NFTA_GEN_ID, sizeof(uint32_t));
}

int64_t cnetlink_bridge_table(int asker, const char *name) {
    struct {
        struct nlmsghdr header;
        struct nfgenmsg body;
        struct nlattr attribute;
        char name[NFT_TABLE_MAXNAMELEN];
    } question = {.header = {.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
                             .nlmsg_flags = NLM_F_REQUEST,
                             .nlmsg_seq = 1},
                  .body = {.nfgen_family = NFPROTO_BRIDGE, .version = NFNETLINK_V0},
                  .attribute = {.nla_type = NFTA_TABLE_NAME}};
    size_t size = strlen(name) + 1;
    if (size > sizeof question.name) {
        errno = ENOENT;
        return -1;
    }
    memcpy(question.name, name, size);
    question.attribute.nla_len = NLA_HDRLEN + size;
    question.header.nlmsg_len = offsetof(__typeof__(question), name) + NLA_ALIGN(size);
    char answer[4096];
    ssize_t length = answer_about_rules(asker, &question, question.header.nlmsg_len, answer, sizeof answer);
    return length < 0 ? -1 : number(answer, length, NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE, sizeof(uint64_t));
}

int cnetlink_set_group(int asker, const char *device, uint32_t group) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg body;
        struct nlattr name_header;
        char name[IFNAMSIZ];
        struct nlattr group_header;
        uint32_t group;
    } question = {.header = {.nlmsg_len = sizeof question,
                             /* Not RTM_NEWLINK: without a device of the name, that would change a whole group. */
                             .nlmsg_type = RTM_SETLINK,
                             .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                             .nlmsg_seq = 1},
                  .name_header = {.nla_len = NLA_HDRLEN + IFNAMSIZ, .nla_type = IFLA_IFNAME},
                  .group_header = {.nla_len = NLA_HDRLEN + sizeof group, .nla_type = IFLA_GROUP},
                  .group = group};
    strncpy(question.name, device, IFNAMSIZ - 1);
    if (send(asker, &question, sizeof question, 0) < 0) return -1;
    char answer[4096];
    ssize_t length;
    do length = recv(asker, answer, sizeof answer, 0);
    while (length < 0 && errno == EINTR);
    if (length <= 0) {
        if (length == 0 || errno == EAGAIN || errno == EWOULDBLOCK) errno = ETIMEDOUT;
        return -1;
    }
    /* The acknowledgement is an error without a number. */
    return judge(answer, length);
}
