/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_GATEWAY_H
#define COAPGW_GATEWAY_H

/*
 * gateway: the daemon: makes every part, wires them, runs the loop until a signal ends it.
 */

#include "config.h"

struct gateway_options {
    const char *config_path; /* read again at SIGHUP */
    int verbosity;           /* -v and -q of the command line: above 0 debug, below 0 less */
};

/* Runs with `config` (taken). Returns the exit code of the process (sysexits.h): 0 after an orderly
 * stop. */
int gateway_run(struct config *config, const struct gateway_options *options);

#endif
