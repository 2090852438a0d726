/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_MODEL_PRIVATE_H
#define COAPGW_TEST_MODEL_PRIVATE_H

/*
 * model_private: the state of a model node, shared by model_node.c (messages and their times) and
 * model_resource.c (what a request means).
 */

#include <sys/queue.h>

#include "mid_map.h"
#include "model_node.h"
#include "wire_message.h"

enum { MODEL_KEY_MAX = 160 };

/* A message that came within EXCHANGE_LIFETIME, and the reply to it. */
struct model_seen {
    unsigned peer;
    uint64_t came_us;
    uint8_t *reply; /* owned; NULL: none yet, or none at all */
    size_t reply_length;
    struct model_seen *next; /* of the same MID */
};

enum model_action_kind {
    MODEL_THINK,  /* answer a request in its ACK */
    MODEL_ANSWER, /* answer it separately */
    MODEL_REPEAT, /* send a CON of ours again */
    /* of an observer: */
    MODEL_NOTIFY,       /* tell it the state */
    MODEL_NOTIFY_AGAIN, /* nobody acknowledged it */
    MODEL_RENEW,        /* tell it once more before it is stale */
};

struct model_observer;

struct model_action {
    TAILQ_ENTRY(model_action) link;
    enum model_action_kind kind;
    uint64_t due_us;
    unsigned peer;
    uint16_t mid; /* THINK: of the request; REPEAT: ours */
    bool is_non_request;
    bool is_response; /* the bytes are the finished response, not the request */
    unsigned transmissions;
    uint64_t timeout_us;
    struct model_observer *observer; /* NULL: it has nothing to do with one */
    size_t length;
    uint8_t bytes[];
};

struct model_resource {
    bool exists;
    uint32_t version; /* the ETag */
    uint8_t *value;
    size_t length;
};

/* A body that comes in blocks, or an answer that goes out in them. */
struct model_transfer {
    TAILQ_ENTRY(model_transfer) link;
    unsigned peer;
    char key[MODEL_KEY_MAX];
    uint8_t code;     /* of an outgoing answer */
    uint32_t version; /* and of what it shows; 0: of nothing */
    uint8_t *bytes;
    size_t length;
    uint64_t touched_us;
};

enum { MODEL_OBSERVER_MIDS = 8 };

struct model_observer {
    TAILQ_ENTRY(model_observer) link;
    unsigned peer;
    uint8_t token[8];
    uint8_t token_length;
    unsigned resource;
    uint8_t *request; /* as it came, the latest */
    size_t request_length;
    bool is_dirty;     /* what it was told last is not all */
    bool is_scheduled; /* a MODEL_NOTIFY is due */
    bool is_waiting;   /* for the acknowledgement of `mid` */
    bool is_confirmable, is_ending;
    unsigned transmissions;
    uint64_t timeout_us;
    uint16_t mid;
    uint16_t mids[MODEL_OBSERVER_MIDS]; /* of the latest notifications: an RST may name any */
    unsigned mid_count;
};

TAILQ_HEAD(model_observers, model_observer);
TAILQ_HEAD(model_actions, model_action);
TAILQ_HEAD(model_transfers, model_transfer);

struct model_node {
    struct model_traits traits;
    struct model_host host;
    struct dice *dice;
    uint64_t now_us;
    uint16_t next_mid;
    uint32_t next_version;
    uint8_t echo[8]; /* another one after each reboot */
    bool has_echo;
    struct mid_map seen;          /* lists of struct model_seen */
    struct model_actions actions; /* by time */
    struct model_resource resources[MODEL_RESOURCES_MAX];
    struct model_transfers uploads;
    struct model_transfers downloads;
    struct model_observers observers;
    uint32_t observe_number; /* of the notification that was sent last */
    uint8_t scratch[MODEL_VALUE_MAX + MODEL_TAG_MAX + 2];
    char text[64];
};

/* model_resource.c: makes the response to a request: code, options and payload; type, MID and token
 * are the caller's. What it refers to is valid until the next call. */
void model_respond(struct model_node *node, unsigned peer, const struct wire_message *request,
                   struct wire_message *response);
/* model_transfer.c */
void model_transfer_drop(struct model_transfers *transfers, struct model_transfer *transfer);
void model_transfer_key(const struct wire_message *request, char key[MODEL_KEY_MAX]);
/* NULL when there is none. */
struct model_transfer *model_transfer_find(struct model_transfers *transfers, unsigned peer,
                                           const char *key);
/* A new one in place of an older one of the same key; the oldest goes when there are many. */
struct model_transfer *model_transfer_begin(struct model_node *node,
                                            struct model_transfers *transfers, unsigned peer,
                                            const char *key);

/* model_node.c */
struct model_action *model_action_add(struct model_node *node, enum model_action_kind kind,
                                      uint64_t delay_us, const uint8_t *bytes, size_t length);
void model_action_drop(struct model_node *node, struct model_action *action);

/* model_observe.c */
/* Registers or deregisters, and says so in the response. */
void model_observe_answer(struct model_node *node, unsigned peer,
                          const struct wire_message *request, const uint8_t *bytes, size_t length,
                          struct wire_message *response);
void model_observe_changed(struct model_node *node, unsigned resource);
void model_observe_run(struct model_node *node, const struct model_action *action);
void model_observe_acked(struct model_node *node, unsigned peer, uint16_t mid);
void model_observe_reset(struct model_node *node, unsigned peer, uint16_t mid);
void model_observe_clear(struct model_node *node);

/* model_resource.c */
/* The number of the resource, -1 when there is none such. */
int model_find_resource(const struct model_node *node, const struct wire_message *request);
void model_resources_init(struct model_node *node);
void model_resources_clear(struct model_node *node);

#endif
