/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_address: the addresses of our own sockets as the configuration writes them. Names are not
 * taken: where the daemon listens must not depend on a name service.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "text.h"

/* The text behind the address: nothing, or ":port". */
static bool read_port(const char *text, uint16_t *port, bool *has_port)
{
    uint64_t number;

    *port = 0;
    *has_port = text[0] == ':';
    if (text[0] == '\0')
        return true;
    if (text[0] != ':' || !text_to_number(text + 1, strlen(text + 1), 65535, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

bool config_parse_address(const char *text, struct endpoint_address *address, bool *has_port)
{
    bool is_ipv6 = text[0] == '[';
    const char *host = text + (is_ipv6 ? 1 : 0);
    size_t length = strcspn(host, is_ipv6 ? "]" : ":");
    const char *rest = host + length;
    char literal[INET6_ADDRSTRLEN];

    memset(address, 0, sizeof *address);
    if (length >= sizeof literal || (is_ipv6 && rest[0] != ']'))
        return false;
    memcpy(literal, host, length);
    literal[length] = '\0';
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, literal, address->bytes) != 1)
        return false;
    address->family = is_ipv6 ? 6 : 4;
    return read_port(rest + (is_ipv6 ? 1 : 0), &address->port, has_port);
}
