/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_OBSERVE_FIXTURE_H
#define COAPGW_TEST_OBSERVE_FIXTURE_H

/*
 * observe_fixture: relations on the world of blockwise_fixture, whose node the test plays. Requests
 * are expected and answered by its functions; the node's own messages come by notify().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blockwise_fixture.h"
#include "observe.h"

enum { WATCHERS = 4 };

/* Who has a relation, and what was told. */
struct watcher {
    uint64_t id;
    struct rest_request request;
    struct observe_spec spec;
    struct pdu registration; /* the latest one that was expected */
    unsigned answers, failures, overdues;
    uint8_t code; /* of the latest answer, like what follows */
    bool is_registered, is_asked_for, is_partial;
    uint8_t *body; /* owned */
    size_t length;
    char etag[9];
    enum request_failure failure; /* of the latest one */
    uint16_t bad_option;
    char detail[80];
    uint64_t told_us; /* of the latest event */
    /* What to do in each event. */
    void (*action)(struct watcher *watcher);
};

struct observe_world {
    struct observe *layer;
    struct random_sequence delays;
    struct watcher watchers[WATCHERS];
};

extern struct observe_world o;

void observe_setup(void);
void observe_teardown(void);

/* Prepares watchers[n]: a GET of /path. */
struct watcher *prepare_watcher(unsigned n, const char *path);
enum request_refusal begin_watcher(unsigned n);
/* Both, and the registration goes out with just these options. */
void watch(unsigned n, const char *path, const char *options);
/* The same, answered by a 2.05 with Observe `number` and the first `length` bytes. */
void watch_answered(unsigned n, unsigned number, size_t length);
/* The next message is a registration or deregistration ("obs=0 ...", "obs=1 ...") of watchers[n],
 * with its token. */
void expect_errand(unsigned n, const char *options);
enum request_refusal renew(unsigned n);
void cancel(unsigned n);
/* A notification with the token of watchers[n]. */
void notify(unsigned n, enum pdu_type type, uint8_t code, const char *options, size_t offset,
            size_t length);
/* The next message is an empty one of that type, for the node's message that came last. */
void expect_empty(enum pdu_type type);
/* A CON notification, and what it is answered by. */
void notify_expecting(unsigned n, enum pdu_type answer, const char *options, size_t offset,
                      size_t length);

/* All that was told to watchers[n] so far: that many answers and failures. */
void expect_told(unsigned n, unsigned answers, unsigned failures);
/* The latest answer: its code, and `length` bytes from `offset` on. */
void expect_answer(unsigned n, uint8_t code, size_t offset, size_t length);

#endif
