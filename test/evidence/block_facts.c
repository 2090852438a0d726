/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"
/*
 * block_facts: what libcoap's block mode does with answers that RFC 7959 allows and with one that
 * it should not trust.
 */

#include <stdio.h>
#include <string.h>

#define BLOCK_MODE    (COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY)
#define OPTION_BLOCK2 23
#define OPTION_BLOCK1 27
#define OPTION_SIZE2  28
#define CONTENT       0x45 /* 2.05 */
#define CHANGED       0x44 /* 2.04 */
#define TOO_LARGE     0x8d /* 4.13 */
#define BLOCK         64
#define SZX           2
#define BLOCKS        3

static void add_block(struct coap_message *message, unsigned option, unsigned number, bool more)
{
    coap_message_add_uint(message, option, number << 4 | (unsigned)more << 3 | SZX);
}

static void add_payload(struct coap_message *message)
{
    static const uint8_t block[BLOCK];
    bytes_append(&message->payload, block, sizeof(block));
}

/* The NUM of a Block option of what the node heard; -1 when it has none. */
static long heard_block(const struct stage *stage, unsigned number, unsigned *exponent)
{
    const struct message_option *option = coap_message_find(&stage->got, number);
    unsigned long value = 0;
    if (option == NULL)
        return -1;
    for (size_t i = 0; i < option->value.length; i++)
        value = value << 8 | option->value.data[i];
    *exponent = value & 7;
    return (long)(value >> 4);
}

/* A GET gets an empty ACK, then its first block in a CON of its own; later blocks come at once. */
void fact_separate_block2(struct finding *finding)
{
    struct stage stage;
    unsigned exponent = 0, asked = 0;
    stage_open(&stage, BLOCK_MODE);
    stage_request(&stage, stage_session(&stage, 2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    struct coap_message ack = stage_answer(&stage, MESSAGE_ACK, 0);
    struct coap_message response = stage_answer(&stage, MESSAGE_CON, CONTENT);
    add_block(&response, OPTION_BLOCK2, 0, true);
    add_payload(&response);
    stage_say(&stage, &ack);
    stage_say(&stage, &response);
    while (stage_hear(&stage, 2)) {
        long number = heard_block(&stage, OPTION_BLOCK2, &exponent);
        if (stage.got.type != MESSAGE_CON || number < 0)
            continue;
        struct coap_message next = stage_answer(&stage, MESSAGE_ACK, CONTENT);
        add_block(&next, OPTION_BLOCK2, (unsigned)number, number + 1 < BLOCKS);
        add_payload(&next);
        stage_say(&stage, &next);
        coap_message_clear(&next);
        asked++;
    }
    finding->seen = stage.responses == 0 || stage.body_length != (size_t)BLOCK * BLOCKS;
    snprintf(finding->detail, sizeof(finding->detail),
             "%u more blocks asked for, %u responses delivered, %zu of %d bytes", asked,
             stage.responses, stage.body_length, BLOCK * BLOCKS);
    coap_message_clear(&response);
    stage_close(&stage);
}

/* The node wants blocks of 64 bytes: 4.13 with a Block1 option that says so (RFC 7959 2.9.3). */
void fact_413_not_retried(struct finding *finding)
{
    struct stage stage;
    unsigned exponent = 7;
    stage_open(&stage, BLOCK_MODE);
    stage_request(&stage, stage_session(&stage, 2), 5000);
    stage_check(stage_hear(&stage, 2), "the first block");
    struct coap_message response = stage_answer(&stage, MESSAGE_ACK, TOO_LARGE);
    add_block(&response, OPTION_BLOCK1, 0, true);
    stage_say(&stage, &response);
    bool again = stage_hear(&stage, 2) && heard_block(&stage, OPTION_BLOCK1, &exponent) == 0 &&
                 exponent == SZX;
    finding->seen = !again;
    snprintf(finding->detail, sizeof(finding->detail), "%s",
             again ? "sent again in smaller blocks" : "not sent again in smaller blocks");
    coap_message_clear(&response);
    stage_close(&stage);
}

/* 2.04 to the first of five blocks: the rest has not even been sent. */
void fact_early_204(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, BLOCK_MODE);
    stage_request(&stage, stage_session(&stage, 2), 5000);
    stage_check(stage_hear(&stage, 2), "the first block");
    struct coap_message response = stage_answer(&stage, MESSAGE_ACK, CHANGED);
    stage_say(&stage, &response);
    bool more = stage_hear(&stage, 2);
    finding->seen = !more && stage.responses > 0 && stage.response_code == CHANGED;
    snprintf(finding->detail, sizeof(finding->detail), "%s, %u responses delivered",
             more ? "the next block follows" : "no further block", stage.responses);
    stage_close(&stage);
}

/* Kilobytes of address space that this process has had at most. */
static long peak_kilobytes(void)
{
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "VmPeak: %ld", &peak) == 1)
            break;
    }
    if (status != NULL)
        fclose(status);
    return peak;
}

/* One datagram says that its representation has 1 GiB. */
void fact_size2(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, BLOCK_MODE);
    stage_request(&stage, stage_session(&stage, 2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    struct coap_message response = stage_answer(&stage, MESSAGE_ACK, CONTENT);
    add_block(&response, OPTION_BLOCK2, 0, true);
    coap_message_add_uint(&response, OPTION_SIZE2, 1UL << 30);
    add_payload(&response);
    long before = peak_kilobytes();
    stage_say(&stage, &response);
    stage_run(&stage, 1);
    long grown = (peak_kilobytes() - before) / 1024;
    finding->seen = grown > 900;
    snprintf(finding->detail, sizeof(finding->detail), "%ld MiB allocated for a block of %d bytes",
             grown, BLOCK);
    coap_message_clear(&response);
    stage_close(&stage);
}
