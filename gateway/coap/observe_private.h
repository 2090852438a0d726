/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_OBSERVE_PRIVATE_H
#define COAPGW_OBSERVE_PRIVATE_H

/*
 * observe_private: a relation as the modules observe*.c see it: observe.c makes the requests of its
 * life, observe_receive.c judges what comes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "freshness.h"
#include "id_table.h"
#include "observe.h"
#include "timers.h"

enum {
    RELATION_ETAG_MAX = 8,
};

/* What is known of the peer's list of observers. */
enum relation_standing {
    RELATION_ABSENT,     /* the relation is not there: nothing was sent, or it was reset */
    RELATION_UNCERTAIN,  /* it may be there: a registration was sent and failed */
    RELATION_REGISTERED, /* the peer said so */
    RELATION_ENDED,      /* the peer said that it tells no more */
};

/* What the request that is outstanding asks for. */
enum relation_errand {
    RELATION_NO_ERRAND,
    RELATION_REGISTRATION,
    RELATION_DEREGISTRATION,
};

struct relation {
    struct observe *layer;
    uint64_t id; /* 0: cancelled, nothing is told any more */
    struct endpoint_address peer;
    struct settings settings;
    const struct observe_events *events;
    void *handle;
    uint64_t client;
    size_t maximum_body;
    bool is_peer_of_client;

    enum relation_standing standing;
    struct request_watch *watch; /* owned; NULL once it is cancelled */
    struct request_token token;
    enum relation_errand errand;
    uint64_t request_id; /* of the errand; 0: none */
    bool shuns_blocks;   /* no Block2 option: the peer refused it */
    bool is_second_try;  /* that is not certain yet */
    bool has_echoed;     /* the errand carries the Echo value that the peer asked for */

    bool has_mark; /* there is a freshest notification */
    struct freshness_mark freshest;
    uint64_t transfer_id;           /* of the blocks behind a first one; 0: none */
    struct rest_message *requested; /* owned: what these are asked for by; NULL: none */
    bool is_transfer_asked_for;     /* the first one answered a registration */

    uint8_t etag_length; /* 0: none */
    uint8_t etag[RELATION_ETAG_MAX];
    struct timer refresh;
    TAILQ_ENTRY(relation) link;
    size_t options_length;
    uint8_t options[]; /* of the request */
};

struct observe {
    struct observe_options options;
    struct id_table ids;
    size_t count; /* of relations with an id */
    TAILQ_HEAD(, relation) relations;
};

/* observe.c */
/* Sends a registration or deregistration; `echo`: the proof of freshness that the peer asked for,
 * or NULL. None may be outstanding. */
enum request_refusal relation_send(struct relation *relation, enum relation_errand errand,
                                   const struct rest_option *echo);
/* Tells the peer that nobody wants to know any more; the relation is freed when that has ended, or
 * now. */
void relation_deregister(struct relation *relation);
/* Of one that is cancelled and has nothing outstanding. */
void relation_free(struct relation *relation);
/* Arms the timer of the next refresh, that long and a little more from now. */
void relation_refresh_after(struct relation *relation, uint32_t max_age_s);
/* Ends the fetching of blocks, if any. */
void relation_drop_transfer(struct relation *relation);
/* Takes back a registration that has not been sent yet, if any. */
void relation_drop_waiting(struct relation *relation);
/* The request as it was given; its values are borrowed from the relation. */
void relation_request(const struct relation *relation, struct rest_message *message);
/* Whether its requests say how large blocks should be. */
bool relation_has_wish(const struct relation *relation);

/* observe_receive.c */
extern const struct request_events relation_request_events;
extern const struct request_watch_events relation_watch_events;

#endif
