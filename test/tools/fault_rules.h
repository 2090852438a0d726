/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_FAULT_RULES_H
#define COAPGW_TEST_FAULT_RULES_H

/* fault_rules: which datagrams suffer what on their way through udpfault. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_direction { FAULT_TO_NODE, FAULT_TO_GATEWAY };

enum fault_action {
    FAULT_DROP,
    FAULT_DUPLICATE,
    FAULT_REORDER,
    FAULT_DELAY,
    FAULT_CORRUPT,
    FAULT_SILENT,
};

struct fault_rule {
    const char *text; /* as it was given; borrowed */
    enum fault_action action;
    bool any_direction;
    enum fault_direction direction;
    int type;       /* CON 0, NON 1, ACK 2, RST 3; -1: any */
    int code_class; /* 0 request, 2 response of any class, -1: any */
    bool is_empty;  /* only messages without a code */
    unsigned block; /* 23 or 27: the option whose NUM must be block_number; 0: none */
    uint32_t block_number;
    unsigned long nth; /* only the nth message that matches; 0: all */
    double chance;     /* 0..1 */
    double seconds;    /* of delay, and of the copy of duplicate */
    double begin, end; /* of silent */
    uint64_t random;   /* this rule's own stream, so that rules do not shift one another */
    unsigned long matched, applied;
};

/* What becomes of one datagram. */
struct fault_verdict {
    bool drop;
    bool duplicate;
    bool reorder; /* it waits until the next one has passed */
    double delay;
    double duplicate_delay;
    bool corrupt;
    size_t corrupt_at;
    uint8_t corrupt_by; /* not 0: xor */
};

/* Reads
 *
 *     [to-node|to-gateway] drop|duplicate [S]|reorder|delay S|corrupt|silent FROM TO
 *         [CON|NON|ACK|RST] [empty|request|response] [block1=N|block2=N] [P%] [1st|2nd|3rd|Nth]
 *
 * False when the text is none of this. */
bool fault_rule_read(struct fault_rule *rule, const char *text, uint64_t seed);
/* Asks every rule about a datagram that came `now` seconds after the first one. */
void fault_rules_judge(struct fault_rule *rules, size_t count, enum fault_direction direction,
                       const uint8_t *datagram, size_t length, double now,
                       struct fault_verdict *verdict);

#endif
