/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_SCENARIO_H
#define COAPGW_TEST_SCENARIO_H

/* scenario: what the verbs of a scenario file work on. The language is in README. */

#include "gateway_process.h"
#include "http_client.h"
#include "scripted_node.h"
#include "words.h"

#define SCENARIO_NODES   4
#define SCENARIO_CLIENTS 256
#define SCENARIO_SECONDS 5.0

struct client_stream;

struct scenario {
    const char *file;
    const char *program; /* the gateway */
    char directory[512]; /* private to this scenario */
    struct variables variables;
    struct gateway_process gateway;
    struct scripted_node nodes[SCENARIO_NODES];
    struct http_client *clients[SCENARIO_CLIENTS];   /* owned; of this case */
    struct client_stream *streams[SCENARIO_CLIENTS]; /* owned; of clients, NULL: none */
    size_t client_count;
    struct http_client *client; /* the selected one; borrowed from clients, NULL before the first */
    struct bytes transcript;    /* of this case, for the report of a failure */
    struct bytes failure;       /* why the last verb failed */
    struct bytes metrics_before; /* the metrics page at the start of the case */
    double patience;             /* how many times as long as written everything may take */
    double until;                /* when the present verb gives up waiting */
    double quickest;             /* seconds from a datagram of a node to an event, in this case */
};

/* Notes why a verb failed; always false. */
bool scenario_fail(struct scenario *scenario, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same from two texts; takes both (clears them). */
bool scenario_differ(struct scenario *scenario, struct bytes *expected, struct bytes *got);

/* node_verbs.c and node_expect.c: a line that begins with the name of a node. */
bool node_verbs_run(struct scenario *scenario, struct scripted_node *node,
                    const struct words *words);
bool node_expect_run(struct scenario *scenario, struct scripted_node *node,
                     const struct words *words, bool *known);
/* http_verbs.c and response_verbs.c: `known` tells whether the first word is a verb of theirs.
 * `line` is the whole line with its variables replaced. */
bool http_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                    bool *known);
bool response_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                        bool *known);
void http_verbs_end_case(struct scenario *scenario);
/* stream_verbs.c: server-sent events. */
bool stream_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                      bool *known);
/* gateway_verbs.c: start, stop, hup, run, log, metric. */
bool gateway_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                       bool *known);
bool gateway_verbs_stop(struct scenario *scenario);
/* The port of the HTTP listener on `host`, from the log; false: it does not listen there. */
bool gateway_verbs_port(struct scenario *scenario, const char *host, char port[8]);
/* Reads the metrics page for relative comparisons. */
bool gateway_verbs_read_metrics(struct scenario *scenario, struct bytes *page);

/* True when the extended regular expression is found in `text`; else fails. */
bool scenario_match(struct scenario *scenario, const char *what, const char *regex,
                    const char *text);
/* What stands behind the first word of a line. */
const char *scenario_rest(const char *line);

#endif
