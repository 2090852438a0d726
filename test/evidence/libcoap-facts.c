/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"
/*
 * libcoap-facts: shows what the installed libcoap's client session layer does where that decided
 * that the message layer is ours (doc/why/message-layer.md). Run it with a later libcoap to judge
 * again. It is no test: nothing passes or fails. `make test/evidence/libcoap-facts` builds it.
 *
 *     libcoap-facts [WORD]        only the facts whose name contains WORD
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct fact {
    const char *name;
    void (*show)(struct finding *finding);
} facts[] = {
    {"a NON with the MID of an outstanding CON drops it and blocks the session",
     fact_mid_collision},
    {"a separate response without ACK makes another session retransmit at once",
     fact_early_retransmission},
    {"an ACK is matched by its MID alone, whatever its token", fact_token_ignored},
    {"a response with a token that nobody sent reaches the handler", fact_unknown_token},
    {"a duplicated CON response is not acknowledged again", fact_duplicate_unacknowledged},
    {"a step of the wall clock by -1 h upsets retransmission", fact_wall_clock},
    {"block mode: empty ACK and separate Block2 response are never delivered",
     fact_separate_block2},
    {"block mode: 4.13 with a smaller block size is not retried", fact_413_not_retried},
    {"block mode: 2.04 after the first of many Block1 blocks counts as success", fact_early_204},
    {"block mode: one Size2 option allocates 1 GiB", fact_size2},
    {"a DTLS socket with a descriptor above 1023 ends the process", fact_high_descriptor},
    {"CPU per request grows with the number of nodes", fact_many_nodes},
    {"CPU per request grows with the number of outstanding requests", fact_many_outstanding},
};

/* A process for each fact: one that libcoap kills leaves the others alone. */
static void show(const struct fact *fact)
{
    struct finding finding = {.seen = false};
    int ends[2], status = 0;
    stage_check(pipe(ends) == 0, "pipe");
    fflush(stdout);
    pid_t pid = fork();
    stage_check(pid >= 0, "fork");
    if (pid == 0) {
        fact->show(&finding);
        _exit(write(ends[1], &finding, sizeof(finding)) == sizeof(finding) ? 0 : 1);
    }
    close(ends[1]);
    ssize_t count = read(ends[0], &finding, sizeof(finding));
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (count == sizeof(finding))
        printf("%s  %s\n          %s\n", finding.seen ? "seen    " : "not seen", fact->name,
               finding.detail);
    else
        printf("unknown   %s\n          the attempt ended by itself\n", fact->name);
}

int main(int argc, char **argv)
{
    coap_startup();
    coap_set_log_level(LOG_EMERG);
    printf("%s\n", coap_package_version());
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (argc < 2 || strstr(facts[i].name, argv[1]) != NULL)
            show(&facts[i]);
    }
    return EXIT_SUCCESS;
}
