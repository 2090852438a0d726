/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_MODEL_NODE_H
#define COAPGW_TEST_MODEL_NODE_H

/*
 * model_node: a small and correct CoAP server (RFC 7252, 7641, 7959) for the simulation; it runs on
 * a real socket too (model-node-server), so that clients of others can judge it.
 *
 * Its resources are /r0, /r1 ...: GET, PUT, POST and DELETE. A value is whatever bytes were put; a
 * query "q=TAG" is answered with "TAG " before the value, so that each answer tells which request
 * it is for; and so is Accept with "json:". Answers come in the ACK or separately, at once or
 * later, as its traits say.
 *
 * It knows no clock: whoever holds it tells the time and runs it when something is due.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice;
struct model_node;

enum { MODEL_RESOURCES_MAX = 16, MODEL_TAG_MAX = 24, MODEL_VALUE_MAX = 65536, MODEL_JSON = 50 };

/* How it is; times in microseconds. */
struct model_traits {
    unsigned resources;        /* /r0 .. /r<n-1> */
    unsigned separate_percent; /* of the requests: empty ACK first, the response later */
    unsigned ackless_percent;  /* of the separate ones: no empty ACK before the response */
    unsigned non_percent;      /* of the separate ones: a NON */
    unsigned reset_permille;   /* of the requests: an RST and nothing done */
    uint64_t think_min_us, think_max_us;       /* before an answer in the ACK */
    uint64_t separate_min_us, separate_max_us; /* before a separate one */
    bool has_etags;
    bool has_same_etags;        /* whatever the value is */
    bool has_json;              /* each value in a second format, for those who ask for it */
    bool ages_errors;           /* an error has a Max-Age, too */
    unsigned max_age_max_s;     /* of Max-Age: any, none among them; 0: always 1 */
    unsigned misvalid_permille; /* of the GETs: a 2.03 that confirms nothing that was asked about */
    unsigned fails_permille;    /* of the GETs: 5.00 */
    bool tells_by_format;       /* each value has a Content-Format of its own */
    bool copies_mids;        /* a separate response takes the MID of its request, which is legal */
    bool creates;            /* POST answers 2.01 with a location, else 2.04 */
    bool challenges;         /* unsafe requests must carry its Echo (RFC 9175 2.3), else 4.01 */
    bool acts_at_once;       /* a request is carried out when it comes, else when it is answered */
    bool knows_blocks_again; /* takes a block that it has once more, else 4.08 */
    bool takes_no_blocks;    /* Block options are answered by 4.02 */
    bool hints_size;         /* 4.13 to a block names a size, though none will do */
    bool shrinks_blocks;     /* now and then its blocks are smaller than before */
    /* What goes wrong with so many blocks in 1000: */
    unsigned forgets_permille; /* what came of a body is lost (4.08) */
    unsigned changes_permille; /* the resource changes while it is read */
    unsigned repeats_permille; /* the block before the one that is asked for */
    unsigned skips_permille;   /* the block behind it */
    unsigned trims_permille;   /* a byte less than a block has */
    unsigned block_size;       /* 16 .. 1024: of its blocks in both directions */
    size_t body_max;           /* more is answered by 4.13 */
    size_t answer_size;        /* of POST, padded */
    size_t plain_max;          /* a body above it, without Block1, is answered by 4.13 */
    /* of Observe (RFC 7641) */
    bool observes;
    bool ages_are_bounded;  /* no Max-Age is above max_age_max_s */
    unsigned observers_max; /* of all resources; more are answered without Observe; 0: any */
    unsigned refuses_observers_permille;
    unsigned forgets_observers_permille; /* at each change */
    unsigned notify_con_percent;
    unsigned renews_percent;   /* of what was told is told again when its Max-Age ends */
    unsigned observe_step_max; /* between two numbers */
};

/* What happens at a node's application, told to whoever holds it. */
struct model_host {
    void (*send)(void *handle, unsigned peer, const uint8_t *bytes, size_t length);
    /* A new value of the node's own: at its start, after a reboot, when it changes by itself.
     * Returns its length, at most `size`. */
    size_t (*make_value)(void *handle, unsigned resource, uint8_t *out, size_t size);
    /* A resource has that value from now on; NULL: it is no more. */
    void (*value_is)(void *handle, unsigned resource, const uint8_t *bytes, size_t length);
    /* An unsafe request, or a FETCH, is carried out. `tag` is the text of its "q=". */
    void (*executed)(void *handle, uint8_t method, unsigned resource, const char *tag,
                     const uint8_t *body, size_t length);
    void *handle;
};

/* What an answer to POST is padded with: a block in the wrong place shows. */
static inline uint8_t model_filler(size_t at)
{
    return (uint8_t)('a' + at % 26);
}

/* `dice` is borrowed for life. */
struct model_node *model_node_new(const struct model_traits *traits, const struct model_host *host,
                                  struct dice *dice, uint64_t now_us);
void model_node_free(struct model_node *node);
/* A datagram from a peer, which is known by a number of the holder's. */
void model_node_receive(struct model_node *node, uint64_t now_us, unsigned peer,
                        const uint8_t *bytes, size_t length);
/* When something is due; UINT64_MAX: nothing. */
uint64_t model_node_next_us(const struct model_node *node);
void model_node_run(struct model_node *node, uint64_t now_us);
/* What its Echo options begin with; by default it has none. */
void model_node_set_echo(struct model_node *node, uint8_t mark);
/* Everything that it knew is lost: values, messages it had seen, MIDs. */
void model_node_reboot(struct model_node *node, uint64_t now_us);
/* A resource changes by itself. */
void model_node_change(struct model_node *node, uint64_t now_us, unsigned resource);
/* A resource goes by itself. */
void model_node_remove(struct model_node *node, uint64_t now_us, unsigned resource);
/* How it is from now on. */
struct model_traits *model_node_traits(struct model_node *node);
/* Who observes a resource. */
unsigned model_node_observers(const struct model_node *node, unsigned resource);
/* The token of the at-th observer of any resource; false when there are no more. */
bool model_node_observer(const struct model_node *node, unsigned at, const uint8_t **token,
                         size_t *length);

#endif
