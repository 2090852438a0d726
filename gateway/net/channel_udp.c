/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel_udp.h"

/*
 * channel_udp: the way to all nodes over plain UDP. One unconnected socket per address family
 * serves any number of nodes: no descriptor per node, and one port that nodes know us by.
 *
 * What is sent during a turn is queued and leaves in batches at its end. ICMP errors come back
 * through the socket's error queue with the datagram that caused them. The kernel also fails the
 * next, unrelated send or receive with a pending error: such a failure says nothing about the
 * message at hand, which is simply sent once more.
 */

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "datagram_queue.h"
#include "log.h"
#include "loop.h"

enum {
    FAMILIES = 2,
    SEND_BATCH = 32,
    RECEIVE_BATCH = 16,
    RECEIVE_ROUNDS_MAX = 8,           /* batches per event: others want their turn too */
    RECEIVE_SIZE = 65536,             /* no UDP datagram is longer; untouched pages cost nothing */
    RECEIVE_BUFFER = 4 * 1024 * 1024, /* the default holds only 256 small datagrams */
    SEND_TRIES_MAX = 8,               /* while errors of other datagrams keep coming between */
    ERRORS_MAX = 512,                 /* per drain; the kernel keeps about 255 */
    PAYLOAD_MAX_4 = 65535 - 20 - 8,
    PAYLOAD_MAX_6 = 65535 - 8,
};

struct udp_socket {
    struct channel_udp *channel;
    int fd; /* -1: the system lacks this family */
    struct endpoint_address bound;
    struct loop_watch *readable;
    struct loop_watch *writable; /* runs only while is_waiting */
    bool is_waiting;             /* for room in the kernel, or for the next turn */
    struct datagram_queue filling;
    struct datagram_queue sending;
    uint32_t dropped_last; /* the kernel's running total, modulo 2^32 */
};

/* recvmmsg's tables, filled anew for each call. */
struct receive_area {
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec pieces[RECEIVE_BATCH];
    struct sockaddr_storage from[RECEIVE_BATCH];
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(uint32_t)) + 64];
    } control[RECEIVE_BATCH];
    uint8_t datagrams[RECEIVE_BATCH][RECEIVE_SIZE];
};

struct channel_udp {
    struct loop *loop;
    struct log *log;
    struct channel_events events;
    struct udp_socket sockets[FAMILIES];
    struct receive_area *area;
    unsigned long dropped;
};

static struct udp_socket *socket_for(struct channel_udp *channel, unsigned family)
{
    return &channel->sockets[family == 4 ? 0 : 1];
}

static void tell_undeliverable(struct channel_udp *channel, const struct endpoint_address *to,
                               const uint8_t *datagram, size_t length, int error, int is_local)
{
    if (channel->events.undeliverable != NULL) {
        channel->events.undeliverable(channel->events.handle, to, datagram, length, error,
                                      is_local);
    }
}

static const struct cmsghdr *find_control(struct msghdr *message, int level, int type)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == level && c->cmsg_type == type) {
            return c;
        }
    }
    return NULL;
}

static bool is_icmp(const struct sock_extended_err *error)
{
    return error->ee_origin == SO_EE_ORIGIN_ICMP || error->ee_origin == SO_EE_ORIGIN_ICMP6;
}

/* Time Exceeded comes with the errno of an unreachable host, but tells of the way and not of the
 * destination: RFC 7252 4.2 has it ignored. */
static bool is_time_exceeded(const struct sock_extended_err *error)
{
    return error->ee_type ==
           (error->ee_origin == SO_EE_ORIGIN_ICMP ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED);
}

/* Takes one entry of the error queue. -1 when it is empty, 1 for an ICMP error, which was told
 * unless it is to be ignored, 0 for any other entry: local refusals have no payload, and the send
 * call told them already. */
static int take_error(struct udp_socket *udp)
{
    uint8_t datagram[2048]; /* what follows the token does not matter */
    struct sockaddr_storage to = {0};
    struct iovec piece = {.iov_base = datagram, .iov_len = sizeof datagram};
    union {
        struct cmsghdr aligned;
        char bytes[512];
    } control;
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t length;
    do {
        length = recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);
    if (length < 0) {
        return -1;
    }
    bool is_ipv4 = udp->bound.family == 4;
    const struct cmsghdr *found = find_control(&message, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                                               is_ipv4 ? IP_RECVERR : IPV6_RECVERR);
    if (found == NULL || found->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) {
        return 0;
    }
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(found), sizeof error);
    struct endpoint_address address;
    if (!is_icmp(&error) || !endpoint_address_from_sockaddr(&address, (struct sockaddr *)&to)) {
        return 0;
    }
    if (!is_time_exceeded(&error)) {
        tell_undeliverable(udp->channel, &address, datagram, (size_t)length, (int)error.ee_errno,
                           0);
    }
    return 1;
}

/* Empties the error queue; returns how many ICMP errors were in it. */
static unsigned drain_errors(struct udp_socket *udp)
{
    unsigned told = 0;
    for (unsigned i = 0; i < ERRORS_MAX; i++) {
        int taken = take_error(udp);
        if (taken < 0) {
            break;
        }
        told += (unsigned)taken;
    }
    return told;
}

static void count_dropped(struct udp_socket *udp, struct msghdr *message)
{
    const struct cmsghdr *found = find_control(message, SOL_SOCKET, SO_RXQ_OVFL);
    if (found == NULL || found->cmsg_len < CMSG_LEN(sizeof(uint32_t))) {
        return;
    }
    uint32_t total;
    memcpy(&total, CMSG_DATA(found), sizeof total);
    udp->channel->dropped += (uint32_t)(total - udp->dropped_last);
    udp->dropped_last = total;
}

/* Reads one batch: the count of datagrams, 0 when there are none. */
static unsigned receive_batch(struct udp_socket *udp)
{
    struct receive_area *area = udp->channel->area;
    for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
        area->pieces[i] =
            (struct iovec){.iov_base = area->datagrams[i], .iov_len = sizeof area->datagrams[i]};
        area->messages[i].msg_hdr = (struct msghdr){.msg_name = &area->from[i],
                                                    .msg_namelen = sizeof area->from[i],
                                                    .msg_iov = &area->pieces[i],
                                                    .msg_iovlen = 1,
                                                    .msg_control = &area->control[i],
                                                    .msg_controllen = sizeof area->control[i]};
    }
    int count = recvmmsg(udp->fd, area->messages, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct msghdr *message = &area->messages[i].msg_hdr;
        count_dropped(udp, message);
        struct endpoint_address from;
        if (endpoint_address_from_sockaddr(&from, (struct sockaddr *)&area->from[i]) &&
            (message->msg_flags & MSG_TRUNC) == 0 && udp->channel->events.received != NULL) {
            udp->channel->events.received(udp->channel->events.handle, &from, area->datagrams[i],
                                          area->messages[i].msg_len);
        }
    }
    return count > 0 ? (unsigned)count : 0;
}

static void socket_readable(void *handle, unsigned events)
{
    (void)events;
    struct udp_socket *udp = handle;
    /* First, as an error left in its queue keeps the descriptor ready for ever. A pending error
     * may still fail the first read; the event comes again then. */
    drain_errors(udp);
    for (unsigned round = 0; round < RECEIVE_ROUNDS_MAX; round++) {
        if (receive_batch(udp) < RECEIVE_BATCH) {
            break;
        }
    }
}

static void socket_writable(void *handle, unsigned events)
{
    (void)events;
    struct udp_socket *udp = handle;
    /* the flush at the end of this turn goes on */
    loop_watch_pause(udp->writable);
    udp->is_waiting = false;
}

/* Offers the next datagrams to the kernel: how many it took, or -1 with errno. */
static int send_batch(struct udp_socket *udp)
{
    struct datagram_queue *queue = &udp->sending;
    struct mmsghdr messages[SEND_BATCH];
    struct iovec pieces[SEND_BATCH];
    struct sockaddr_storage to[SEND_BATCH];
    unsigned count = 0;
    while (count < SEND_BATCH && queue->next + count < queue->count) {
        const struct datagram *datagram = &queue->datagrams[queue->next + count];
        /* iov_base is not const, but sending does not write */
        pieces[count] = (struct iovec){.iov_base = queue->bytes.data + datagram->offset,
                                       .iov_len = datagram->length};
        messages[count].msg_hdr =
            (struct msghdr){.msg_name = &to[count],
                            .msg_namelen = endpoint_address_to_sockaddr(&datagram->to, &to[count]),
                            .msg_iov = &pieces[count],
                            .msg_iovlen = 1};
        count++;
    }
    return sendmmsg(udp->fd, messages, count, MSG_DONTWAIT);
}

/* Sends the queue to its end: true, or false when the kernel has no room just now. Sets `*has_told`
 * when it told of ICMP errors meanwhile. */
static bool send_queue(struct udp_socket *udp, bool *has_told)
{
    struct datagram_queue *queue = &udp->sending;
    unsigned tries = 0;
    while (queue->next < queue->count) {
        int sent = send_batch(udp);
        if (sent > 0) {
            queue->next += (size_t)sent;
            tries = 0;
            continue;
        }
        int error = sent < 0 ? errno : EAGAIN;
        if (error == EINTR) {
            continue;
        }
        if (error == EAGAIN || error == EWOULDBLOCK) {
            return false;
        }
        if (error == ENOBUFS || error == ENOMEM) {
            queue->next++; /* lost, as on the way */
            tries = 0;
            continue;
        }
        /* A pending error of another datagram fails a send once: the second failure is the
         * message's own, unless one more error came in between. */
        unsigned told = drain_errors(udp);
        *has_told |= told > 0;
        tries++;
        if (tries > 1 && (told == 0 || tries >= SEND_TRIES_MAX)) {
            queue->datagrams[queue->next].error = error;
            queue->next++;
            tries = 0;
        }
    }
    return true;
}

/* Tells of the refusals among the datagrams from `first` up to the next to send; true when there
 * was one. Callbacks may send: that fills the other queue. */
static bool tell_refusals(struct udp_socket *udp, size_t first)
{
    const struct datagram_queue *queue = &udp->sending;
    bool has_told = false;
    for (size_t i = first; i < queue->next; i++) {
        const struct datagram *datagram = &queue->datagrams[i];
        if (datagram->error != 0) {
            tell_undeliverable(udp->channel, &datagram->to, datagram_queue_bytes(queue, datagram),
                               datagram->length, datagram->error, 1);
            has_told = true;
        }
    }
    return has_told;
}

/* True when it told of something. */
static bool flush_socket(struct udp_socket *udp)
{
    if (udp->fd < 0 || udp->is_waiting) {
        return false;
    }
    if (udp->sending.count == 0) {
        struct datagram_queue empty = udp->sending;
        udp->sending = udp->filling;
        udp->filling = empty;
    }
    if (udp->sending.count == 0) {
        return false;
    }
    size_t first = udp->sending.next;
    bool has_told = false;
    bool is_sent = send_queue(udp, &has_told);
    has_told |= tell_refusals(udp, first);
    if (is_sent) {
        datagram_queue_reset(&udp->sending);
    }
    return has_told;
}

/* What is left goes on as soon as the socket is writable. What callbacks of the flush queued waits
 * for the next turn too: a refusal that is answered by sending again must not keep us here. */
static void wait_for_room(struct udp_socket *udp)
{
    if (!udp->is_waiting && (udp->sending.count > 0 || udp->filling.count > 0)) {
        udp->is_waiting = loop_watch_resume(udp->writable) == 0;
    }
}

bool channel_udp_flush(void *channel_udp)
{
    struct channel_udp *channel = channel_udp;
    bool has_told = false;
    for (unsigned i = 0; i < FAMILIES; i++) {
        has_told |= flush_socket(&channel->sockets[i]);
    }
    for (unsigned i = 0; i < FAMILIES; i++) {
        wait_for_room(&channel->sockets[i]);
    }
    return has_told;
}

static enum channel_result channel_udp_send(void *handle, const struct endpoint_address *to,
                                            const uint8_t *datagram, size_t length)
{
    struct channel_udp *channel = handle;
    struct udp_socket *udp = socket_for(channel, to->family);
    if (udp->fd < 0 || to->port == 0 || to->is_secure) {
        return CHANNEL_UNREACHABLE;
    }
    if (endpoint_address_is_link_local6(to) && to->scope_id == 0) {
        return CHANNEL_UNREACHABLE; /* the kernel would take it and guess an interface */
    }
    if (length > (to->family == 4 ? PAYLOAD_MAX_4 : PAYLOAD_MAX_6)) {
        return CHANNEL_TOO_LONG;
    }
    if (datagram_queue_add(&udp->filling, to, datagram, length) != 0) {
        log_write(channel->log, LOG_LEVEL_DEBUG, "udp: send queue is full, a datagram is lost");
    }
    return CHANNEL_SENT;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* Options without which the channel would not work as promised. 0 or -1 with errno. */
static int configure_fd(struct channel_udp *channel, int fd, bool is_ipv4)
{
    if (is_ipv4) {
        if (set_option(fd, IPPROTO_IP, IP_RECVERR, 1) != 0) {
            return -1;
        }
    } else if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0 ||
               set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) != 0) {
        return -1;
    }
    if (set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) != 0 ||
        set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER) != 0) {
        return -1;
    }
    int got = 0;
    socklen_t length = sizeof got;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length) == 0) {
        /* the kernel tells twice what it granted, the other half being its own bookkeeping */
        log_write(channel->log, LOG_LEVEL_INFO,
                  "udp ipv%d: receive buffer %d KiB of %d KiB wanted (net.core.rmem_max)",
                  is_ipv4 ? 4 : 6, got / 2 / 1024, RECEIVE_BUFFER / 1024);
    }
    return 0;
}

static int watch_socket(struct udp_socket *udp)
{
    struct loop *loop = udp->channel->loop;
    udp->readable = loop_watch(loop, udp->fd, LOOP_READ, socket_readable, udp);
    udp->writable = loop_watch(loop, udp->fd, LOOP_WRITE, socket_writable, udp);
    if (udp->readable == NULL || udp->writable == NULL) {
        errno = ENOMEM;
        return -1;
    }
    loop_watch_pause(udp->writable);
    return 0;
}

static void close_socket(struct udp_socket *udp)
{
    int saved_errno = errno;
    loop_unwatch(udp->readable);
    loop_unwatch(udp->writable);
    udp->readable = udp->writable = NULL;
    if (udp->fd >= 0) {
        close(udp->fd);
        udp->fd = -1;
    }
    errno = saved_errno;
}

/* Opens the socket of the family of `bind_to`. 0 or -1 with errno. */
static int open_socket(struct channel_udp *channel, const struct endpoint_address *bind_to)
{
    struct udp_socket *udp = socket_for(channel, bind_to->family);
    bool is_ipv4 = bind_to->family == 4;
    udp->fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) {
        return -1;
    }
    struct sockaddr_storage address;
    socklen_t length = endpoint_address_to_sockaddr(bind_to, &address);
    if (configure_fd(channel, udp->fd, is_ipv4) == 0 &&
        bind(udp->fd, (struct sockaddr *)&address, length) == 0) {
        length = sizeof address;
        if (getsockname(udp->fd, (struct sockaddr *)&address, &length) == 0 &&
            endpoint_address_from_sockaddr(&udp->bound, (struct sockaddr *)&address) &&
            watch_socket(udp) == 0) {
            return 0;
        }
    }
    close_socket(udp);
    return -1;
}

/* The same, but where the port is ours to choose, `port` is tried before any (0: none). */
static int open_socket_at(struct channel_udp *channel, const struct endpoint_address *bind_to,
                          uint16_t port)
{
    struct endpoint_address first = *bind_to;
    if (bind_to->port != 0 || port == 0) {
        return open_socket(channel, bind_to);
    }
    first.port = port;
    if (open_socket(channel, &first) == 0) {
        return 0;
    }
    if (errno == EADDRINUSE || errno == EACCES) {
        log_write(channel->log, LOG_LEVEL_INFO, "udp: port %u of the last run is not free: %s",
                  port, strerror(errno));
    }
    return open_socket(channel, bind_to);
}

/* Opens both families. What was asked for must succeed; the other family gets an ephemeral port,
 * or is left out when the system lacks it. */
static int open_sockets(struct channel_udp *channel, const struct channel_udp_options *options)
{
    const struct endpoint_address *bind_to = options->bind;
    bool is_any = bind_to != NULL && endpoint_address_is_unspecified(bind_to);
    bool is_open = false;
    for (unsigned i = 0; i < FAMILIES; i++) {
        struct endpoint_address wanted = {.family = i == 0 ? 4 : 6};
        bool is_asked_for = bind_to != NULL && bind_to->family == wanted.family;
        if (is_asked_for) {
            wanted = *bind_to;
        } else if (is_any) {
            wanted.port = bind_to->port;
        }
        if (open_socket_at(channel, &wanted, options->ports[i]) == 0) {
            is_open = true;
            continue;
        }
        bool lacks_family = (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) && !is_asked_for;
        char text[ENDPOINT_ADDRESS_TEXT_SIZE];
        log_write(channel->log, lacks_family ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
                  "udp: cannot open a socket on %s: %s", endpoint_address_format(&wanted, text),
                  strerror(errno));
        if (!lacks_family && (is_asked_for || is_any)) {
            return -1;
        }
    }
    return is_open ? 0 : -1;
}

struct channel_udp *channel_udp_new(const struct channel_udp_options *options)
{
    struct channel_udp *channel = calloc(1, sizeof *channel);
    if (channel == NULL) {
        return NULL;
    }
    channel->loop = options->loop;
    channel->log = options->log;
    for (unsigned i = 0; i < FAMILIES; i++) {
        struct udp_socket *udp = &channel->sockets[i];
        udp->channel = channel;
        udp->fd = -1;
        datagram_queue_init(&udp->filling);
        datagram_queue_init(&udp->sending);
    }
    channel->area = malloc(sizeof *channel->area);
    if (channel->area == NULL || open_sockets(channel, options) != 0) {
        channel_udp_free(channel);
        return NULL;
    }
    return channel;
}

void channel_udp_free(struct channel_udp *channel)
{
    if (channel == NULL) {
        return;
    }
    for (unsigned i = 0; i < FAMILIES; i++) {
        close_socket(&channel->sockets[i]);
        datagram_queue_clear(&channel->sockets[i].filling);
        datagram_queue_clear(&channel->sockets[i].sending);
    }
    free(channel->area);
    free(channel);
}

void channel_udp_set_events(struct channel_udp *channel, const struct channel_events *events)
{
    channel->events = *events;
}

struct channel channel_udp_channel(struct channel_udp *channel)
{
    return (struct channel){.send = channel_udp_send, .handle = channel};
}

/* True when an interface of this host has the address. When the system does not tell, true: better
 * to refuse a node that happens to use our port than to talk to ourselves. */
static bool is_address_of_this_host(const struct endpoint_address *address)
{
    struct ifaddrs *interfaces = NULL;
    if (getifaddrs(&interfaces) != 0) {
        return true;
    }
    bool is_found = false;
    for (const struct ifaddrs *i = interfaces; i != NULL && !is_found; i = i->ifa_next) {
        struct endpoint_address own;
        is_found = i->ifa_addr != NULL && endpoint_address_from_sockaddr(&own, i->ifa_addr) &&
                   own.family == address->family &&
                   memcmp(own.bytes, address->bytes, sizeof own.bytes) == 0;
    }
    freeifaddrs(interfaces);
    return is_found;
}

bool channel_udp_is_self(const struct channel_udp *channel, const struct endpoint_address *address)
{
    const struct udp_socket *udp = &channel->sockets[address->family == 4 ? 0 : 1];
    if (udp->fd < 0 || address->port != udp->bound.port) {
        return false;
    }
    if (endpoint_address_is_unspecified(address)) {
        return true;
    }
    if (!endpoint_address_is_unspecified(&udp->bound)) {
        return memcmp(udp->bound.bytes, address->bytes, sizeof address->bytes) == 0;
    }
    return endpoint_address_is_loopback(address) || is_address_of_this_host(address);
}

unsigned channel_udp_port(const struct channel_udp *channel, unsigned family)
{
    const struct udp_socket *udp = &channel->sockets[family == 4 ? 0 : 1];
    return udp->fd >= 0 ? udp->bound.port : 0;
}

unsigned long channel_udp_dropped(const struct channel_udp *channel)
{
    return channel->dropped;
}
