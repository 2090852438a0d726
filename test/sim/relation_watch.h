/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_RELATION_WATCH_H
#define COAPGW_TEST_RELATION_WATCH_H

/*
 * relation_watch: the registrations of the gateway at the nodes (RFC 7641), from what is seen on
 * the wire, and who of the subscribers wants them: whoever asks in the same way is an audience.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "wire_books.h"
#include "world.h"

/* What an id of an event was the name of. */
struct told_value {
    char id[40];
    uint32_t value;
};

/* All who subscribe to one resource in one way: so long as there is one, there is one observation.
 */
struct audience_book {
    TAILQ_ENTRY(audience_book) link;
    unsigned node;
    struct wire_wish wish;
    unsigned waiting;    /* have no stream yet, and may be subscribed */
    unsigned listening;  /* have one that has not ended, and are subscribed */
    bool is_auto;        /* the gateway may be one of it */
    unsigned doubtful;   /* of those who wait: may have been told of the end, and not read it */
    unsigned generation; /* counts how often there was nobody, or the node ended it */
    uint64_t empty_us;   /* since when there is nobody */
    struct told_value *told;
    size_t told_count, told_capacity;
};

/* One token at one address. */
struct wire_relation {
    TAILQ_ENTRY(wire_relation) link;
    uint8_t token[8];
    uint8_t token_length;
    struct wire_wish wish;
    struct audience_book *audience;
    unsigned generation;   /* of the audience, when it began */
    bool was_deregistered; /* by a message */
    bool has_ended;        /* by that, or by the node */
    bool is_registered;    /* the node said so last */
    bool is_troubled;      /* something failed since it was registered */
    bool is_uncertain;     /* whether anybody wanted it when it was registered */
    bool has_number;
    uint32_t number;    /* of the freshest notification */
    uint64_t number_us; /* when it came */
    uint64_t news_us;   /* when the gateway heard of the state last, and for how long */
    uint64_t max_age_us;
    uint64_t asked_us; /* when the last registration, refresh or poll was sent first */
};

/* The audience of that key; made when there is none. */
struct audience_book *relation_watch_audience(struct world *world, unsigned node,
                                              const struct wire_wish *wish);
/* Somebody came, or left; call after the counts were changed. */
void relation_watch_counted(struct audience_book *audience, uint64_t now_us);

/* A request leaves the gateway. */
void relation_watch_sent(struct place *place, const struct wire_record *record,
                         const struct wire_message *message);
/* A response has come: for `record`, or (NULL) for nothing that is outstanding. */
void relation_watch_came(struct place *place, const struct wire_record *record,
                         const struct wire_message *message);
/* Something of that token was reset, is unreachable or was given up. */
void relation_watch_failed(struct place *place, const struct wire_record *record);
struct wire_relation *relation_watch_find(struct place *place, const struct wire_message *message);
/* True for a notification from before the registration or refresh that is outstanding. */
bool relation_watch_is_earlier(const struct wire_relation *relation, uint64_t now_us,
                               const struct wire_record *record,
                               const struct wire_message *message);
/* Whether the gateway must, or may, take a notification of it. */
bool relation_watch_is_wanted(const struct wire_relation *relation);
bool relation_watch_may_be_wanted(const struct wire_relation *relation);
void relation_watch_audit(struct place *place);
/* What the nodes themselves have registered when nobody listens any more. */
void relation_watch_judge_rest(struct world *world);
void relation_watch_clear(struct world *world);

#endif
