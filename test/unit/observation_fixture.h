/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_OBSERVATION_FIXTURE_H
#define COAPGW_TEST_OBSERVATION_FIXTURE_H

/*
 * observation_fixture: watchers of observations, who write down what they are told as a line of
 * words, on top of the exchange fixture and the fake of coap/observe.c.
 */

#include <stdbool.h>

#include "exchange_fixture.h"
#include "observation.h"
#include "observe_fake.h"

struct watcher {
    struct subscription subscription;
    struct observation *observation; /* that was opened or joined last */
    char heard[1024];                /* "live 21 stale offline:silent", a space between news */
    /* Called behind each of the news; NULL: nothing. */
    void (*reaction)(struct watcher *watcher, enum observation_news news);
    bool stays_behind; /* may not follow a node to another address */
};

/* Node kitchen is at 192.0.2.9:5683, node hall at a name, and access rules allow 192.0.2.0/24 to
 * the role read alone. */
void observing_set_up(void);
void observing_tear_down(void);

/* Opens an observation of `path` at the authority ("192.0.2.9"), which goes to `address` and then
 * to `second` (NULL: nowhere else). */
enum observation_refusal watcher_open_at(struct watcher *watcher, const char *authority,
                                         const char *path, const char *address, const char *second);
/* The same at kitchen, behind which the node was asked, or found not to be worth it. */
void watcher_open(struct watcher *watcher, const char *path);
/* Joins the observation of that path; false when there is none. */
bool watcher_join_at(struct watcher *watcher, const char *authority, const char *path);
/* The same at kitchen, where one must be. */
void watcher_join(struct watcher *watcher, const char *path);
void watcher_leave(struct watcher *watcher);
/* What the watcher heard since this was asked last. */
void watcher_assert_heard(struct watcher *watcher, const char *text);
/* A cache key for a path at an authority. */
void observing_key(const char *authority, const char *path, struct cache_key *key);
struct endpoint_address observing_address(const char *text);

/* Silence: all transmissions were made, and nothing came. */
extern const struct request_report observing_spent;

#endif
