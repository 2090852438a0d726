/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MESSAGE_LAYER_H
#define COAPGW_MESSAGE_LAYER_H

/*
 * message_layer: RFC 7252 4 over an unreliable channel: message IDs with EXCHANGE_LIFETIME,
 * retransmission of confirmable messages with back-off, ACK and RST, detection of duplicates with
 * the stored reply, NSTART with a fair queue for each endpoint, PROBING_RATE. It knows nothing of
 * tokens but to vet ICMP errors: it asks the layer above whether a response is welcome.
 *
 * Endpoints live here: made at first use, kept for EXCHANGE_LIFETIME after the last message so that
 * no MID is used twice, then dropped.
 *
 * Events come from the channel's news and from timers only, never from inside message_send,
 * message_end or message_release.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "pdu.h"
#include "random_source.h"
#include "settings.h"
#include "timers.h"

struct client_share;
struct endpoint;
struct log;
struct message_layer;

enum message_state {
    MESSAGE_IDLE,      /* not given to the layer, or ended */
    MESSAGE_QUEUED,    /* waits for its turn, an NSTART slot or a MID */
    MESSAGE_UNACKED,   /* CON on its way, no ACK yet: holds a slot */
    MESSAGE_ACKED,     /* empty ACK came; no slot */
    MESSAGE_NON_SENT,  /* NON on its way: holds a slot until message_end or message_release */
    MESSAGE_DISPLACED, /* lost its place in the queue, `ended` follows */
};

/* An outgoing request message, embedded in whoever sends it; zeroed before first use. */
struct message {
    struct endpoint *endpoint;
    enum message_state state;
    bool is_confirmable;
    bool ends_when_sent;  /* a NON that nobody will answer */
    bool needs_no_answer; /* that none comes says nothing of the peer (RFC 7967) */
    bool is_continuation; /* of a transfer: the length of the queue is no reason to refuse it, and
                             it goes before what its client has waiting */
    uint64_t client;      /* whose message it is: clients are served in turns */
    uint16_t mid;         /* valid from UNACKED / NON_SENT on */
    uint8_t *datagram;    /* borrowed until the message is idle again; type and MID are filled in */
    size_t length;
    unsigned transmissions;
    uint64_t first_sent_us;
    const struct settings *settings; /* borrowed until idle */
    /* private */
    struct message_layer *layer;
    uint64_t timeout_us;   /* the first one */
    unsigned heard_before; /* the endpoint's counters at the first transmission */
    unsigned answered_before;
    bool holds_slot;
    struct client_share *share; /* of its client, while it is outstanding; or NULL */
    bool is_refused;            /* by our own system: told when the timer fires */
    bool is_too_long;           /* the reason */
    struct timer timer;
    TAILQ_ENTRY(message) entry;
};

enum message_end {
    MESSAGE_END_RESET,       /* RST from the peer */
    MESSAGE_END_SPENT,       /* every transmission was made and the last timeout passed */
    MESSAGE_END_UNREACHABLE, /* vetted ICMP error, or our own system refuses the destination */
    MESSAGE_END_TOO_LONG,    /* our own system sends no datagram of that length there */
    MESSAGE_END_DISPLACED,   /* never sent: the queue was full and others have fewer waiting */
    MESSAGE_END_GIVEN_UP,    /* never sent: message_layer_give_up */
    MESSAGE_END_SENT,        /* it has left, as `ends_when_sent` asks for */
};

enum message_verdict {
    MESSAGE_ACCEPT, /* a CON is acknowledged */
    MESSAGE_REJECT, /* a CON is reset, a NON too unless many were; an ACK is ignored */
    MESSAGE_IGNORE, /* nothing is sent */
};

/* Told to the layer above. In `ended`, `acknowledged` and `response` any message may be ended,
 * freed or sent. */
struct message_events {
    /* Empty ACK: the request is on the node, the response comes separately. */
    void (*acknowledged)(void *handle, struct message *message);
    /* The message is idle; no further event for it. */
    void (*ended)(void *handle, struct message *message, enum message_end end);
    /* A response (class 2-5) in CON, NON or ACK, not a duplicate. For an ACK the layer above must
     * compare pdu->mid with its message's. When it accepts it calls message_end() itself. `pdu` is
     * lent for the call and may be changed. */
    enum message_verdict (*response)(void *handle, struct endpoint *endpoint, struct pdu *pdu);
    /* An ICMP error that names none of our datagrams on their way to that endpoint: only a hint
     * (may be NULL). */
    void (*hint)(void *handle, struct endpoint *endpoint, int error);
    /* A datagram, whatever is in it, before anything else is told of it (may be NULL). */
    void (*heard)(void *handle, const struct endpoint_address *from);
    void *handle;
};

/* Counters of the layer; monotonic. */
struct message_counters {
    uint64_t retransmissions;
    uint64_t duplicates;        /* CON or NON that was accepted and came again */
    uint64_t ignored_datagrams; /* not CoAP, or nothing that concerns us */
    uint64_t format_errors;
    uint64_t resets_sent;
    uint64_t resets_received;
    uint64_t pings;
    uint64_t unexpected_responses;
};

struct message_layer_options {
    struct timers *timers;       /* borrowed for life, like all of these */
    struct random_source random; /* MIDs and random factors */
    struct channel channel;
    struct log *log;
    size_t maximum_endpoints;
    size_t maximum_outstanding; /* messages that were sent and have not ended */
};

/* NULL when memory is short. */
struct message_layer *message_layer_new(const struct message_layer_options *options,
                                        const struct message_events *events);
/* Messages that are still in it become idle without an event. NULL is fine. */
void message_layer_free(struct message_layer *layer);
/* Where the channel's news goes. */
struct channel_events message_layer_channel_events(struct message_layer *layer);
const struct message_counters *message_layer_counters(const struct message_layer *layer);

/* The endpoint of that address, made when there is none; borrowed: valid while a message of the
 * caller that is not idle refers to it or the loop turn lasts. NULL when memory is short or there
 * are too many. */
struct endpoint *message_layer_endpoint(struct message_layer *layer,
                                        const struct endpoint_address *address);
/* As message_layer_endpoint, but NULL when there is none. */
struct endpoint *message_layer_find_endpoint(struct message_layer *layer,
                                             const struct endpoint_address *address);
size_t message_layer_endpoint_count(const struct message_layer *layer);
const struct endpoint_address *endpoint_address_of(const struct endpoint *endpoint);
/* A small number that never names another endpoint in the life of the process. */
uint64_t endpoint_id(const struct endpoint *endpoint);
/* An endpoint that is held is not forgotten, however long nothing goes there. Each hold is released
 * once. */
void endpoint_hold(struct endpoint *endpoint);
void endpoint_release(struct endpoint *endpoint);
size_t endpoint_queue_length(const struct endpoint *endpoint);
enum { ENDPOINT_ECHO_MAX = 40 };
/* The Echo value that the peer sent last, opaque to us, for a request to it and to nobody else (RFC
 * 9175 2.3). Kept as long as the endpoint; a length of 0 forgets it. */
void endpoint_keep_echo(struct endpoint *endpoint, const uint8_t *value, size_t length);
/* NULL when there is none. */
const uint8_t *endpoint_echo(const struct endpoint *endpoint, size_t *length);
/* Changed by a reload: counts for messages that wait. */
void message_layer_set_maximum(struct message_layer *layer, size_t maximum_outstanding);
/* Messages that were sent and have not ended, acknowledged ones included; those that wait. */
size_t message_layer_outstanding(const struct message_layer *layer);
size_t message_layer_queued(const struct message_layer *layer);
/* How long a message that came now would wait in the queue, judged by the recent ones. */
uint64_t message_layer_wait_us(const struct message_layer *layer, const struct endpoint *endpoint);

enum message_refusal {
    MESSAGE_TAKEN = 0,
    MESSAGE_QUEUE_FULL = -1, /* settings->queue_per_node, and no other client has more waiting */
    MESSAGE_NO_MEMORY = -2,
    MESSAGE_CLIENT_FULL = -3, /* its client has so many outstanding as one client may have */
};

/* Sends the message, at once or when its turn has come and a slot is free. Fields to fill before:
 * endpoint, datagram, length, is_confirmable, needs_no_answer, is_continuation, client, settings.
 * The state is QUEUED, UNACKED or NON_SENT afterwards, IDLE when it was refused. When the system
 * refuses the destination or the length, `ended` with UNREACHABLE or TOO_LONG follows in a later
 * turn, never from inside this call. */
enum message_refusal message_send(struct message_layer *layer, struct message *message);
/* Ends a message in any state without an event: its slot is free, the next in the queue goes out.
 * Fine on an idle one. */
void message_end(struct message_layer *layer, struct message *message);
/* The same for one whose response is not expected any more. When its endpoint has answered nothing
 * since the message was first sent, it is *silent* until it does: what goes there is limited to
 * PROBING_RATE (settings->probing_rate_milli). Spent messages have this effect, too. */
void message_give_up(struct message_layer *layer, struct message *message);
/* Whether a datagram came from the endpoint since the message was first sent. */
bool message_was_heard(const struct message *message);
/* Messages that wait for that endpoint end with GIVEN_UP: it is no use to send them. */
void message_layer_give_up(struct message_layer *layer, const struct endpoint_address *address);
/* Sends an empty CON (RFC 7252 4.3), once: what lives there answers by RST, which `heard` tells. */
void message_layer_ping(struct message_layer *layer, const struct endpoint_address *address);
/* No response to this NON is expected any more: its slot is free for the next (RFC 7252 4.7), while
 * an RST or an ICMP error still ends it. */
void message_release(struct message_layer *layer, struct message *message);

/* Times that follow from the settings (RFC 7252 4.8.2), in microseconds. */
uint64_t message_transmit_span_us(const struct settings *settings);
uint64_t message_transmit_wait_us(const struct settings *settings);
/* At least the 247 s of the protocol's default parameters, which NULL stands for. */
uint64_t message_exchange_lifetime_us(const struct settings *settings);

#endif
