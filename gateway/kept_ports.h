/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_KEPT_PORTS_H
#define COAPGW_KEPT_PORTS_H

/*
 * kept_ports: the UDP ports of the last run, in the folder `state`. Nodes go on sending
 * notifications to them: at the same port they are reset, and the nodes forget us (RFC 7641 3.6).
 * Nothing here stops the daemon: what is wrong with the file is a line in the log.
 */

#include <stdint.h>

struct log;

struct kept_ports {
    uint16_t ipv4; /* 0: none */
    uint16_t ipv6;
};

/* What the file in `folder` tells; none where it is absent, unreadable or no such file. */
struct kept_ports kept_ports_read(const char *folder, struct log *log);
/* Replaces the file as a whole, unless it says the same already. */
void kept_ports_write(const char *folder, const struct kept_ports *ports, struct log *log);

#endif
