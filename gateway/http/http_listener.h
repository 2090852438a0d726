/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_LISTENER_H
#define COAPGW_HTTP_LISTENER_H

/*
 * http_listener: a listening socket of the gateway's own, and accepting from it.
 */

struct http_listener;
struct http_server;

/* Listens on "host:port" with a numeric host and puts the listener into server->listeners. 0 or a
 * negative errno value; -EINVAL: the address is malformed. */
int http_listener_open(struct http_server *server, const char *address);
/* Closes all listeners of the server. */
void http_listener_close_all(struct http_server *server);
/* Stops accepting on all listeners for a moment, or until http_listener_resume_all. Connections
 * wait in the kernel's queue. */
void http_listener_rest_all(struct http_server *server);
void http_listener_resume_all(struct http_server *server);

#endif
