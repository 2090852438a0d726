/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_SCRIPT_H
#define COAPGW_TEST_SCRIPT_H

/* script: the lines of a scenario file and the blocks that they form. */

#include <stdbool.h>
#include <stddef.h>

struct script {
    char **lines; /* owned, without their line ends */
    size_t count;
};

bool script_read(struct script *script, const char *file); /* false: errno tells why */
void script_clear(struct script *script);
/* True when the first word of the line is `word`. */
bool script_begins(const char *line, const char *word);
/* The number of the line that ends the block which begins at line `at`; count when none does. */
size_t script_block_end(const struct script *script, size_t at);

#endif
