/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_WORLD_H
#define COAPGW_TEST_WORLD_H

/*
 * world: one simulated world, made from one seed: the gateway below its sockets, the network, the
 * nodes behind it and the clients before it. The modules of the simulation share it:
 *
 *     clients     HTTP clients: requests, patience, and what they may be told
 *     network     datagrams on their way, with everything that can happen to them
 *     wire_watch  looks at every datagram that leaves or reaches the gateway
 *     subscribers    HTTP clients that read streams
 *     relation_watch   looks at the registrations of the gateway at the nodes
 *     name_service   the resolver
 *     world       puts the gateway together, lets time pass, looks at what is left in the end
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache_control.h"
#include "channel.h"
#include "core.h"
#include "dice.h"
#include "endpoint_address.h"
#include "event_queue.h"
#include "http_message.h"
#include "judge.h"
#include "memory_account.h"
#include "mid_map.h"
#include "model_node.h"
#include "resolver.h"
#include "scenario.h"

struct observe;
struct request_layer;
struct timers;
struct store_change;
struct store_grant;
struct wire_message;
struct wire_record;
struct wire_seen;
struct world;

struct question;
struct audience_book;
struct wire_relation;
struct wire_wish;

enum {
    NAME_SERVICE_WAIT_US = 5 * 1000000, /* at most, for an answer of the name service */
    BODY_WAIT_US = 2 * 1000000,         /* at most, until the body of a request comes */
};

/* --- what is known of each HTTP request --- */

enum accepted { ACCEPTED_TEXT = 1, ACCEPTED_JSON = 2 };

enum asking_state { ASKING_BODY, ASKING_PARKED, ASKING_ANSWERED, ASKING_GONE };

/* What the gateway is given as its north begins so: two kinds of clients share it. */
struct client {
    const struct north_ops *ops;
};

struct asking {
    struct client client; /* first */
    struct world *world;
    TAILQ_ENTRY(asking) link; /* while its client waits */
    uint32_t tag;             /* its number, in its query; 0 in the query of an untagged one */
    bool is_tagged;
    unsigned node;
    unsigned resource;
    enum http_method method;
    uint32_t value; /* that a PUT brings */
    size_t value_length;
    enum asking_state state;
    uint64_t exchange;
    uint64_t began_us;
    uint64_t answered_us;
    unsigned status; /* 0: none yet */
    uint64_t reply_hash;
    unsigned answers;
    uint32_t wait_s; /* Prefer: wait; 0: as long as it takes */
    bool is_fresh;
    bool is_async;    /* Prefer: respond-async */
    bool is_minimal;  /* Prefer: return=minimal */
    bool is_fetched;  /* its reply comes from a status monitor */
    char monitor[64]; /* "" unless it was answered by 202 */
    unsigned tries;   /* that the gateway may make: candidates of Accept */
    bool uses_name;
    bool has_left;
    /* of caches */
    char mark[12];    /* its query, which stands before the value; "" for none */
    unsigned accepts; /* bits of enum accepted; 0: anything */
    struct cache_control wishes;
    char known[64];       /* the tag of its If-None-Match; "" for none */
    uint32_t known_value; /* that had the tag */
    uint64_t looked_us;   /* when the gateway could look into its cache */
    /* what the wire and the node tell of it */
    unsigned transmissions;
    uint64_t acked_us; /* 0: never */
    bool was_reset;
    bool was_unreachable;
    int64_t block_at; /* of its body, sent last; -1: none */
    int64_t block_end;
    uint32_t block_number;
    bool is_block_confirmed;
    unsigned beginnings;  /* messages that may be the first of a transfer */
    unsigned late_blocks; /* sent when the transfer should have ended */
    unsigned executions;  /* in the node's life `epoch` */
    unsigned epoch;
    bool was_executed;
    /* while the client is there */
    struct http_request http;
    struct http_field fields[6];
    char prefer[48];
    char directives[48];
    char target[96];
    char length_text[16];
    uint8_t *body;
};

TAILQ_HEAD(askings, asking);

/* --- nodes --- */

enum node_trouble { TROUBLE_NONE, TROUBLE_CLOSED, TROUBLE_ASLEEP, TROUBLE_NO_ROUTE };

struct value_span {
    uint32_t value; /* 0: the resource was gone */
    unsigned epoch; /* of the node */
    uint64_t from_us;
};

struct value_history {
    struct value_span *spans;
    size_t count;
    size_t capacity;
};

/* What the gateway may have of a resource. */
struct store_book {
    struct store_grant *grants; /* answers that came, by their arrival */
    size_t grant_count, grant_capacity;
    struct store_change *changes; /* that clients were told of */
    size_t change_count, change_capacity;
    char tag[64]; /* that a client was told last, and its value */
    uint32_t tag_value;
};

TAILQ_HEAD(wire_records, wire_record);
TAILQ_HEAD(questions, question);
TAILQ_HEAD(wire_relations, wire_relation);
TAILQ_HEAD(audience_books, audience_book);
TAILQ_HEAD(subscribers, subscriber);

/* An address, and the node that is there. A node that moves has two: all that is known of it as a
 * node stands in the place of its first address. */
struct place {
    struct world *world;
    unsigned index;
    struct place *node; /* whose address it is; itself for the first one */
    struct place *home; /* of a node: where it is now */
    uint64_t moved_us;
    struct endpoint_address address;
    struct model_node *model; /* NULL: a stranger, from whom nothing is expected */
    struct dice dice;
    enum node_trouble trouble;
    bool is_dead;   /* its trouble does not end */
    unsigned epoch; /* counts reboots */
    uint64_t scheduled_us;
    struct value_history histories[MODEL_RESOURCES_MAX];
    struct store_book books[MODEL_RESOURCES_MAX]; /* of store_watch */
    /* of wire_watch */
    struct wire_records live;
    struct wire_relations relations;
    uint64_t failed_us;      /* when an interaction with the node came to nothing; 0: never */
    unsigned opened;         /* interactions */
    uint64_t heard_us;       /* when anything came */
    uint64_t pinged_us;      /* 0: never */
    uint64_t answered_us;    /* when something came that is no empty ACK */
    bool is_silent;          /* an interaction ended without any answer since its beginning */
    uint64_t silent_from_us; /* the first request since the last answer; 0: none */
    uint64_t silent_bytes;   /* of requests since then */
    struct mid_map sent;     /* struct wire_record by MID of ours */
    struct mid_map came;     /* struct wire_seen by MID of theirs */
};

/* --- the whole --- */

struct totals {
    uint64_t seeds;
    uint64_t requests;
    uint64_t answered[6]; /* by class of status; 0: the client left */
    uint64_t sent, came;  /* datagrams of and to the gateway */
    uint64_t retransmissions;
    uint64_t lost, duplicated, corrupted, forged, returned;
    uint64_t streams, events, moves;
    uint64_t reboots, reloads, drains, failed_allocations;
    uint64_t simulated_us;
};

struct wire_watch {
    struct place *from; /* of the datagram that is being delivered; NULL: none */
    bool may_reply;
    bool must_reply; /* it is a CON */
    bool must_ack, must_reset;
    uint16_t mid;
    int replied;            /* -1: not yet; else the type */
    struct wire_seen *seen; /* where the reply is to be remembered; NULL: nowhere */
};

struct world {
    uint64_t seed;
    struct scenario scenario;
    struct totals *totals;
    struct judge *judge;
    struct event_queue events;
    uint64_t now_us;
    uint64_t stalled_until_us;
    struct place places[2 * SCENARIO_NODES_MAX + 1]; /* the nodes', the stranger's, second ones */
    unsigned place_count;
    struct wire_watch watch;
    struct channel_events gateway;

    struct askings waiting;
    struct asking **askings; /* by tag */
    struct asking **owners;  /* of values, by number; NULL: a node's own */
    size_t owner_capacity;
    size_t asking_count, asking_capacity;
    uint32_t next_value;
    unsigned to_come; /* requests that have not begun */
    unsigned under_way;
    bool is_inside; /* exchange_begin or exchange_run */
    uint64_t stale_ids[8];
    unsigned stale_count;
    uint64_t clients_done_us; /* 0: not yet */
    struct audience_books audiences;
    struct subscribers subscribers;
    unsigned subscribers_to_come;
    unsigned subscriber_count; /* of all that ever were */
    bool had_limits;           /* the settings let few streams or registrations be */
    uint64_t storm_ends_us;    /* subscribers stay behind it, and nothing goes wrong any more */
    bool is_peaceful;
    bool is_draining;
    bool is_closed; /* the channel sends nothing any more */

    struct questions questions;
    uint64_t last_question;

    struct timers *timers;
    struct request_layer *requests;
    struct memory_account memory; /* charged; no scenario needs so much */
    struct capability_table *capabilities;
    struct blockwise *blockwise;
    struct observe *observe;
    struct core *core;

    struct dice network_dice, client_dice, life_dice, mid_dice, token_dice, core_dice, block_dice,
        name_dice, memory_dice, wall_dice, forge_dice, stream_dice, observe_dice;
};

/* world.c */
/* Runs one seed from its beginning to its end; false when an invariant was violated. */
bool world_run(uint64_t seed, struct judge *judge, struct totals *totals);
/* `happens(handle, subject)` comes `delay_us` from now. */
void world_later(struct world *world, uint64_t delay_us,
                 void (*happens)(void *handle, void *subject), void *handle, void *subject);
/* The same with a subject that is freed (memory_return) when the world ends before. */
void world_later_owning(struct world *world, uint64_t delay_us,
                        void (*happens)(void *handle, void *subject), void *handle, void *subject);
/* Allocations fail again as the scenario says. */
void world_resume_failing(struct world *world);
/* The gateway does not get to run: `event` must come again later. */
bool world_is_stalled(const struct world *world);
uint64_t world_slack_us(const struct world *world);

/* policy_maker.c: the configuration of the scenario; NULL when memory is short. */
struct policy *world_make_policy(const struct world *world);

/* clients.c */
void clients_begin(struct world *world);
void clients_clear(struct world *world);
extern const struct north_ops clients_north;
extern const struct north_ops subscribers_north;
struct asking *clients_find(struct world *world, uint32_t tag);
/* The one that brought a value, or NULL. */
struct asking *clients_find_owner(struct world *world, uint32_t value);
/* Looks at everybody who waits. */
void clients_audit(struct world *world);
/* Everybody leaves at once. */
void clients_leave(struct world *world);
/* client_monitor.c: a client that did not wait asks for its result from time to time. */
void client_fetch_later(struct asking *asking, const struct http_reply *accepted);
/* client_reply.c: what a client may be told. */
void client_judge_reply(struct asking *asking, const struct http_reply *reply);

/* nodes.c: the model nodes in their places, and what their applications see. */
void nodes_begin(struct world *world);
void nodes_clear(struct world *world);
/* Nothing goes wrong with them any more, but that one may be dead for good. */
void nodes_find_peace(struct world *world);
/* Every resource changes once, so that whoever observes it is told. */
void nodes_change_all(struct world *world);
void node_schedule(struct place *place);
/* Writes the value of that number for a resource: its name in the first bytes, then a pattern of
 * its own. Returns its length. */
size_t node_write_value(const struct world *world, unsigned node, unsigned resource, uint32_t value,
                        uint8_t *out, size_t size);
/* The number of a value, 0 when the bytes are not exactly one of that resource. */
uint32_t node_read_value(const struct world *world, unsigned node, unsigned resource,
                         const uint8_t *bytes, size_t length);
/* True when the resource had that value (0: was gone) at some time since `from_us`. */
bool node_had_value(const struct world *world, unsigned node, unsigned resource, uint32_t value,
                    uint64_t from_us);

/* network.c */
struct channel network_channel(struct world *world);
struct place *network_find(struct world *world, const struct endpoint_address *address);
/* A node sends to the gateway. */
void network_send_from(struct place *place, const uint8_t *bytes, size_t length);
/* Puts a datagram before the gateway after a time, whatever the network is like. */
void network_inject(struct place *from, uint64_t delay_us, const uint8_t *bytes, size_t length);
/* forger.c: somebody saw this request and answers it in the node's place, or nearly so. */
void forger_saw(struct place *place, const uint8_t *bytes, size_t length);
/* The network gives a datagram of the gateway back. */
void network_return(struct place *place, uint64_t delay_us, const uint8_t *bytes, size_t length,
                    int error);

/* wire_watch.c */
void wire_watch_sent(struct place *place, const uint8_t *bytes, size_t length);
void wire_watch_refused(struct place *place, const uint8_t *bytes, size_t length);
void wire_watch_comes(struct place *place, const uint8_t *bytes, size_t length);
void wire_watch_came(struct place *place);
void wire_watch_returns(struct place *place, const uint8_t *bytes, size_t length, int error);
void wire_watch_audit(struct place *place);
/* True when nothing came for as long as all transmissions of a message take. */
bool wire_watch_is_unheard(const struct place *place);
/* Interactions that hold a slot for sure, resp. that may hold one. */
unsigned wire_watch_slots(struct place *place, bool for_sure);
/* True when nothing is expected of the node. */
bool wire_watch_is_idle(struct place *place);
/* True when the gateway cannot have given the node up: it has answered not long ago. */
bool wire_watch_is_lively(const struct place *place);
void wire_watch_clear(struct place *place);

/* store_watch.c */
/* An answer has come to the gateway. */
void store_watch_came(struct place *place, const struct wire_record *record,
                      const struct wire_message *message);
/* A request for a value leaves the gateway. */
void store_watch_sent(struct place *place, const struct wire_record *record);
/* A client was told that its request may have had an effect. */
void store_watch_changed(const struct asking *asking);
/* A client was given that value (0: that there is none), or told that it still has it. */
void store_watch_answered(const struct asking *asking, const struct http_reply *reply,
                          uint32_t value);
/* A notification has come. */
void store_watch_told(struct place *place, const struct wire_relation *relation,
                      const struct wire_message *message);
/* Until when a subscriber may be told that the value is live: longer where the gateway polls. */
uint64_t store_watch_live_until(const struct world *world, unsigned node,
                                const struct wire_wish *wish, uint32_t value);
void store_watch_clear(struct place *place);

/* subscribers.c */
void subscribers_begin(struct world *world);
/* Everybody leaves at once. */
void subscribers_leave(struct world *world);
/* The gateway stops. */
void subscribers_were_stopped(struct world *world);
/* The node has ended what they are subscribed to. */
void subscribers_were_ended(struct world *world, const struct audience_book *audience);
void subscribers_audit(struct world *world);
/* The world has been quiet for long: each must have the final state. */
void subscribers_judge_final(struct world *world);
/* Before the memory of the gateway is counted: readers take theirs in the same way. */
void subscribers_clear(struct world *world);
void subscribers_free(struct world *world);

/* storm.c: how long things go wrong in a world with subscribers, and what follows. */
void storm_begin(struct world *world);

/* name_service.c */
struct resolver name_service(struct world *world);

#endif
