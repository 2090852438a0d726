/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_NODE_REPORT_H
#define COAPGW_NODE_REPORT_H

/*
 * node_report: /-/nodes: what is known of the nodes at this moment, as JSON. Everybody with the
 * role `read` sees those that have a name; administrators see addresses, and the nodes without a
 * name as well. A page has at most NODE_REPORT_PAGE nodes and says where the next one is.
 */

struct core;
struct http_reply;
struct http_request;

enum { NODE_REPORT_PAGE = 1000 };

void node_report_respond(struct core *core, const struct http_request *request,
                         struct http_reply *reply);

#endif
