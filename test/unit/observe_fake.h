/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_OBSERVE_FAKE_H
#define COAPGW_TEST_OBSERVE_FAKE_H

/*
 * observe_fake: stands in for coap/observe.c: it records the relations that are begun and plays the
 * nodes. Test programs with it must not link the real one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe.h"

enum { RELATIONS_MAX = 256 };

struct relation {
    struct rest_request copy; /* of the GET */
    struct endpoint_address peer;
    const struct settings *settings;
    const struct observe_events *events;
    void *handle;
    uint64_t client;
    bool is_peer_of_client;
    bool is_open;
    bool is_asking;    /* a registration is under way */
    bool is_refreshed; /* by the real one, some day: relation_due */
    unsigned asked;    /* registrations, the first one included */
    bool forgets;      /* observe_forget_etag was called */
    bool was_told;     /* cancelled, not dropped */
};

struct observe_fake {
    size_t count;
    struct relation relations[RELATIONS_MAX];
    enum request_refusal refusal; /* of the next registrations */
    bool is_faking;               /* inside of the fake, or of what a test is told: allocates */
};
extern struct observe_fake observe_fake;

void observe_fake_reset(void);
/* The relation that was begun last. */
struct relation *relation_last(void);
/* Relations that have not ended. */
size_t relations_open(void);

/* An answer of the node to the registration under way, or a notification when none is. */
struct relation_answer {
    uint8_t code;        /* 0: 2.05 */
    const char *payload; /* NULL: none */
    int max_age;         /* -1: no option */
    const char *etag;    /* NULL: none */
    const char *echo;
    bool is_not_observed; /* without Observe */
    bool is_text;         /* Content-Format 0 */
    int format;           /* another; 0: none */
};
void relation_answer(struct relation *relation, const struct relation_answer *answer);
/* 2.05 with Max-Age and Observe. */
void relation_value(struct relation *relation, const char *payload, int max_age);
/* It is time to refresh it, for it is registered. */
void relation_due(struct relation *relation);
void relation_fail(struct relation *relation, enum request_failure failure,
                   const struct request_report *report);

#endif
